/* SPDX-License-Identifier: MIT */
/* The family of reductions: the elements along some axes become one, by sum, product or extreme, followed perhaps by a
 * root, a logarithm or a division. An operator of this family is one small file: its definition in double, its kind of
 * reduction, its gradient. Read op/reduce_sum/reduce_sum.c, then op/reduce_l2/reduce_l2.c.
 * Axes are an option, or an input whose values are known when a plan is made. */
#ifndef OP_REDUCE_H
#define OP_REDUCE_H

#include "op/common.h"
#include "op/onnx.h"
#include <fovea/operators.h>

extern const struct op_port      reduce_in[];  /**< x, axes (optional) */
extern const struct op_port      reduce_out[]; /**< y */
extern const struct op_attribute reduce_attributes[];
extern const struct op_case      reduce_cases[];
extern const struct op_case      reduce_cases_by_input[]; /**< some with axes as an input */
extern const struct op_case      reduce_cases_away[]; /**< no two values lie close together */
extern const struct op_case      reduce_cases_positive[];

/** Marks in `gone` which axes are reduced. values[count]: those of the input axes, NULL if it is absent; then the
 *  options decide. E_SHAPE or E_USAGE where an axis is out of range or named twice. */
int reduce_axes(const struct reduce_options *options, const double *values, size_t count, const fov_shape *shape,
                bool gone[FOV_MAX_RANK], struct error *error);
/** Whether no axis is reduced: with noop_with_empty_axes, and no axes as option or input (`axes`: how many it has). */
bool reduce_is_nothing(const struct reduce_options *options, size_t axes);
/** x's shape with 1 in place of the reduced axes. */
fov_shape reduce_kept_shape(const fov_shape *shape, const bool gone[FOV_MAX_RANK]);

int reduce_infer_numbers(const struct op_infer *infer); /**< floating types and integers */
int reduce_infer_any(const struct op_infer *infer);     /**< bool too */

/** y = finish(add(add(start, x0), x1)..., number of elements). Over no axes at all, each element is reduced by itself:
 *  to its square, its logarithm... */
struct reduce_definition {
    double start;
    double (*add)(double sum, double x);
    double (*finish)(double sum, double count); /**< NULL: the sum */
    bool extreme; /**< the result is one of the x; over none, a type without infinities has its least or greatest number */
};
void reduce_textbook(const struct op_textbook *textbook, const struct reduce_definition *definition);

/* ---- gradients: what most of them need ----------------------------------------------------------------------- */

struct reduce_flow {
    struct reduce_options over; /**< the node's options with keep_dims */
    fov_value dy, y;            /**< the node's dy and y, reshaped to keep all dimensions: they broadcast to x */
};
void reduce_flow_begin(struct op_gradient *gradient, struct reduce_flow *flow);
/** Emits `kept` broadcast to x's shape. */
fov_value reduce_flow_spread(const struct op_gradient *gradient, fov_value kept);
/** Emits reduction `op` of `value` (of x's shape) over the node's axes, all dimensions kept. */
fov_value reduce_flow_reduce(const struct op_gradient *gradient, const struct reduce_flow *flow, const char *op,
                             fov_value value);
/** The gradient of a maximum (sign 1) or minimum (-1): dy is shared evenly by all elements that equal y. */
void reduce_extreme_gradient(struct op_gradient *gradient, double sign);

/* ---- on the CPU ---------------------------------------------------------------------------------------------- */

enum reduce_kind {
    REDUCE_SUM,
    REDUCE_SUM_ABS,
    REDUCE_SUM_SQUARES,
    REDUCE_PRODUCT,
    REDUCE_MAX,
    REDUCE_MIN,
    REDUCE_LOG_SUM_EXP
};
enum reduce_finish { FINISH_NONE, FINISH_MEAN, FINISH_ROOT, FINISH_LOG };

/** How x, as rows in its memory order, is reduced. If the innermost dimension is reduced (row_is_reduced), each row
 *  becomes one number; else rows are added elementwise, groups of `repeat` adjacent rows to the same row of y. */
struct reduction {
    enum reduce_kind   kind;
    enum reduce_finish finish;
    struct op_walk     walk; /**< of y over x */
    bool               row_is_reduced, nothing; /**< nothing: see reduce_is_nothing */
    bool row_is_whole;                          /**< each element of y is one row of x, not longer than a chunk */
    size_t             rows, columns, repeat;
    size_t             units; /**< work is cut into units: rows, or column ranges of rows where a row is large */
    size_t             unit_columns, units_per_row, units_per_chunk, chunks;
    size_t             in_count, out_count;
};
/** Fills a reduction of x to y, whose shape broadcasts to x's; finish and nothing stay 0. */
void reduction_prepare(struct reduction *reduction, enum reduce_kind kind, const struct op_tensor *x,
                       const struct op_tensor *y);
int  reduction_compile(struct op_compile *compile, const struct reduction *reduction); /**< state and scratch sizes */
void reduction_run(const struct op_run *run, const struct reduction *reduction);

/** For operators of this family: compile calls reduce_compile with a prepare function that calls reduce_prepare. */
int  reduce_compile(struct op_compile *compile, int (*prepare)(const struct op_compile *compile, void *state));
int  reduce_prepare(const struct op_compile *compile, void *state, enum reduce_kind kind, enum reduce_finish finish);
enum op_layout_rule reduce_layout_for(const void *options, const struct op_tensor *in, int in_count);
bool reduce_supports(const void *options, const struct op_tensor *in, int in_count);
#define REDUCE_CPU(function)                                                                                           \
    {.layout = OP_FOLLOWS, .layout_for = reduce_layout_for, .supports = reduce_supports, .compile = (function)}

/* ---- ONNX ---------------------------------------------------------------------------------------------------- */

/** Axes are an attribute before opset `input_since`, an input from then on. */
int reduce_import(struct op_import *node, const char *op, int input_since);
int reduce_export(struct op_export *node, int input_since);

fov_value reduce_build(fov_graph *graph, const char *op, fov_value x, const fov_reduce_options *options);

#endif
