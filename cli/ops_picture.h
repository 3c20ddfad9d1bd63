/* SPDX-License-Identifier: MIT */
/* A drawing of an operator as SVG, found by running it. */
#ifndef CLI_OPS_PICTURE_H
#define CLI_OPS_PICTURE_H

#include "cli.h"

/** Writes the drawing to `path`. EXIT_USAGE: this operator cannot be drawn. */
int ops_picture(struct cli *cli, const fov_operator_info *op, const char *path);

#endif
