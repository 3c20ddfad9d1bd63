/* SPDX-License-Identifier: MIT */
/* The actions of `fovea data` that read samples. Each returns 0 or an exit code. */
#ifndef CLI_DATA_SHOW_H
#define CLI_DATA_SHOW_H

#include "cli.h"

/** Describes all splits: numbers and sizes of samples, samples per class, and findings about the files. `decode`: also
 *  reads every sample, and prints each finding on a line of its own. */
int data_describe(struct cli *cli, const char *source, bool decode);
/** Shows a sheet of samples on the terminal, or writes it to the PNG of --out. */
int data_show(struct cli *cli, const char *source);
/** Exports samples as FOLDER/CLASS/INDEX.png. */
int data_export(struct cli *cli, const char *source, const char *folder);

#endif
