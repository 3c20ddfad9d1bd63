/* SPDX-License-Identifier: MIT */
/* The parts of `fovea data` that look at samples. Each answers an exit code. */
#ifndef CLI_DATA_SHOW_H
#define CLI_DATA_SHOW_H

#include "cli.h"

/** All splits: how many, how large, how many of each class, and what there is to say of the files. `decode`: every
 *  sample is read as well, and each finding has a line. */
int data_describe(struct cli *cli, const char *source, bool decode);
/** A sheet of samples in the terminal, or in the PNG that --out names. */
int data_show(struct cli *cli, const char *source);
/** Samples as FOLDER/CLASS/INDEX.png. */
int data_export(struct cli *cli, const char *source, const char *folder);

#endif
