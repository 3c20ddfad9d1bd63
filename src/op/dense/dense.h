/* SPDX-License-Identifier: MIT */
/* The dense layer and its two gradients; the gradients of these three operators are made of the same three, as with
 * convolution. Private to the folder. Rows are all dimensions but the last; they are contiguous in plain order. */
#ifndef OP_DENSE_DENSE_H
#define OP_DENSE_DENSE_H

#include "op/common.h"
#include "op/onnx.h"

/** The three matrices' sizes: rows of x and of y, features of x, units of y; weight is [units, features]. */
struct dense_size {
    size_t rows, features, units;
};
/** From x (features last) or y (units last) and the weight. */
struct dense_size dense_size(const fov_shape *any_rows, const fov_shape *weight);

/** Multiply-adds that make a chunk worth handing to a thread. */
enum { DENSE_CHUNK_WORK = 1 << 18 };

/** y = x W^T (+ bias): forward; transposed: dx = dy W. */
int dense_product_compile(struct op_compile *compile, bool transposed);
/** Whether the weight changes from run to run and rows are few: then the weight is packed while multiplying
 *  (streamed.c). */
bool dense_streams(const struct op_compile *compile);
int  dense_streamed_compile(struct op_compile *compile, bool transposed);
int dense_outer_compile(struct op_compile *compile);

int dense_import(struct op_import *node);
int dense_export(struct op_export *node);
int dense_export_input_gradient(struct op_export *node);
int dense_export_weight_gradient(struct op_export *node);

#endif
