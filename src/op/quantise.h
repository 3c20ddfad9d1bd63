/* SPDX-License-Identifier: MIT */
/* Numbers as small integers: value = (integer - zero point) * scale. Rounding, saturation, and which scale belongs to
 * an element. Integers are computed in double, which holds every sum of products of bytes exactly. Next:
 * quantize_linear/, qlinear_matmul/. */
#ifndef OP_QUANTISE_H
#define OP_QUANTISE_H

#include "op/common.h"

/** Smallest and largest integer of a dtype that values are quantised to. */
void quantise_range(fov_dtype dtype, double *low, double *high);
/** rint(value) + zero point, clamped to the range of the dtype. Half-way cases round to the even integer, as ONNX
 *  specifies; NaN becomes the smallest integer. */
double quantise_round(double value, double zero_point, fov_dtype dtype);
bool   quantise_is_target(fov_dtype dtype); /**< u8, i8, u16, i16 */

/** Index into `scale` for element i of `x`: a single scale; one per index of the axis (scale of rank 1); or one per
 *  `block` elements along the axis (scale of x's rank). */
size_t quantise_index(const fov_shape *x, const fov_shape *scale, int64_t axis, int64_t block, size_t i);
/** E_SHAPE unless inputs `scale` and `zero` (if present) fit input `x`; the arguments are input indices. */
int quantise_check(const struct op_infer *infer, int x, int scale, int zero, int64_t axis, int64_t block);

/** Dimensions of a product of stacks of matrices [..., M, K] x [..., K, N], with the rules of numpy's matmul. */
struct quantise_product {
    fov_shape a, b, y; /**< with vectors as matrices of one row (a) or one column (b) */
    size_t    rows, depth, columns, stacks;
};
int  quantise_product(struct quantise_product *product, const fov_shape *a, const fov_shape *b, fov_shape *y,
                      struct error *error);
/** Indices of the first elements of a's and b's matrix for the stack-th matrix of y. */
void quantise_stack(const struct quantise_product *product, size_t stack, size_t *a, size_t *b);

#endif
