/* SPDX-License-Identifier: MIT */
/* The family of elementwise operators of one argument: activations and the like. An operator of this family is one
 * small file: a formula in double, the kernel's name for it (as_activation), an ONNX spelling, a descriptor. The rest
 * is here. The kernels are in kernel/list.inc; their derivatives, in double, in op/activation_gradient/derivative.c.
 * Read op/relu/relu.c, then op/leaky_relu/leaky_relu.c, which has an option. */
#ifndef OP_ELEMENTWISE_H
#define OP_ELEMENTWISE_H

#include "op/common.h"

extern const struct op_port elementwise_in[];  /**< x, any shape */
extern const struct op_port elementwise_out[]; /**< y, the same */
extern const struct op_case elementwise_cases[];
extern const struct op_case elementwise_cases_kinked[]; /**< values kept away from 0, where f' jumps */
extern const struct op_case elementwise_cases_positive[]; /**< values from 0.1 to 2 */
extern const struct op_case elementwise_cases_inside[];   /**< values from -0.9 to 0.9 */
/** Runs the kernel that the descriptor's as_activation names, in chunks, in any layout, in place where allowed. */
extern const struct op_cpu elementwise_cpu;
/** For what has no kernel: runs the definition itself, in chunks on all threads, in any layout, in place. */
extern const struct op_cpu elementwise_definition_cpu;

int elementwise_infer(const struct op_infer *infer);         /**< floating types */
int elementwise_infer_numbers(const struct op_infer *infer); /**< floating types and integers */
/** Emits activation_gradient for the function that as_activation names; nothing where the derivative is zero. */
void elementwise_gradient(struct op_gradient *gradient);
/** y[i] = function(x[i], options). */
void elementwise_textbook(const struct op_textbook *textbook, double (*function)(double x, const void *options));
/** min(x, 0), written so that a NaN stays. For what kernels do not have: an ELU that rises below zero is
 *  relu(x) + alpha elu(min(x, 0)). */
fov_value elementwise_below_zero(const struct op_emitter *emitter, fov_value x);
/** Where op->as_activation is one kernel without constants. */
fov_value elementwise_build(fov_graph *graph, const char *op, fov_value x);

/** Options of activation_gradient and activation_second_gradient: which derivative, and its constants. */
struct activation_gradient_options {
    int    function; /**< enum unary */
    double alpha, beta;
};

#endif
