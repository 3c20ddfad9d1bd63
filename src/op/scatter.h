/* SPDX-License-Identifier: MIT */
/* Shared by scatter_elements and scatter_nd: how an update is combined with the old element, and the gradient. */
#ifndef OP_SCATTER_H
#define OP_SCATTER_H

#include "op/index.h"

enum scatter_reduction { SCATTER_NONE, SCATTER_ADD, SCATTER_MUL, SCATTER_MAX, SCATTER_MIN };
extern const char *const scatter_reductions[];

double scatter_combine(int reduction, double old, double update);
/** Gradients of x and updates, for inputs x, indices, updates. `scatter` is this operator's name, scatter_none its
 *  options with reduction "none"; `gather` the operator that reads the elements which scatter writes. */
void scatter_gradient(struct op_gradient *gradient, int reduction, const char *scatter, const void *scatter_none,
                      const char *gather, const void *gather_options);
/** Writes the ONNX node: the attribute reduction exists since opset 16, max and min since 18. axis NULL: no such
 *  attribute. */
int scatter_export(struct op_export *node, int reduction, const int64_t *axis);
/** Copies x to y on the pool: the first step of every scatter. */
void scatter_copy(const struct op_run *run);

#endif
