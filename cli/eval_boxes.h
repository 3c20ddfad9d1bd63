/* SPDX-License-Identifier: MIT */
/* Metrics of boxes in COCO's JSON. */
#ifndef CLI_EVAL_BOXES_H
#define CLI_EVAL_BOXES_H

#include "cli.h"
#include "json.h"

/** `truth`: an object with "images", "annotations" (bbox x, y, width, height; area; iscrowd; VOC's "difficult") and
 *  "categories"; `detections`: an array with "image_id", "category_id", "bbox" and "score". NULL on failure, with a
 *  sentence in `problem` or, where that is empty, on the context. */
fov_metrics *eval_boxes(fov_context *context, const json_t *truth, const json_t *detections, char *problem,
                        size_t problem_size);

#endif
