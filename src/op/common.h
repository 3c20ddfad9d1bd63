/* SPDX-License-Identifier: MIT */
/* Helpers shared by several families of operators: dtype checks, iterating over tensors of different shapes together,
 * cutting work into chunks, the options of the shape operators that gradients emit, and the public builders' common
 * path. Families with a file of their own: elementwise.h (one argument), binary.h (two, broadcasting). */
#ifndef OP_COMMON_H
#define OP_COMMON_H

#include "op/op.h"

/* ---- dtypes ------------------------------------------------------------------------------------------------------ */

bool op_is_float(fov_dtype dtype);   /**< f16, f32, f64 */
bool op_is_integer(fov_dtype dtype); /**< signed or unsigned; not bool */
bool op_is_signed(fov_dtype dtype);  /**< i8, i16, i32, i64 */
/** For op_cpu.supports: every present input is f32. */
bool op_all_f32(const void *options, const struct op_tensor *in, int in_count);
/** For op_cpu.supports of operators that only move elements: always true. */
bool op_any_dtype(const void *options, const struct op_tensor *in, int in_count);

/** E_USAGE unless the input is of a floating type (f16, f32, f64). */
int op_check_float(const struct op_infer *infer, int index, const char *name);
/** E_USAGE unless both inputs have one dtype. */
int op_check_same_dtype(const struct op_infer *infer, int index, const char *name, int other, const char *other_name);
/** For layers with inputs x, weight and, if present, bias: E_USAGE unless all are of floating types or, with `integers`,
 *  all of x's type of integers. */
int op_check_layer(const struct op_infer *infer, bool integers);
/** E_SHAPE unless both inputs have one shape (an unknown dimension fits anything). */
int op_check_same_shape(const struct op_infer *infer, int index, const char *name, int other, const char *other_name);

/** Number of elements of a known shape. The caller has checked that the product does not overflow. */
size_t op_count(const fov_shape *shape);
/** Converts a number to an integer type: truncated and reduced modulo 2^bits, as processors do (255 + 1 is 0 in u8);
 *  infinities and NaN become 0. For other types the value is returned unchanged. */
double op_wrap(fov_dtype dtype, double value);

/* ---- walking --------------------------------------------------------------------------------------------------- */

/** Strides of a tensor's dimensions in its layout (plain or channels-last), in elements. */
void op_memory_strides(const struct op_tensor *tensor, size_t stride[FOV_MAX_RANK]);

/** Nested loops over the elements of `frame` in memory order (frame itself is contiguous): sizes, outermost first, and
 *  the strides of up to three other tensors whose shapes broadcast to the frame's; stride 0 where a tensor repeats.
 *  Dimensions of size 1 are dropped, and adjacent dimensions are merged where every tensor's outer stride is the inner
 *  stride times the inner size, so most walks are one or two dimensions deep. Always at least one dimension. */
enum { OP_WALK_TENSORS = 3 };
struct op_walk {
    int    rank, tensors;
    size_t size[FOV_MAX_RANK];
    size_t stride[OP_WALK_TENSORS][FOV_MAX_RANK];
};
void op_walk_make(struct op_walk *walk, const struct op_tensor *frame, const struct op_tensor *const *tensors,
                  int count);
/** Product of the walk's sizes from .. to - 1. */
size_t op_walk_span(const struct op_walk *walk, int from, int to);
/** Offset in tensor `which` of the index-th element of the walk's dimensions 0 .. depth - 1, counted in memory order of
 *  the frame. */
size_t op_walk_offset(const struct op_walk *walk, int which, int depth, size_t index);

/** Views a tensor in memory as [outer][size of the axis][inner]; fills outer and inner, in elements. */
void op_axis_split(const struct op_tensor *tensor, int axis, size_t *outer, size_t *inner);

/** Whether at most one dimension differs from 1, so that plain and channels-last order are the same bytes. */
bool op_is_vector(const fov_shape *shape);
/** For op_cpu.layout_for of operators that broadcast: a layout in which all inputs can be walked together (see
 *  binary.c). */
enum op_layout_rule op_layout_for_broadcast(const void *options, const struct op_tensor *in, int in_count);

/** For textbook twins: the index, in a tensor of shape `from` that is broadcast to `shape`, of the element that appears
 *  at `index` of `shape`. Both in plain order. */
size_t op_broadcast_index(const fov_shape *shape, size_t index, const fov_shape *from);

/* ---- work ------------------------------------------------------------------------------------------------------ */

/** Elements per chunk of elementwise work: 64 KiB of floats, so that two operands and a result fit the L2 cache. Fixed:
 *  results and chunk counts must not depend on the machine. */
enum { OP_CHUNK = 16384 };

static inline size_t op_chunks(size_t count, size_t chunk)
{
    return count / chunk + (count % chunk != 0);
}
/** First index and length of a chunk. */
static inline size_t op_chunk_begin(size_t index, size_t chunk)
{
    return index * chunk;
}
static inline size_t op_chunk_length(size_t index, size_t chunk, size_t count)
{
    size_t left = count - index * chunk;
    return left < chunk ? left : chunk;
}

/** Copies bytes from one tensor to another, in chunks on the pool; does nothing if to == from or to is NULL. */
void op_copy(const struct op_run *run, void *to, const void *from, size_t bytes);
/** The compile function of operators whose output 0 is input 0 (views, identity). */
int op_compile_identity(struct op_compile *compile);

/** Converts an axis given as an input's value. An axis that no shape can have becomes FOV_MAX_RANK, which shape_axis
 *  refuses. */
static inline int64_t op_axis_value(double value)
{
    return value >= -FOV_MAX_RANK && value < FOV_MAX_RANK ? (int64_t)value : FOV_MAX_RANK;
}

/** A scalar input as a number, whatever its dtype. */
double op_scalar(const struct op_tensor *tensor);

/* ---- nodes that gradients emit ------------------------------------------------------------------------------------
 * An operator must not include another's folder, so the options of operators that others emit are declared here. */

struct reshape_options {
    struct op_list shape;      /**< -1: inferred from the number of elements; 0: the input's dimension */
    bool           allow_zero; /**< 0 in shape means zero elements */
    bool           scalar;     /**< the result has rank 0, which an empty list (not given) cannot express */
};
struct softmax_options {
    int64_t axis;
};
struct reduce_options {
    struct op_list axes; /**< none: all, unless noop_with_empty_axes */
    bool           keep_dims, noop_with_empty_axes;
};
struct cast_options {
    int to; /**< fov_dtype */
};
/** A slice along one axis. Not read where the node has the inputs starts and ends (ONNX's form). */
struct slice_options {
    int64_t axis, begin, length, step;
};
/** The inverse of a slice: a tensor of zeros with `size` elements along the axis, and the input's elements where the
 *  slice would read. In ONNX's form the result has the shape of the input `like`. */
struct place_options {
    int64_t axis, begin, step, size;
};
fov_value op_emit_reshape(const struct op_emitter *emitter, fov_value value, const fov_shape *shape);
fov_value op_emit_slice(const struct op_emitter *emitter, fov_value value, int64_t axis, int64_t begin, int64_t length,
                        int64_t step);
/** A constant of rank 0. */
fov_value op_emit_number(const struct op_emitter *emitter, fov_dtype dtype, double number);
/** value * scale + shift; `value` must be floating. */
fov_value op_emit_affine(const struct op_emitter *emitter, fov_value value, double scale, double shift);
/** value summed over the dimensions in which `like` is 1 or missing; value itself when the shapes are equal. */
fov_value op_emit_sum_to(const struct op_emitter *emitter, fov_value value, const fov_shape *shape, fov_value like,
                         const fov_shape *like_shape);

/* ---- public builders ------------------------------------------------------------------------------------------- */

/** Adds a node for a public builder (fov_...). `name` NULL: a name is generated. */
fov_value op_build(fov_graph *graph, const char *op, const fov_value *in, int count, const void *options,
                   const char *name);

#endif
