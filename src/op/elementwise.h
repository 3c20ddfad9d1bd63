/* SPDX-License-Identifier: MIT */
/* The family of elementwise operators with one argument: activations and the like. An operator of this family is one
 * small file: a formula in double, the kernel for it (as_activation), the ONNX spelling, a descriptor. The rest is
 * here. The kernels are in kernel/list.inc; their derivatives, in double, in op/activation_gradient/derivative.c.
 * Read op/relu/relu.c, then op/leaky_relu/leaky_relu.c, which has an option. */
#ifndef OP_ELEMENTWISE_H
#define OP_ELEMENTWISE_H

#include "op/common.h"

extern const struct op_port elementwise_in[];  /**< x, any shape */
extern const struct op_port elementwise_out[]; /**< y, the shape of x */
extern const struct op_case elementwise_cases[];
extern const struct op_case elementwise_cases_kinked[]; /**< values kept away from 0, where f' jumps */
extern const struct op_case elementwise_cases_positive[]; /**< values from 0.1 to 2 */
extern const struct op_case elementwise_cases_inside[];   /**< values from -0.9 to 0.9 */
/** Runs the kernel that the descriptor's as_activation names, in chunks, in any layout, in place where allowed. */
extern const struct op_cpu elementwise_cpu;
/** For operators without a kernel: runs the textbook twin in chunks on all threads, plain or channels-last, in place
 *  where allowed. */
extern const struct op_cpu elementwise_definition_cpu;

int elementwise_infer(const struct op_infer *infer);         /**< floating types */
int elementwise_infer_numbers(const struct op_infer *infer); /**< floating types and integers */
/** Emits activation_gradient for the function that as_activation names. */
void elementwise_gradient(struct op_gradient *gradient);
/** y[i] = function(x[i], options). */
void elementwise_textbook(const struct op_textbook *textbook, double (*function)(double x, const void *options));
/** Emits min(x, 0), written so that a NaN stays. To import functions that no kernel computes: an ELU whose alpha is
 *  negative, so that it rises below zero, is relu(x) + alpha elu(min(x, 0)). */
fov_value elementwise_below_zero(const struct op_emitter *emitter, fov_value x);
/** Public builder of an operator without options. */
fov_value elementwise_build(fov_graph *graph, const char *op, fov_value x);

/** Options of activation_gradient and activation_second_gradient: which derivative, and its constants. */
struct activation_gradient_options {
    int    function; /**< enum unary */
    double alpha, beta;
};

#endif
