/* SPDX-License-Identifier: MIT */
/* Non-maximum suppression for callers that keep their own error: the sessions of one model, which several threads use
 * and which must not write to the context. Programs call fov_boxes_suppress, which does the same (fovea/boxes.h). */
#ifndef DETECT_SUPPRESS_H
#define DETECT_SUPPRESS_H

#include "base/error.h"
#include "base/memory.h"
#include <fovea/boxes.h>

/** As fov_boxes_suppress; -1 and an error: an option or a number is not finite, or memory is short. */
int64_t boxes_suppress(struct memory *memory, int64_t count, const double *boxes, const double *scores,
                       const int32_t *classes, const fov_suppress_options *options, int64_t *kept,
                       double *final_scores, struct error *error);

#endif
