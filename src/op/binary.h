/* SPDX-License-Identifier: MIT */
/* The family of elementwise operators with two arguments and ONNX (numpy) broadcasting: shapes are aligned at their
 * last dimension, and a dimension of 1 repeats. An operator of this family is one small file: its formula in double,
 * the kernel's name, its gradient. Read op/add/add.c, then op/mul/mul.c. */
#ifndef OP_BINARY_H
#define OP_BINARY_H

#include "op/common.h"

extern const struct op_port binary_in[];  /**< a, b */
extern const struct op_port binary_out[]; /**< y */
extern const struct op_case binary_cases[];
extern const struct op_case binary_cases_apart[];    /**< a and b are never close to equal: maxima, remainders */
extern const struct op_case binary_cases_positive[]; /**< values from 0.1 to 2: quotients, powers */
extern const struct op_case comparison_cases[];      /**< small whole numbers, so that some are equal */
extern const struct op_case logic_cases[];           /**< bool */

/** Broadcast shape, a's dtype; both inputs have one dtype, any but bool. */
int binary_infer(const struct op_infer *infer);
/** Broadcast shape, bool; both inputs have one dtype: any, numbers only, bool only. */
int binary_infer_equality(const struct op_infer *infer);
int binary_infer_comparison(const struct op_infer *infer);
int binary_infer_logic(const struct op_infer *infer);
/** y = function(a, b), both broadcast to y's shape. Integers wrap around. */
void binary_textbook(const struct op_textbook *textbook, double (*function)(double a, double b));
/** An operator's run function calls binary_run with its kernel; its compile function passes that run function to
 *  binary_compile. */
void binary_run(const struct op_run *run, enum binary function);
int  binary_compile(struct op_compile *compile, op_function *run);
/** Whether the result is a channels-last image, one operand has its shape, and the other one number for each channel of
 *  each sample (a gate [N, C, 1, 1]). The result can then be computed line by line: set op_compile.make to a function
 *  that calls binary_make. */
bool binary_by_lines(const struct op_compile *compile);
void binary_make(const struct op_run *run, const struct op_lines *lines, float *to, enum binary function);
#define BINARY_CPU(...)                                                                                                \
    {.layout = OP_FOLLOWS, .layout_for = op_layout_for_broadcast, .supports = op_all_f32,                              \
     .in_place = 1u << 0 | 1u << 1, .compile = __VA_ARGS__}
/** Sets the gradient of input i. `full` is its gradient before broadcasting is undone, in the shape of the result; it
 *  is summed over the dimensions in which the input was repeated. */
void binary_give(struct op_gradient *gradient, int i, fov_value full);
/** For op.as_affine of operators whose first input is x: whether the second is one number per channel of x, or a single
 *  number. If so, and its data is not NULL, fills value[channels] with it. */
bool binary_per_channel(const struct op_tensor *in, int in_count, float *value);
fov_value binary_build(fov_graph *graph, const char *op, fov_value a, fov_value b);

#endif
