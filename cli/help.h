/* SPDX-License-Identifier: MIT */
/* The command's help and version. All help is made from the tables of the verbs. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli.h"

void help_overview(struct cli *cli);
void help_verb(struct cli *cli, const struct verb *verb);
/** Prints version, machine and build; `json`: as one JSON object. */
void help_version(struct cli *cli, bool json);
/** The verb of that name, or NULL with the nearest name in *suggestion (NULL: none is similar). */
const struct verb *help_find(const char *name, const char **suggestion);

#endif
