/* SPDX-License-Identifier: MIT */
/* Prevents a verb from overwriting what it reads. Outputs are compared with inputs by file identity, so that links and
 * other spellings of a path do not matter. Each verb's table says which options and arguments it writes (cli.h). */
#ifndef CLI_OVERWRITE_H
#define CLI_OVERWRITE_H

#include "cli.h"

/** Compares every path that the verb will write with all that it reads; called before the verb runs. 0, or EXIT_USAGE
 *  after a sentence. */
int overwrite_check(const struct cli *cli);

/** The same for a file whose name the verb makes itself, to be called before it is written. `what`: the sentence's
 *  subject, an option ("--every") or what the file holds ("the picture"). */
int overwrite_check_file(const struct cli *cli, const char *what, const char *path);

/** The same for one of many files that are named after pictures: compares it with the model, lists and options, and
 *  leaves the pictures, of which there may be thousands, to picture_list_has(). */
int overwrite_check_beside(const struct cli *cli, const char *what, const char *path);

#endif
