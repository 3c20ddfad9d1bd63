/* SPDX-License-Identifier: MIT */
/* fovea explain --visualise: pictures that units answer to most, as one sheet. */
#ifndef CLI_EXPLAIN_VISUALISE_H
#define CLI_EXPLAIN_VISUALISE_H

#include "cli.h"

/** Reads --visualise and the options beside it, makes the pictures and writes --out. An exit code. */
int explain_visualise(struct cli *cli, fov_model *model, fov_explainer *explainer);

#endif
