/* SPDX-License-Identifier: MIT */
/* The file in which `fovea bench --tune` keeps what it measured of a machine, and from which every verb takes the rates
 * by which plans choose between ways to compute the same thing. */
#ifndef CLI_RATES_H
#define CLI_RATES_H

#include "cli.h"

enum { RATES_PATH = 4096 };

/** --rates FILE where the verb has it and it was given, else $XDG_CONFIG_HOME/fovea/rates.json, else that below
 * ~/.config. False: none of these is known. */
bool rates_path(const struct cli *cli, char path[RATES_PATH]);

/** Gives the context the rates that the file has for this processor and instruction set; without such a file or entry
 * it keeps those of the instruction set. EXIT_OK, or an exit code with a sentence in `problem`. `from` (or NULL): ""
 * or the file that they came from. */
int rates_apply(const struct cli *cli, char from[RATES_PATH], char *problem, size_t size);

/** Puts rates into the file, in place of an older entry for the same processor and instruction set. Says what fails and
 *  answers the exit code. */
int rates_keep(struct cli *cli, const char *path, const fov_rates *rates);

/** "Intel(R) Xeon(R) Processor" */
void rates_processor(struct cli *cli, char out[128]);

#endif
