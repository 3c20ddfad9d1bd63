/* SPDX-License-Identifier: MIT */
/* What the command says of itself. All of it is made from the tables of the verbs. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli.h"

void help_overview(struct cli *cli);
void help_verb(struct cli *cli, const struct verb *verb);
/** Version, machine and build; one JSON object with --json. */
void help_version(struct cli *cli, bool json);
/** The verb of that name, or NULL with the nearest one in *suggestion (NULL: none is near). */
const struct verb *help_find(const char *name, const char **suggestion);

#endif
