/* SPDX-License-Identifier: MIT */
/* Declarations of the reference kernels, generated from list.inc. They are plain loops that define what a kernel means,
   summing in double; the tests compare every instruction set with them. The contract is kernel.h. */
#ifndef KERNEL_REFERENCE_REFERENCE_H
#define KERNEL_REFERENCE_REFERENCE_H

#include "kernel/kernel.h"

/* The reference's tile height and panel width: 4, so that packed layouts are easy to print and read. */
enum { REFERENCE_TILE_ROWS = 4, REFERENCE_PANEL = 4 };

#define KERNEL(result, name, parameters) result reference_##name parameters;
#define UNARY(name, reads, formula, derivative) \
    unary_kernel reference_unary_##name;        \
    unary_gradient_kernel reference_unary_gradient_##name;
#define BINARY(name, formula) binary_kernel reference_binary_##name;
#include "kernel/list.inc"

/* f in double, for kernels that end in an activation */
double reference_activation(enum unary function, double x, float alpha, float beta);

#endif
