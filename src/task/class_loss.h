/* SPDX-License-Identifier: MIT */
/* Adds the loss of a classifier to the graph, as nodes that consume its scores. The meaning of the output
 * (model/meaning.c) decides which loss: softmax with cross-entropy, or a binary cross-entropy of each score. */
#ifndef TASK_CLASS_LOSS_H
#define TASK_CLASS_LOSS_H

#include "model/model.h"

/** An auxiliary output: its loss on the same targets is added to the main loss, times `share`. */
struct auxiliary_head {
    fov_value logits;
    float     share;
};
enum { MOST_AUXILIARY_HEADS = 4 };

struct class_loss_options {
    bool  rows; /**< mixed pictures: targets are rows of weights, one for each score, instead of labels */
    float label_smoothing; /**< share of the target that is spread over all classes; 0: none */
    const float *weights;  /**< [classes], for softmax cross-entropy only; NULL: 1 each */
    const struct auxiliary_head *auxiliary; /**< for softmax cross-entropy only; NULL: none; ended by a share of 0 */
};

struct class_loss {
    fov_value labels; /**< i32 [N], or f32 [N, count] with .rows: an input that the caller fills */
    fov_value loss;   /**< scalar: the mean over the batch */
};

/** Adds the nodes. `scores` names a value of `graph`; afterwards scores->logits is the value [N, count] from which
 *  figures are counted after a run, and scores->is_probable tells whether that value holds probabilities: not where the
 *  loss has turned probabilities into logits. */
struct class_loss class_loss_add(fov_graph *graph, struct model_scores *scores,
                                 const struct class_loss_options *options);

#endif
