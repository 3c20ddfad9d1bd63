/* SPDX-License-Identifier: MIT */
/* fovea eval --answers FILE: figures for answers that are known already, from any program. */
#ifndef CLI_EVAL_ANSWERS_H
#define CLI_EVAL_ANSWERS_H

#include "cli.h"
#include "json.h"

/** Reads the file of --answers, measures, prints. An exit code. */
int eval_answers(struct cli *cli);
/** The figures as they are nested by the dots in their names; counts are whole numbers, what is undefined is null, an
 *  infinite PSNR "inf". */
json_t *json_from_metrics(const fov_metrics *metrics);

#endif
