/* SPDX-License-Identifier: MIT */
/* Losses that are sentences of other operators: each is a builder that adds nodes, so its gradient, and the gradient of
 * that, follow from theirs. Written so that each step is exact where the loss is: no difference of large numbers, no
 * logarithm of a rounded zero. What the builders share is here. Next: element.c, overlap.c. */
#ifndef OP_LOSS_LOSS_H
#define OP_LOSS_LOSS_H

#include "op/common.h"

#include <fovea/operators.h>

/** A loss being built. */
struct loss {
    fov_graph  *graph;
    const char *name;  /**< of its last node; NULL: made up */
    const char *kind;  /**< "huber" */
    fov_dtype   dtype;
    fov_shape   shape; /**< of the prediction */
};

/** False after a failure: prediction and target must have one shape and one floating type. */
bool loss_begin(struct loss *loss, fov_graph *graph, fov_value prediction, fov_value target, const char *kind,
                const char *name);
/** Says why not; always {0}. */
fov_value loss_fail(const struct loss *loss, fov_status status, const char *sentence, double number);
fov_value loss_number(const struct loss *loss, double number);
fov_value loss_two(const struct loss *loss, const char *op, fov_value a, fov_value b);
fov_value loss_one(const struct loss *loss, const char *op, fov_value a);
/** 1 - value */
fov_value loss_rest(const struct loss *loss, fov_value value);
fov_value loss_scale(const struct loss *loss, fov_value value, double scale);
/** Sum over dimensions `first` to the last. */
fov_value loss_sum_from(const struct loss *loss, fov_value value, int first);
/** The losses of elements or samples as the caller wants them. */
fov_value loss_reduce(const struct loss *loss, fov_value losses, fov_reduction reduction);

#endif
