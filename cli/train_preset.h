/* SPDX-License-Identifier: MIT */
/* Options of a training that were not typed: from a file of "key = value" lines, from a run's config.json, from a
 * recipe. What is typed counts most, then the file, then the recipe. */
#ifndef CLI_TRAIN_PRESET_H
#define CLI_TRAIN_PRESET_H

#include "cli.h"

/** Reads what --config and --recipe name. An exit code, after a sentence. *kept: what options point into; the caller
 *  frees it. */
int train_preset(struct cli *cli, char **kept);
/** What --recipe list prints. */
void train_recipes_print(struct cli *cli);

#endif
