/* SPDX-License-Identifier: MIT */
/* The losses of a map of classes, as nodes behind its scores: cross-entropy, Dice, their sum, and focal loss. A pixel
 * whose label is below 0 does not count in any of them. Definitions with their sources: docs/tasks.md. */
#ifndef TASK_MAP_LOSS_H
#define TASK_MAP_LOSS_H

#include "task/class_loss.h"

enum map_loss_kind { MAP_CROSS_ENTROPY, MAP_DICE, MAP_CROSS_ENTROPY_AND_DICE, MAP_FOCAL };
extern const char *const map_loss_names[]; /* in that order, ended by NULL */

struct map_loss_options {
    enum map_loss_kind kind;
    float              label_smoothing; /**< of cross-entropy */
    const float       *weights;         /**< [classes]: what a pixel of each class counts, but for Dice; NULL: 1 each */
    const struct auxiliary_head *auxiliary; /**< maps of the same classes; NULL: none; ended by a share of 0 */
};

struct map_loss {
    fov_value labels; /**< i32 [N, H, W]: to be filled */
    fov_value loss;   /**< scalar */
};

/** Adds the nodes. `scores` are the graph's, a map [N, classes, H, W], or [N, 1, H, W] for two classes; afterwards
 *  scores->logits is what is counted from after a run. */
struct map_loss map_loss_add(fov_graph *graph, struct model_scores *scores, const struct map_loss_options *options);

#endif
