/* SPDX-License-Identifier: MIT */
/* Declarations of the reference kernels, made from the list. They are plain loops that say what a kernel means, summing
   in double; the tests hold every instruction set against them. The contract is kernel.h. */
#ifndef KERNEL_REFERENCE_REFERENCE_H
#define KERNEL_REFERENCE_REFERENCE_H

#include "kernel/kernel.h"

/* A panel of the reference is this wide. It is no power-of-two accident: 4 makes layouts easy to print and read. */
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
