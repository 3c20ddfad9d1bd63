/* SPDX-License-Identifier: MIT */
/* The file in which `fovea bench --tune` keeps the measured rates of a machine (fov_rates), and from which every verb
 * reads them, for the choice of algorithms in plans. */
#ifndef CLI_RATES_H
#define CLI_RATES_H

#include "cli.h"

enum { RATES_PATH = 4096 };

/** The path of the file: --rates FILE where the verb has it and it was given, else $XDG_CONFIG_HOME/fovea/rates.json,
 * else ~/.config/fovea/rates.json. False: none of these is known. */
bool rates_path(const struct cli *cli, char path[RATES_PATH]);

/** Sets the context's rates from the file's entry for this processor and instruction set; without such a file or entry
 * the built-in rates stay. EXIT_OK, or an exit code with a sentence in `problem`. `from` (or NULL) receives the file's
 * path, "" where it was not used. */
int rates_apply(const struct cli *cli, char from[RATES_PATH], char *problem, size_t size);

/** Writes rates to the file, in place of an older entry for the same processor and instruction set. 0 or an exit code
 *  after a sentence. */
int rates_keep(struct cli *cli, const char *path, const fov_rates *rates);

/** "Intel(R) Xeon(R) Processor" */
void rates_processor(struct cli *cli, char out[128]);

#endif
