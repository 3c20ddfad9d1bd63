/* SPDX-License-Identifier: MIT */
/* Numbers as small integers: value = (integer - zero point) * scale. Rounding, saturation, and which scale an element
 * has. Exact integers in double, which holds all sums of products of bytes. Next: quantize_linear/, qlinear_matmul/. */
#ifndef OP_QUANTISE_H
#define OP_QUANTISE_H

#include "op/common.h"

/** Smallest and largest integer of a dtype that values are quantised to. */
void quantise_range(fov_dtype dtype, double *low, double *high);
/** rint(value) + zero point, kept within the dtype. Half-way cases go to the even integer, as ONNX says. */
double quantise_round(double value, double zero_point, fov_dtype dtype);
bool   quantise_is_target(fov_dtype dtype); /**< u8, i8, u16, i16 */

/** Index of the scale of element i of `x`: one scale; one per index of an axis; or one per block of an axis. */
size_t quantise_index(const fov_shape *x, const fov_shape *scale, int64_t axis, int64_t block, size_t i);
/** E_SHAPE unless `scale` (and zero point, where there is one) fits x. */
int quantise_check(const struct op_infer *infer, int x, int scale, int zero, int64_t axis, int64_t block);

/** Products of stacks of matrices [..., M, K] x [..., K, N], as numpy's matmul: which elements meet. */
struct quantise_product {
    fov_shape a, b, y; /**< vectors as matrices */
    size_t    rows, depth, columns, stacks;
};
int  quantise_product(struct quantise_product *product, const fov_shape *a, const fov_shape *b, fov_shape *y,
                      struct error *error);
void quantise_stack(const struct quantise_product *product, size_t stack, size_t *a, size_t *b); /**< first elements */

#endif
