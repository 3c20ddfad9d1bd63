/* SPDX-License-Identifier: MIT */
/* First and second derivatives of the kernels' elementwise functions, in double, for the textbook twins of
 * activation_gradient and activation_second_gradient. */
#ifndef OP_DERIVATIVE_H
#define OP_DERIVATIVE_H

#include "kernel/kernel.h"

/** f' in terms of `saved`, which is x or y as unary_gradient_reads(function) says. */
double derivative(enum unary function, double saved, double alpha, double beta);
/** The derivative of `derivative` by `saved`. */
double derivative_slope(enum unary function, double saved, double alpha, double beta);
/** Whether derivative_slope is zero everywhere, because the function consists of straight lines. */
bool derivative_is_piecewise_constant(enum unary function);

#endif
