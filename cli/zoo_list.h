/* SPDX-License-Identifier: MIT */
/* The list of networks known by name: fovea zoo, and fovea new --list. */
#ifndef CLI_ZOO_LIST_H
#define CLI_ZOO_LIST_H

#include "cli.h"

/** Prints all of them, a row or a JSON object each. 0, or an exit code after the sentence. */
int zoo_list(struct cli *cli);
/** Prints the detectors, with what each costs on this machine. */
int zoo_detectors(struct cli *cli);
/** Prints one, with its options. */
int zoo_describe(struct cli *cli, const char *name);

#endif
