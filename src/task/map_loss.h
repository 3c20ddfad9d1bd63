/* SPDX-License-Identifier: MIT */
/* Adds the loss of a map of class scores to the graph, as nodes that consume the scores: cross-entropy, Dice, their
 * sum, or focal loss. Pixels whose label is negative are left out of all of them. Definitions and sources:
 * docs/tasks.md. */
#ifndef TASK_MAP_LOSS_H
#define TASK_MAP_LOSS_H

#include "task/class_loss.h"

enum map_loss_kind { MAP_CROSS_ENTROPY, MAP_DICE, MAP_CROSS_ENTROPY_AND_DICE, MAP_FOCAL };
extern const char *const map_loss_names[]; /* in that order, ended by NULL */

struct map_loss_options {
    enum map_loss_kind kind;
    float              label_smoothing; /**< for cross-entropy only */
    const float       *weights;         /**< [classes]: weight of a pixel of each class; not for Dice; NULL: 1 each */
    const struct auxiliary_head *auxiliary; /**< maps of the same classes; NULL: none; ended by a share of 0 */
};

struct map_loss {
    fov_value labels; /**< i32 [N, H, W]: an input that the caller fills */
    fov_value loss;   /**< scalar */
};

/** Adds the nodes. `scores` names a value of `graph`, a map [N, classes, H, W], or [N, 1, H, W] for two classes;
 *  afterwards scores->logits is the value from which figures are counted after a run. */
struct map_loss map_loss_add(fov_graph *graph, struct model_scores *scores, const struct map_loss_options *options);

#endif
