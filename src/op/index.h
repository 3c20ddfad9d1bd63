/* SPDX-License-Identifier: MIT */
/* Shared by the operators that move and index elements: coordinates, input values that decide shapes, and one engine
 * that copies along strides (move), which is the CPU implementation of transpose, slice, pad, tile, expand, split and
 * depth-to-space in plain and channels-last order. Read op/transpose/ for the smallest user. */
#ifndef OP_INDEX_H
#define OP_INDEX_H

#include "op/common.h"
#include "op/onnx.h"

/* ---- coordinates, for definitions ------------------------------------------------------------------------------ */

/** Coordinates of the index-th element of a shape in plain order. */
void index_coordinates(const fov_shape *shape, size_t index, int64_t at[FOV_MAX_RANK]);
/** The inverse of index_coordinates. */
size_t index_of(const fov_shape *shape, const int64_t at[FOV_MAX_RANK]);
/** E_INPUT if the values of input 1 are known when the graph is built and an index among them lies outside input 0.
 *  Each index is `named` numbers, for the axes from `axis` on. Indices known only in a run are not checked: outside
 *  input 0 they read zeros, or write nothing. */
int index_check_known(const struct op_infer *infer, int axis, int named);
/** The same for an index of each element: also E_USAGE unless input 1 holds integers, and E_SHAPE unless its shape lies
 *  within that of input 0 in all dimensions but `axis`. */
int index_check_elements(const struct op_infer *infer, int axis);
/** Converts an axis that infer has accepted to one counted from the front. */
int index_axis(int64_t axis, int rank);

/* ---- values that decide shapes --------------------------------------------------------------------------------- */

enum { INDEX_VALUES = 64 };

/** The values of an input that decides a shape. at NULL: the input is absent. */
struct index_values {
    const double *at;
    int           count;
    double        kept[INDEX_VALUES]; /**< index_values_run stores the values here, at most INDEX_VALUES of them */
};

/** E_UNSUPPORTED naming the port if its values are not known. */
int index_values_infer(const struct op_infer *infer, int port, struct index_values *values);
void index_values_textbook(const struct op_textbook *textbook, int port, struct index_values *values);
void index_values_run(const struct op_run *run, int port, struct index_values *values);
/** Where index_values reads from: the one member that is not NULL. */
struct index_source {
    const struct op_infer    *infer;
    const struct op_textbook *textbook;
    const struct op_run      *run;
};
int index_values(const struct index_source *source, int port, struct index_values *values);
/** Clamps a number that may be OP_OPEN_BATCH, huge or NaN to +-2^60, so that sums in int64_t do not overflow. */
int64_t index_clamp(double value);

/** Element i in memory of an index tensor of any integer type. */
int64_t index_load(const struct op_tensor *tensor, size_t i);

/** Axes given as an input (values) or, where that is absent, as an option (list): marks each in chosen[] and counts
 *  them. E_SHAPE if one is out of range or named twice. */
int index_axes(const struct index_values *values, const struct op_list *list, int rank, bool chosen[FOV_MAX_RANK],
               int *count, struct error *error);

/* ---- moving ---------------------------------------------------------------------------------------------------- */

enum { MOVE_RANK = 2 * FOV_MAX_RANK };

/** Nested loops over two tensors' memory: loop i makes size[i] steps of from[i] and to[i] elements. */
struct move {
    int       rank;
    size_t    size[MOVE_RANK];
    ptrdiff_t from[MOVE_RANK], to[MOVE_RANK];
    ptrdiff_t from_begin, to_begin; /**< elements */
    size_t    element;              /**< bytes */
};
void move_loop(struct move *move, size_t size, ptrdiff_t from, ptrdiff_t to); /**< adds a loop */
/** Runs the loops, in chunks on the pool; reorders and merges them in `move`. Each element of `to` must be written at
 *  most once. */
void move_run(const struct op_run *run, struct move *move, const void *from, void *to);
/** op_memory_strides as signed numbers. */
void move_strides(const struct op_tensor *tensor, ptrdiff_t stride[FOV_MAX_RANK]);
/** Sets `count` elements to the one at `value`. */
void move_fill(const struct op_run *run, void *to, size_t count, const void *value, size_t element);

/* ---- ONNX ------------------------------------------------------------------------------------------------------ */

/** Emits a list of integers as an i64 constant. */
fov_value index_constant(const struct op_emitter *emitter, const int64_t *values, int count);
/** If the node has the list attribute `name`, which older opsets had in place of input `port`, sets in[port] to a
 *  constant of it. `in` has room for OP_MAX_PORTS values. */
int index_import_list(struct op_import *node, const char *name, int port, fov_value *in, int *in_count);
/** Emits operator `op` as the imported node's only result. */
int index_import_node(struct op_import *node, const char *op, const fov_value *in, int in_count, const void *options);
/** Writes the node as three: input 0 reshaped to `cut`, transposed by `perm` (both [rank]), and reshaped to
 *  `joined` [joined_rank]. A size 0 stands for that of the input. */
void index_export_turned(struct op_export *node, const int64_t *cut, const int64_t *perm, int rank,
                         const int64_t *joined, int joined_rank);
extern const char *const index_dtypes[]; /**< names for an option that chooses a dtype: index = fov_dtype */

#endif
