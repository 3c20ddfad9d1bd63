/* SPDX-License-Identifier: MIT */
/* The loss of a classifier, as nodes behind its scores. Which one follows from what its output means (model/meaning.c):
 * softmax with cross-entropy, or a binary cross-entropy for each score on its own. */
#ifndef TASK_CLASS_LOSS_H
#define TASK_CLASS_LOSS_H

#include "model/model.h"

/** Another output whose loss on the same targets is added, times a share. */
struct auxiliary_head {
    fov_value logits;
    float     share;
};
enum { MOST_AUXILIARY_HEADS = 4 };

struct class_loss_options {
    bool  rows; /**< targets are rows of weights, one for each score, not labels: of pictures that are mixed */
    float label_smoothing; /**< 0: share of the target spread over all classes */
    const float *weights;  /**< [classes], of softmax cross-entropy; NULL: 1 each */
    const struct auxiliary_head *auxiliary; /**< of softmax cross-entropy; NULL: none; ended by a share of 0 */
};

struct class_loss {
    fov_value labels; /**< i32 [N], or f32 [N, count]: to be filled */
    fov_value loss;   /**< scalar: the mean over the batch */
};

/** Adds the nodes. `scores` are the graph's; afterwards scores->logits is [N, count], what is counted from after a run,
 *  and says what it is: logits, wherever the loss makes some of probabilities. */
struct class_loss class_loss_add(fov_graph *graph, struct model_scores *scores,
                                 const struct class_loss_options *options);

#endif
