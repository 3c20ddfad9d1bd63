/* SPDX-License-Identifier: MIT */
/* What the operators that move and index elements share: coordinates, values that decide shapes, and one engine that
 * copies along strides (move), which is the fast form of transpose, slice, pad, tile, expand, split and depth-to-space
 * in either storage order. Read op/transpose/ for the smallest user. */
#ifndef OP_INDEX_H
#define OP_INDEX_H

#include "op/common.h"
#include "op/onnx.h"

/* ---- coordinates, for definitions ------------------------------------------------------------------------------ */

/** Coordinates of the index-th element of a shape in plain order. */
void index_coordinates(const fov_shape *shape, size_t index, int64_t at[FOV_MAX_RANK]);
/** The inverse. */
size_t index_of(const fov_shape *shape, const int64_t at[FOV_MAX_RANK]);
/** E_INPUT where an index of input 1 that is known when the graph is built lies outside input 0: each index is `named`
 *  numbers, for the axes from `axis` on. What is only known in a run is not checked: it reads zeros, or writes
 *  nothing. */
int index_check_known(const struct op_infer *infer, int axis, int named);
/** An axis that infer has accepted, counted from the front. */
int index_axis(int64_t axis, int rank);

/* ---- values that decide shapes --------------------------------------------------------------------------------- */

enum { INDEX_VALUES = 64 };

/** The values of an input that decides a shape, wherever they come from. at NULL: the input is absent. */
struct index_values {
    const double *at;
    int           count;
    double        kept[INDEX_VALUES]; /**< for values read while running */
};

/** E_UNSUPPORTED naming the port when its values are not known; absent inputs have at NULL. */
int index_values_infer(const struct op_infer *infer, int port, struct index_values *values);
void index_values_textbook(const struct op_textbook *textbook, int port, struct index_values *values);
void index_values_run(const struct op_run *run, int port, struct index_values *values);
/** The three in one: from whichever of the three is not NULL. */
struct index_source {
    const struct op_infer    *infer;
    const struct op_textbook *textbook;
    const struct op_run      *run;
};
int index_values(const struct index_source *source, int port, struct index_values *values);
/** A number that may be OP_OPEN_BATCH or huge, clamped to what int64_t arithmetic survives. */
int64_t index_clamp(double value);

/** The i-th element of an index tensor of any integer type, as it lies in memory. */
int64_t index_load(const struct op_tensor *tensor, size_t i);

/** Axes given as an option or an input, checked: in range and different. Marks each in chosen[]. */
int index_axes(const struct index_values *values, const struct op_list *list, int rank, bool chosen[FOV_MAX_RANK],
               int *count, struct error *error);

/* ---- moving ---------------------------------------------------------------------------------------------------- */

enum { MOVE_RANK = 2 * FOV_MAX_RANK };

/** Nested loops over two tensors' memory: size[i] steps of from[i] and to[i] elements. */
struct move {
    int       rank;
    size_t    size[MOVE_RANK];
    ptrdiff_t from[MOVE_RANK], to[MOVE_RANK];
    ptrdiff_t from_begin, to_begin; /**< elements */
    size_t    element;              /**< bytes */
};
void move_loop(struct move *move, size_t size, ptrdiff_t from, ptrdiff_t to);
/** Copies, in chunks on the pool. Every element of `to` must be met at most once. */
void move_run(const struct op_run *run, struct move *move, const void *from, void *to);
/** Strides of a tensor as it is stored, signed. */
void move_strides(const struct op_tensor *tensor, ptrdiff_t stride[FOV_MAX_RANK]);
/** Sets `count` elements to the one at `value`. */
void move_fill(const struct op_run *run, void *to, size_t count, const void *value, size_t element);

/* ---- ONNX ------------------------------------------------------------------------------------------------------ */

/** Emits a list of integers as an i64 constant. */
fov_value index_constant(const struct op_emitter *emitter, const int64_t *values, int count);
/** Puts the list attribute `name` of older opsets, if it is there, in the place of input `port`. in: OP_MAX_PORTS. */
int index_import_list(struct op_import *node, const char *name, int port, fov_value *in, int *in_count);
/** Gives the node's result. */
int index_import_node(struct op_import *node, const char *op, const fov_value *in, int in_count, const void *options);
extern const char *const index_dtypes[]; /**< names for an option that chooses a dtype: index = fov_dtype */

#endif
