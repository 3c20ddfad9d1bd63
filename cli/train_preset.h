/* SPDX-License-Identifier: MIT */
/* Training options from a file of "key = value" lines, a run's config.json, or a recipe. Options that were typed have
 * precedence over the file, and the file over the recipe. */
#ifndef CLI_TRAIN_PRESET_H
#define CLI_TRAIN_PRESET_H

#include "cli.h"

/** Reads the files and recipes of --config and --recipe. 0, or an exit code after a sentence. *kept: the text that
 *  options point into; the caller frees it. */
int train_preset(struct cli *cli, char **kept);
/** Prints all recipes, for --recipe list. */
void train_recipes_print(struct cli *cli);

#endif
