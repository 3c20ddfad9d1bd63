/* SPDX-License-Identifier: MIT */
/* Nothing that a verb reads is written over by it: outputs are compared with inputs as files, so that links and other
 * spellings of a path are seen through. Which options and arguments are written is in each verb's table (cli.h). */
#ifndef CLI_OVERWRITE_H
#define CLI_OVERWRITE_H

#include "cli.h"

/** Compares every option and argument that the verb writes with all that it reads. Before the verb runs, so that nothing
 *  has happened yet. EXIT_USAGE after a sentence. */
int overwrite_check(const struct cli *cli);

/** The same for a file whose name the verb made itself; `option` names what it follows from, "--out". */
int overwrite_check_file(const struct cli *cli, const char *option, const char *path);

#endif
