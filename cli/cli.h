/* SPDX-License-Identifier: MIT */
/* What a verb of the command is. A line `const struct verb verb_NAME = {` in a file of cli/ registers one. Verbs use the
 * public API only. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <fovea/fovea.h>

/** Exit codes of the command. */
enum {
    EXIT_OK = 0,
    EXIT_INTERNAL = 1,
    EXIT_USAGE = 2,
    EXIT_INPUT = 3,
    EXIT_IO = 4,
    EXIT_MEMORY = 5,
    EXIT_NUMERIC = 6,
    EXIT_INTERRUPTED = 130
};

struct cli; /* parsed options, output style, the context: cli/options.h */

struct verb {
    const char *name;    /**< "train" */
    const char *summary; /**< one line for `fovea help` */
    int (*run)(struct cli *cli);
    const struct cli_option *options; /**< ended by one without name */
    const char *arguments; /**< "FILE PICTURE...", for the usage line */
    const char *help;      /**< a few sentences and two or three examples */
    int minimum_arguments, maximum_arguments; /**< -1: any number */
};

extern const struct verb *const verb_table[]; /* generated, sorted by name */
extern const size_t             verb_table_count;

#endif
