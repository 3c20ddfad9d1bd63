/* SPDX-License-Identifier: MIT */
/* What scatter_elements and scatter_nd share: how an update meets the element it falls on, and the gradient. */
#ifndef OP_SCATTER_H
#define OP_SCATTER_H

#include "op/index.h"

enum scatter_reduction { SCATTER_NONE, SCATTER_ADD, SCATTER_MUL, SCATTER_MAX, SCATTER_MIN };
extern const char *const scatter_reductions[];

double scatter_combine(int reduction, double old, double update);
/** Ports x, indices, updates. `scatter` and `gather` are the operators' names, with one options block each; gather is
 *  the one that reads x where scatter writes it. */
void scatter_gradient(struct op_gradient *gradient, int reduction, const char *scatter, const void *scatter_none,
                      const char *gather, const void *gather_options);
/** The node as ONNX spells it: reduction is an attribute since opset 16, maxima and minima since 18. axis NULL:
 *  none. */
int scatter_export(struct op_export *node, int reduction, const int64_t *axis);
/** Copies x to y on the pool: the start of every scatter. */
void scatter_copy(const struct op_run *run);

#endif
