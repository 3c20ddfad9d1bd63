/* SPDX-License-Identifier: MIT */
/* Shapes: dimensions are multiplied, and checked for overflow, here and nowhere else. A dimension of FOV_BATCH (-1) is
 * not known yet; it becomes a number when a plan is made. */
#ifndef TENSOR_SHAPE_H
#define TENSOR_SHAPE_H

#include "base/error.h"
#include <fovea/types.h>

enum { SHAPE_TEXT_SIZE = 200 };

/** Number of elements; false if it does not fit 63 bits or a dimension is unknown or negative. Rank 0 has one. */
bool shape_count(const fov_shape *shape, size_t *count);
/** Number of elements times element size, with the same checks. */
bool shape_bytes(const fov_shape *shape, fov_dtype dtype, size_t *bytes);
/** Whether the size with a batch of 1 fits 63 bits and no dimension exceeds 2^38, so that strides, pads and dilations
 *  (each at most 2^24) can be multiplied by any dimension without overflow of 64 bits. */
bool shape_is_sound(const fov_shape *shape, fov_dtype dtype);
bool shape_is_known(const fov_shape *shape);
/** Equal rank and dimensions; unknown equals unknown. */
bool shape_equal(const fov_shape *a, const fov_shape *b);
/** The same, but unknown fits anything. */
bool shape_fits(const fov_shape *a, const fov_shape *b);
/** "[N, 6, 28, 28]"; rank 0 is "[]". Returns out. */
const char *shape_text(const fov_shape *shape, char out[SHAPE_TEXT_SIZE]);
/** ONNX (numpy) multidirectional broadcasting; E_SHAPE with both shapes in the sentence. An unknown dimension against
 *  1 or another unknown stays unknown; against a number > 1 it becomes that number. */
int shape_broadcast(const fov_shape *a, const fov_shape *b, fov_shape *result, struct error *error);
/** Turns an axis into an index: negative ones count from the end, -1 is the last. E_SHAPE if outside the rank. */
int shape_axis(const fov_shape *shape, int64_t axis, int *result, struct error *error);
fov_shape shape_make(int rank, const int64_t *dim);
/** Elements of dimensions from .. to - 1 (all known); 1 for an empty range. For loops over already checked shapes. */
size_t shape_span(const fov_shape *shape, int from, int to);
/** Replaces FOV_BATCH by `batch`. */
fov_shape shape_with_batch(const fov_shape *shape, int64_t batch);
/** Row strides of plain order, in elements. */
void shape_strides(const fov_shape *shape, int64_t stride[FOV_MAX_RANK]);

#endif
