/* SPDX-License-Identifier: MIT */
/* The family of operators that work along one axis and keep the shape: softmax, log_softmax, hardmax and their
 * gradients. In memory the axis lies as [outer][the axis][inner]: rows for a kernel where inner is 1 (logits; channels
 * in channels-last order), otherwise blocks of columns are turned into rows and back.
 * Options begin with struct softmax_options. Read op/softmax/softmax.c for a use. */
#ifndef OP_LINES_H
#define OP_LINES_H

#include "op/common.h"

/** The axis of the options, counted from the front, for shapes that infer has accepted. */
int lines_axis(const void *options, int rank);
/** Floating types; all inputs have the shape of the first, and so has the result. */
int lines_infer(const struct op_infer *infer);

/** For definitions: lines are counted over [outer][inner]. */
struct lines {
    size_t count, length, inner;
};
struct lines lines_of(const struct op_textbook *textbook);
/** Index of the k-th element of a line, plain order. */
size_t lines_place(struct lines lines, size_t line, size_t k);

/** Computes `rows` rows of a, or of a and b, which lie one behind the other; out may be a or b. */
typedef void lines_function(const struct kernel_table *kernel, size_t rows, size_t columns, const float *a,
                            const float *b, float *out);
void lines_run(const struct op_run *run, lines_function *function);
int  lines_compile(struct op_compile *compile, op_function *run);
/** The order in which the axis is contiguous, where there is one. */
enum op_layout_rule lines_layout_for(const void *options, const struct op_tensor *in, int in_count);

#endif
