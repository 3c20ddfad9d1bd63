/* SPDX-License-Identifier: MIT */
/* fovea explain --visualise: pictures that maximise units, as one sheet. */
#ifndef CLI_EXPLAIN_VISUALISE_H
#define CLI_EXPLAIN_VISUALISE_H

#include "cli.h"

/** Reads --visualise and its options, makes the pictures and writes --out. 0 or an exit code. */
int explain_visualise(struct cli *cli, fov_model *model, fov_explainer *explainer);

#endif
