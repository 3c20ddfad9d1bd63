/* SPDX-License-Identifier: MIT */
/* Code shared by all reductions except the CPU implementation (reduction.c): axes, shapes, textbook twins, gradients,
 * ONNX. */
#include "op/reduce.h"

#include <math.h>
#include <string.h>

const struct op_port reduce_in[] = {
    {.name = "x", .shape = "[...]"},
    {.name = "axes", .shape = "[axes]", .optional = true, .plain = true, .values = true},
    {0}};
const struct op_port reduce_out[] = {{.name = "y", .shape = "as x, but 1 (or nothing) along the axes"}, {0}};

const struct op_attribute reduce_attributes[] = {
    {OP_ATTRIBUTE(struct reduce_options, axes), .kind = OP_LIST, .minimum = -FOV_MAX_RANK, .maximum = FOV_MAX_RANK - 1,
     .doc = "that are reduced, from the end if < 0; none: all"},
    {OP_ATTRIBUTE(struct reduce_options, keep_dims), .onnx = "keepdims", .kind = OP_FLAG, .standard = 1,
     .doc = "reduced axes stay, with size 1"},
    {OP_ATTRIBUTE(struct reduce_options, noop_with_empty_axes), .onnx = "noop_with_empty_axes", .kind = OP_FLAG,
     .doc = "no axes: each element is reduced by itself"},
    {0},
};

/* ---- axes and shapes ----------------------------------------------------------------------------------------- */

int reduce_axes(const struct reduce_options *options, const double *values, size_t count, const fov_shape *shape,
                bool gone[FOV_MAX_RANK], struct error *error)
{
    size_t given = values != NULL ? count : (size_t)options->axes.count;
    for (int i = 0; i < FOV_MAX_RANK; i++) {
        gone[i] = given == 0 && !options->noop_with_empty_axes;
    }
    for (size_t i = 0; i < given; i++) {
        int64_t named = values != NULL ? op_axis_value(values[i]) : options->axes.at[i];
        int axis, status = shape_axis(shape, named, &axis, error);
        if (status != FOV_OK) {
            return status;
        }
        if (gone[axis]) {
            return error_set(error, FOV_E_USAGE, "axis %d is named twice", axis);
        }
        gone[axis] = true;
    }
    return FOV_OK;
}

bool reduce_is_nothing(const struct reduce_options *options, size_t axes)
{
    return axes == 0 && options->axes.count == 0 && options->noop_with_empty_axes;
}

fov_shape reduce_kept_shape(const fov_shape *shape, const bool gone[FOV_MAX_RANK])
{
    fov_shape kept = *shape;
    for (int i = 0; i < kept.rank; i++) {
        kept.dim[i] = gone[i] ? 1 : kept.dim[i];
    }
    return kept;
}

static fov_shape squeezed_shape(const fov_shape *shape, const bool gone[FOV_MAX_RANK])
{
    fov_shape squeezed = {.rank = 0};
    for (int i = 0; i < shape->rank; i++) {
        if (!gone[i]) {
            squeezed.dim[squeezed.rank++] = shape->dim[i];
        }
    }
    return squeezed;
}

int reduce_infer_any(const struct op_infer *infer)
{
    const struct reduce_options *options = infer->options;
    const double *values = NULL;
    size_t count = 0;
    bool gone[FOV_MAX_RANK];
    if (infer->in_count > 1 && infer->in[1].shape.rank >= 0) {
        values = infer->in_constant[1];
        if (values == NULL) {
            return error_set(infer->error, FOV_E_UNSUPPORTED, "axes must be known when the graph is built");
        }
        if (infer->in[1].shape.rank > 1 || !shape_count(&infer->in[1].shape, &count)) {
            return error_set(infer->error, FOV_E_SHAPE, "axes must be a list");
        }
    }
    int status = reduce_axes(options, values, count, &infer->in[0].shape, gone, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    infer->out[0].dtype = infer->in[0].dtype;
    infer->out[0].shape = options->keep_dims ? reduce_kept_shape(&infer->in[0].shape, gone)
                                             : squeezed_shape(&infer->in[0].shape, gone);
    return FOV_OK;
}

int reduce_infer_numbers(const struct op_infer *infer)
{
    if (infer->in[0].dtype == FOV_BOOL) {
        return error_set(infer->error, FOV_E_USAGE, "x is bool, it must be a number");
    }
    return reduce_infer_any(infer);
}

/* ---- definitions --------------------------------------------------------------------------------------------- */

/** The value of a reduction over no elements: `start`, or for extremes of types without infinities the type's least or
 *  greatest number. */
static double neutral(fov_dtype dtype, double start)
{
    if (!isinf(start) || op_is_float(dtype)) {
        return start;
    }
    if (dtype == FOV_BOOL) {
        return start > 0;
    }
    double range = ldexp(1, 8 * (int)fov_dtype_size(dtype)), least = op_is_signed(dtype) ? -range / 2 : 0;
    return start < 0 ? least : least + (range - 1);
}

void reduce_textbook(const struct op_textbook *textbook, const struct reduce_definition *definition)
{
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0];
    const struct op_textbook_tensor *axes = textbook->in_count > 1 ? &textbook->in[1] : NULL;
    const double *values = axes != NULL && axes->shape.rank >= 0 ? axes->data : NULL;
    size_t given = values != NULL ? op_count(&axes->shape) : 0;
    bool gone[FOV_MAX_RANK];
    struct error unused = {FOV_OK, ""};
    reduce_axes(textbook->options, values, given, &x->shape, gone, &unused);
    double elements = 1; /* of x for each one of y */
    for (int i = 0; i < x->shape.rank; i++) {
        elements *= gone[i] ? (double)x->shape.dim[i] : 1;
    }

    fov_shape kept = reduce_kept_shape(&x->shape, gone); /* y's shape before dimensions are dropped */
    size_t in_count = op_count(&x->shape), out_count = op_count(&y->shape);
    for (size_t i = 0; i < out_count; i++) {
        y->data[i] = definition->extreme ? neutral(y->dtype, definition->start) : definition->start;
    }
    for (size_t i = 0; i < in_count; i++) {
        double *sum = &y->data[op_broadcast_index(&x->shape, i, &kept)];
        *sum = definition->add(*sum, x->data[i]);
    }
    for (size_t i = 0; i < out_count && !definition->extreme; i++) {
        double sum = y->data[i];
        y->data[i] = op_wrap(y->dtype, definition->finish != NULL ? definition->finish(sum, elements) : sum);
    }
}

/* ---- gradients ----------------------------------------------------------------------------------------------- */

void reduce_flow_begin(struct op_gradient *gradient, struct reduce_flow *flow)
{
    const struct reduce_options *options = gradient->options;
    const fov_shape *x = &gradient->in_tensor[0].shape, *y = &gradient->out_tensor[0].shape;
    *flow = (struct reduce_flow){.over = *options, .dy = gradient->out_gradient[0], .y = gradient->out[0]};
    flow->over.keep_dims = true;
    if (options->keep_dims || x->rank == y->rank) {
        return;
    }
    bool has_input = gradient->in_count > 1 && gradient->in[1].id != 0;
    if (has_input && y->rank > 0) { /* the values of the axes are known to the shape rules alone */
        flow->dy = op_emit2(gradient->emitter, "unsqueeze", flow->dy, gradient->in[1], NULL);
        flow->y = op_emit2(gradient->emitter, "unsqueeze", flow->y, gradient->in[1], NULL);
        return;
    }
    bool gone[FOV_MAX_RANK];
    struct error unused = {FOV_OK, ""};
    const struct reduce_options all = {.keep_dims = true};
    reduce_axes(has_input ? &all : options, NULL, 0, x, gone, &unused);
    fov_shape kept = reduce_kept_shape(x, gone);
    flow->dy = op_emit_reshape(gradient->emitter, flow->dy, &kept);
    flow->y = op_emit_reshape(gradient->emitter, flow->y, &kept);
}

fov_value reduce_flow_spread(const struct op_gradient *gradient, fov_value kept)
{
    return op_emit2(gradient->emitter, "broadcast_to", kept, gradient->in[0], NULL);
}

fov_value reduce_flow_reduce(const struct op_gradient *gradient, const struct reduce_flow *flow, const char *op,
                             fov_value value)
{
    bool has_input = gradient->in_count > 1 && gradient->in[1].id != 0;
    fov_value in[] = {value, has_input ? gradient->in[1] : (fov_value){0}};
    return op_emit(gradient->emitter, op, in, has_input ? 2 : 1, &flow->over);
}

/* sign * (x - y) is 0 at the extremes and negative elsewhere, so 1 + sign * sign(x - y) is 1 there and 0 elsewhere. */
void reduce_extreme_gradient(struct op_gradient *gradient, double sign)
{
    const struct op_emitter *emitter = gradient->emitter;
    struct reduce_flow flow;
    reduce_flow_begin(gradient, &flow);
    fov_value below = op_emit1(emitter, "sign", op_emit2(emitter, "sub", gradient->in[0], flow.y, NULL), NULL);
    fov_value picked = op_emit_affine(emitter, below, sign, 1);
    fov_value number = reduce_flow_reduce(gradient, &flow, "reduce_sum", picked);
    fov_value share = op_emit2(emitter, "div", flow.dy, number, NULL);
    gradient->in_gradient[0] = op_emit2(emitter, "mul", picked, share, NULL);
}

/* ---- on the CPU ---------------------------------------------------------------------------------------------- */

bool reduce_supports(const void *options, const struct op_tensor *in, int in_count)
{
    (void)in_count;
    return op_all_f32(options, in, 1); /* input 1, axes, is i64 */
}

/* A result of rank 3 or more with dropped dimensions is plain: its dimension 1 need not be the channels. */
enum op_layout_rule reduce_layout_for(const void *options, const struct op_tensor *in, int in_count)
{
    const struct reduce_options *reduce = options;
    int64_t axes = reduce->axes.count;
    if (in_count > 1 && in[1].shape.rank >= 0) {
        axes = in[1].shape.rank == 0 ? 1 : in[1].shape.dim[0];
    }
    axes = axes == 0 && !reduce->noop_with_empty_axes ? in[0].shape.rank : axes;
    return reduce->keep_dims || axes == 0 || in[0].shape.rank - axes < 3 ? OP_FOLLOWS : OP_WANTS_PLAIN;
}

int reduce_prepare(const struct op_compile *compile, void *state, enum reduce_kind kind, enum reduce_finish finish)
{
    const struct reduce_options *options = compile->options;
    struct op_tensor y = compile->out[0];
    const double *values = compile->in_count > 1 && compile->in[1].shape.rank >= 0 ? compile->in_values[1] : NULL;
    size_t given = values != NULL ? op_count(&compile->in[1].shape) : 0;
    bool gone[FOV_MAX_RANK], nothing = reduce_is_nothing(options, given);
    int status = reduce_axes(options, values, given, &compile->in[0].shape, gone, compile->error);
    if (status != FOV_OK) {
        return status;
    }
    if (!options->keep_dims && !nothing) {
        y.shape = reduce_kept_shape(&compile->in[0].shape, gone);
        y.layout = OP_PLAIN;
    }
    struct reduction *reduction = state;
    reduction_prepare(reduction, kind, &compile->in[0], &y);
    reduction->finish = finish;
    reduction->nothing = nothing;
    return FOV_OK;
}

static void run(const struct op_run *run)
{
    reduction_run(run, run->state);
}

int reduce_compile(struct op_compile *compile, int (*prepare)(const struct op_compile *compile, void *state))
{
    struct reduction reduction;
    int status = prepare(compile, &reduction);
    compile->prepare = prepare;
    compile->run = run;
    return status != FOV_OK ? status : reduction_compile(compile, &reduction);
}

/* ---- ONNX ---------------------------------------------------------------------------------------------------- */

int reduce_import(struct op_import *node, const char *op, int input_since)
{
    struct reduce_options options = {.keep_dims = node->integer(node->reader, "keepdims", 1) != 0};
    fov_value in[] = {node->in[0], {0}};
    int count = 1;
    if (node->opset < input_since) {
        node->list(node->reader, "axes", &options.axes);
    } else {
        options.noop_with_empty_axes = node->integer(node->reader, "noop_with_empty_axes", 0) != 0;
        if (node->in_count > 1 && node->in[1].id != 0) {
            fov_shape shape;
            const double *axes = node->constant(node->reader, 1, &shape);
            size_t given = axes != NULL && shape.rank <= 1 ? op_count(&shape) : SIZE_MAX;
            if (given <= FOV_MAX_RANK) {
                options.axes.count = (int)given;
                for (size_t i = 0; i < given; i++) {
                    options.axes.at[i] = op_axis_value(axes[i]);
                }
            } else {
                in[count++] = node->in[1]; /* its values may become known during shape inference */
            }
        }
    }
    node->result(node->reader, 0,
                 node->emitter->node(node->emitter->graph, op, in, count, &options, node->node_name));
    return FOV_OK;
}

/** Exports a reduction over no axes as the elementwise operator that it is, which exists in all opsets. */
static void export_alone(struct op_export *node)
{
    static const char *const others[][2] = {
        {"ReduceL1", "Abs"}, {"ReduceL2", "Abs"}, {"ReduceLogSum", "Log"}, {"ReduceSumSquare", "Mul"}};
    const char *type = "Identity";
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        type = strcmp(node->op->onnx->type, others[i][0]) == 0 ? others[i][1] : type;
    }
    node->begin(node->writer, type, NULL);
    for (int i = 0; i < (strcmp(type, "Mul") == 0 ? 2 : 1); i++) {
        node->input(node->writer, 0);
    }
    node->output(node->writer, 0);
}

int reduce_export(struct op_export *node, int input_since)
{
    struct reduce_options own = *(const struct reduce_options *)node->options;
    const struct reduce_options *options = &own;
    bool has_input = node->in_count > 1 && node->in[1].shape.rank >= 0;
    bool as_input = node->opset >= input_since;
    if (node->in[0].dtype == FOV_BOOL && node->opset < 20) {
        return node->fail(node->writer, FOV_E_UNSUPPORTED, "%s of bools needs opset 20, not %d", node->op->onnx->type,
                          node->opset);
    }
    if (has_input && !as_input) { /* this opset has an attribute instead: needs known values */
        const double *values = node->known(node->writer, 1);
        if (values == NULL) {
            return node->fail(node->writer, FOV_E_UNSUPPORTED, "opset %d has no axes input (from opset %d on)",
                              node->opset, input_since);
        }
        own.axes.count = (int)op_count(&node->in[1].shape);
        for (int i = 0; i < own.axes.count; i++) {
            own.axes.at[i] = op_axis_value(values[i]);
        }
        has_input = false;
    }
    if (!as_input && options->noop_with_empty_axes && options->axes.count == 0) {
        export_alone(node);
        return FOV_OK;
    }
    const char *axes = NULL;
    /* "No axes" is exported as an empty list, not as an absent one, which ONNX Runtime takes for all axes. */
    if (as_input && !has_input && (options->axes.count > 0 || options->noop_with_empty_axes)) {
        axes = node->integers(node->writer, options->axes.at, options->axes.count, false);
    }
    node->begin(node->writer, node->op->onnx->type, NULL);
    node->input(node->writer, 0);
    if (has_input) {
        node->input(node->writer, 1);
    } else if (axes != NULL) {
        node->input_name(node->writer, axes);
    }
    if (!as_input && options->axes.count > 0) {
        node->attribute_list(node->writer, "axes", options->axes.at, options->axes.count);
    }
    node->attribute_integer(node->writer, "keepdims", options->keep_dims ? 1 : 0);
    if (as_input && options->noop_with_empty_axes) {
        node->attribute_integer(node->writer, "noop_with_empty_axes", 1);
    }
    node->output(node->writer, 0);
    return FOV_OK;
}

fov_value reduce_build(fov_graph *graph, const char *op, fov_value x, const fov_reduce_options *options)
{
    static const fov_reduce_options standard = {0};
    const fov_reduce_options *given = options != NULL ? options : &standard;
    struct reduce_options reduce = {.keep_dims = given->keep_dims};
    if (given->axis_count < 0 || given->axis_count > FOV_MAX_RANK) {
        return graph == NULL ? (fov_value){0}
                             : fov_graph_fail(graph, given->name != NULL ? given->name : op, FOV_E_USAGE,
                                              "axis_count is %d, it must lie in 0 .. %d", given->axis_count,
                                              FOV_MAX_RANK);
    }
    reduce.axes.count = given->axis_count;
    for (int i = 0; i < given->axis_count; i++) {
        reduce.axes.at[i] = given->axes[i];
    }
    return op_build(graph, op, &x, 1, &reduce, given->name);
}

/* ---- cases --------------------------------------------------------------------------------------------------- */

/* Fills the axes input with the last axis and axis 1. */
static void fill_axes(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        data[i] = index == 1 ? (i == 0 ? -1 : 1) : (double)random_below(key, i, 9) - 4;
    }
}

/* A shuffled grid whose points are at least 0.02 from zero and 0.05 from each other, so that extremes and signs do not
 * change under the small steps of central differences. */
static void fill_away(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count && index == 0; i++) {
        data[i] = ((double)i - (double)(count / 2)) * 0.05 + 0.02;
    }
    for (size_t i = count; i > 1 && index == 0; i--) {
        size_t j = (size_t)random_below(key, i, i);
        double kept = data[i - 1];
        data[i - 1] = data[j];
        data[j] = kept;
    }
}

static void fill_positive(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count && index == 0; i++) {
        data[i] = 0.1 + 1.9 * random_uniform(key, i);
    }
}

#define KEPT(...) &(const struct reduce_options){.axes = {__VA_ARGS__}, .keep_dims = true}
#define DROPPED(...) &(const struct reduce_options){.axes = {__VA_ARGS__}}
static const struct reduce_options all_dropped = {0};
static const struct reduce_options no_axes = {.keep_dims = true, .noop_with_empty_axes = true};

#define SHAPES(filling)                                                                                                \
    {.name = "all", .in = {{3, {2, 3, 5}}}, .in_count = 1, .fill = filling},                                           \
    {.name = "all, dropped", .in = {{2, {4, 7}}}, .in_count = 1, .options = &all_dropped,                              \
     .fill = filling},                                                                                                 \
    {.name = "scalar", .in = {{0, {0}}}, .in_count = 1, .fill = filling},                                              \
    {.name = "rows", .in = {{2, {7, 33}}}, .in_count = 1, .options = KEPT(1, {1}), .fill = filling},                   \
    {.name = "rows, dropped", .in = {{2, {7, 13}}}, .in_count = 1, .options = DROPPED(1, {-1}), .fill = filling},      \
    {.name = "short rows", .in = {{2, {19, 5}}}, .in_count = 1, .options = KEPT(1, {1}), .fill = filling},             \
    {.name = "columns", .in = {{2, {7, 33}}}, .in_count = 1, .options = KEPT(1, {0}), .fill = filling},                \
    {.name = "pixels", .in = {{4, {2, 5, 3, 4}}}, .in_count = 1, .options = KEPT(2, {2, 3}), .fill = filling},         \
    {.name = "pixels, dropped", .in = {{4, {2, 5, 3, 4}}}, .in_count = 1, .options = DROPPED(2, {-1, -2}),             \
     .fill = filling},                                                                                                 \
    {.name = "channels", .in = {{4, {2, 5, 3, 4}}}, .in_count = 1, .options = KEPT(1, {1}), .fill = filling},          \
    {.name = "channels, dropped", .in = {{4, {2, 5, 3, 4}}}, .in_count = 1, .options = DROPPED(1, {1}),                \
     .fill = filling},                                                                                                 \
    {.name = "all but channels", .in = {{4, {3, 5, 2, 3}}}, .in_count = 1, .options = KEPT(3, {0, 2, 3}),              \
     .fill = filling},                                                                                                 \
    {.name = "outer and inner", .in = {{5, {2, 3, 2, 3, 2}}}, .in_count = 1, .options = KEPT(3, {0, 2, 4}),            \
     .fill = filling},                                                                                                 \
    {.name = "axis of one", .in = {{3, {3, 1, 4}}}, .in_count = 1, .options = KEPT(1, {1}), .fill = filling},          \
    {.name = "no axes", .in = {{2, {3, 4}}}, .in_count = 1, .options = &no_axes, .fill = filling},                     \
    {.name = "large, all", .in = {{2, {300, 701}}}, .in_count = 1, .no_gradient = true, .fill = filling},              \
    {.name = "large, channels", .in = {{4, {2, 33, 64, 65}}}, .in_count = 1, .options = KEPT(3, {0, 2, 3}),            \
     .no_gradient = true, .fill = filling},                                                                            \
    {.name = "large, columns", .in = {{2, {700, 301}}}, .in_count = 1, .options = KEPT(1, {0}), .no_gradient = true,   \
     .fill = filling}, {0}

const struct op_case reduce_cases_by_input[] = {
    {.name = "axes as an input", .in = {{4, {2, 3, 4, 5}}, {1, {2}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2,
     .fill = fill_axes},
    {.name = "axes as an input, dropped", .in = {{4, {2, 3, 4, 5}}, {1, {2}}}, .in_dtype = {FOV_F32, FOV_I64},
     .in_count = 2, .options = &all_dropped, .fill = fill_axes},
    SHAPES(NULL)};
const struct op_case reduce_cases[]          = {SHAPES(NULL)};
const struct op_case reduce_cases_away[]     = {SHAPES(fill_away)};
const struct op_case reduce_cases_positive[] = {SHAPES(fill_positive)};
