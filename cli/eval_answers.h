/* SPDX-License-Identifier: MIT */
/* fovea eval --answers FILE: metrics of answers that any program has written to a file. */
#ifndef CLI_EVAL_ANSWERS_H
#define CLI_EVAL_ANSWERS_H

#include "cli.h"
#include "json.h"

/** Reads the file of --answers, computes and prints the metrics. 0 or an exit code. */
int eval_answers(struct cli *cli);
/** The figures as an object, nested by the dots in their names; counts are integers, undefined figures null, an
 *  infinite PSNR "inf". */
json_t *json_from_metrics(const fov_metrics *metrics);

#endif
