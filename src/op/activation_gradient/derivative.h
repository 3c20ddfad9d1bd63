/* SPDX-License-Identifier: MIT */
/* First and second derivatives of the kernels' elementwise functions, in double: the definition that
 * activation_gradient's twins evaluate. */
#ifndef OP_DERIVATIVE_H
#define OP_DERIVATIVE_H

#include "kernel/kernel.h"

/** f', written in x or in y as unary_gradient_reads(function) says. */
double derivative(enum unary function, double saved, double alpha, double beta);
/** The derivative of that expression by what it reads. */
double derivative_slope(enum unary function, double saved, double alpha, double beta);
/** derivative_slope is zero everywhere: the function is made of straight pieces. */
bool derivative_is_piecewise_constant(enum unary function);

#endif
