/* SPDX-License-Identifier: MIT */
/* fovea data transforms: lists the transforms for --augment. */
#ifndef CLI_DATA_TRANSFORMS_H
#define CLI_DATA_TRANSFORMS_H

#include "cli.h"

/** Lists transforms with their options, and the presets. An exit code. */
int data_transforms(struct cli *cli);

#endif
