/* SPDX-License-Identifier: MIT */
/* What operators of several families share: dtype questions, walking tensors of different shapes together, cutting work
 * into chunks, the options of the shape operators that gradients emit, and the public builders' common path.
 * Families with a file of their own: elementwise.h (one argument), binary.h (two, broadcasting). */
#ifndef OP_COMMON_H
#define OP_COMMON_H

#include "op/op.h"

/* ---- dtypes ------------------------------------------------------------------------------------------------------ */

bool op_is_float(fov_dtype dtype);   /**< f16, f32, f64 */
bool op_is_integer(fov_dtype dtype); /**< signed or unsigned; not bool */
bool op_is_signed(fov_dtype dtype);  /**< i8, i16, i32, i64 */
/** For op_cpu.supports: every present input is f32. */
bool op_all_f32(const void *options, const struct op_tensor *in, int in_count);
/** For op_cpu.supports of operators that only move elements. */
bool op_any_dtype(const void *options, const struct op_tensor *in, int in_count);

/** E_USAGE unless the input is floating (f16, f32, f64). */
int op_check_float(const struct op_infer *infer, int index, const char *name);
/** E_USAGE unless both inputs have one dtype. */
int op_check_same_dtype(const struct op_infer *infer, int index, const char *name, int other, const char *other_name);
/** E_SHAPE unless both inputs have one shape (an unknown dimension fits anything). */
int op_check_same_shape(const struct op_infer *infer, int index, const char *name, int other, const char *other_name);

/** Elements of a known shape that was checked before. */
size_t op_count(const fov_shape *shape);
/** What an integer type keeps of a whole number: counted round and round, as processors do (255 + 1 is 0 in u8).
 *  Other types keep all of it. */
double op_wrap(fov_dtype dtype, double value);

/* ---- walking --------------------------------------------------------------------------------------------------- */

/** Strides of a tensor's dimensions as it is stored: those of its layout. Elements. */
void op_memory_strides(const struct op_tensor *tensor, size_t stride[FOV_MAX_RANK]);

/** The dimensions of `frame` in the order they lie in memory (frame itself is contiguous), with the strides of up to
 *  three other tensors whose shapes broadcast to the frame's: 0 where one repeats. Dimensions of size 1 are dropped
 *  and neighbours that all tensors step through evenly are merged, so most walks are one or two dimensions deep.
 *  Always at least one dimension. */
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
/** Offset of tensor `which` at the index-th element of dimensions 0 .. depth - 1, row by row. */
size_t op_walk_offset(const struct op_walk *walk, int which, int depth, size_t index);

/** A tensor in memory as [outer][the axis][inner], in elements. */
void op_axis_split(const struct op_tensor *tensor, int axis, size_t *outer, size_t *inner);

/** At most one dimension is larger than 1: plain and channels-last order are the same bytes. */
bool op_is_vector(const fov_shape *shape);
/** The order in which operators that broadcast can read all their inputs evenly (see binary.c). */
enum op_layout_rule op_layout_for_broadcast(const void *options, const struct op_tensor *in, int in_count);

/** For textbook twins: where the element at `index` of `shape` (plain order) comes from in a tensor of shape `from`
 *  that is broadcast to it. */
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

/** Bytes copied from one tensor to another of the same size, in chunks on the pool; nothing when they are the same. */
void op_copy(const struct op_run *run, void *to, const void *from, size_t bytes);
/** A compile function of operators whose output 0 is input 0 (views, identity). */
int op_compile_identity(struct op_compile *compile);

/** An axis among an input's values; any that no shape has becomes FOV_MAX_RANK, which shape_axis refuses. */
static inline int64_t op_axis_value(double value)
{
    return value >= -FOV_MAX_RANK && value < FOV_MAX_RANK ? (int64_t)value : FOV_MAX_RANK;
}

/** A scalar input as a number, whatever its dtype. */
double op_scalar(const struct op_tensor *tensor);

/* ---- nodes that gradients emit ------------------------------------------------------------------------------------
 * An operator may not look into another's folder, so the options of those that others emit live here. */

struct reshape_options {
    struct op_list shape;      /**< -1: what is left over; 0: the input's */
    bool           allow_zero; /**< 0 means zero elements */
    bool           scalar;     /**< rank 0: an empty list cannot say so */
};
struct softmax_options {
    int64_t axis;
};
/** One axis; or, where the inputs starts and ends are given, ONNX's form: then these are not looked at. */
struct reduce_options {
    struct op_list axes; /**< none: all, unless noop_with_empty_axes */
    bool           keep_dims, noop_with_empty_axes;
};
struct cast_options {
    int to; /**< fov_dtype */
};
struct slice_options {
    int64_t axis, begin, length, step;
};
/** The inverse of a slice: a tensor of zeros with `size` elements along the axis, and the input at the places that the
 *  slice would read. Of ONNX's form: with the shape of the input `like`. */
struct place_options {
    int64_t axis, begin, step, size;
};
fov_value op_emit_reshape(const struct op_emitter *emitter, fov_value value, const fov_shape *shape);
fov_value op_emit_slice(const struct op_emitter *emitter, fov_value value, int64_t axis, int64_t begin, int64_t length,
                        int64_t step);
/** Constants of rank 0, and simple arithmetic with them: value * scale + shift; f32 unless a dtype is given. */
fov_value op_emit_number(const struct op_emitter *emitter, fov_dtype dtype, double number);
fov_value op_emit_affine(const struct op_emitter *emitter, fov_value value, double scale, double shift);
/** value summed over the dimensions in which `like` is 1 or missing; value itself when the shapes are equal. */
fov_value op_emit_sum_to(const struct op_emitter *emitter, fov_value value, const fov_shape *shape, fov_value like,
                         const fov_shape *like_shape);

/* ---- public builders ------------------------------------------------------------------------------------------- */

/** Adds a node for a fov_... call: `name` NULL: one is made up. */
fov_value op_build(fov_graph *graph, const char *op, const fov_value *in, int count, const void *options,
                   const char *name);

#endif
