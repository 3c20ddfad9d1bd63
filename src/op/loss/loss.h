/* SPDX-License-Identifier: MIT */
/* Losses composed of other operators: each is a builder that adds nodes, whose own gradients give the gradient of the
 * loss, of any order. The formulas are chosen for accuracy: no difference of large numbers, no logarithm of a rounded
 * zero. This header declares the helpers shared by the builders. Next: element.c, overlap.c. */
#ifndef OP_LOSS_LOSS_H
#define OP_LOSS_LOSS_H

#include "op/common.h"

#include <fovea/operators.h>

/** A loss being built. */
struct loss {
    fov_graph  *graph;
    const char *name;  /**< of the loss's last node; NULL: generated */
    const char *kind;  /**< "huber" */
    fov_dtype   dtype;
    fov_shape   shape; /**< of the prediction */
};

/** Fills `loss`. If prediction and target differ in shape or type, or are not floating, fails the graph and returns
 *  false. */
bool loss_begin(struct loss *loss, fov_graph *graph, fov_value prediction, fov_value target, const char *kind,
                const char *name);
/** Fails the graph with an error of this sentence, the number and the prediction's shape; returns value 0. */
fov_value loss_fail(const struct loss *loss, fov_status status, const char *sentence, double number);
fov_value loss_number(const struct loss *loss, double number);
fov_value loss_two(const struct loss *loss, const char *op, fov_value a, fov_value b);
fov_value loss_one(const struct loss *loss, const char *op, fov_value a);
/** 1 - value */
fov_value loss_rest(const struct loss *loss, fov_value value);
fov_value loss_scale(const struct loss *loss, fov_value value, double scale);
/** Sum of `value` over the dimensions from `first` to the last, which it need not have: then `value` itself. */
fov_value loss_sum_from(const struct loss *loss, fov_value value, int first);
/** The last node: the losses of elements or samples reduced to their mean or sum, or not at all. */
fov_value loss_reduce(const struct loss *loss, fov_value losses, fov_reduction reduction);

#endif
