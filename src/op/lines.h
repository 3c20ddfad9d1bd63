/* SPDX-License-Identifier: MIT */
/* The family of operators that work along one axis and keep the shape: softmax, log_softmax, hardmax and their
 * gradients. A line is the elements along that axis at fixed other coordinates. In memory a tensor is
 * [outer][the axis][inner]: where inner is 1 (logits; channels in channels-last order) lines are rows for a kernel,
 * otherwise blocks of lines are transposed into rows and back.
 * Options begin with struct softmax_options. Read op/softmax/softmax.c for a use. */
#ifndef OP_LINES_H
#define OP_LINES_H

#include "op/common.h"

/** The axis of the options, counted from the front, for shapes that infer has accepted. */
int lines_axis(const void *options, int rank);
/** Shape rule: all inputs are of one floating type and one shape, which is the result's. */
int lines_infer(const struct op_infer *infer);

/** For textbook twins: number and length of lines, which are numbered [outer][inner]. */
struct lines {
    size_t count, length, inner;
};
struct lines lines_of(const struct op_textbook *textbook);
/** Index of the k-th element of a line, plain order. */
size_t lines_place(struct lines lines, size_t line, size_t k);

/** Computes `rows` contiguous rows from a, or from a and b; out may be a or b. b is NULL for operators of one input. */
typedef void lines_function(const struct kernel_table *kernel, size_t rows, size_t columns, const float *a,
                            const float *b, float *out);
void lines_run(const struct op_run *run, lines_function *function);
int  lines_compile(struct op_compile *compile, op_function *run);
/** For op_cpu.layout_for: the layout in which the axis is contiguous, if there is one. */
enum op_layout_rule lines_layout_for(const void *options, const struct op_tensor *in, int in_count);

#endif
