/* SPDX-License-Identifier: MIT */
/* Expand: a tensor repeated to a larger shape by the rules of broadcasting. The gradient adds up what was repeated. */
#include "op/index.h"

#include <fovea/operators.h>

static int infer(const struct op_infer *infer)
{
    struct index_values values;
    fov_shape wanted = {.rank = 0};
    int status = index_values_infer(infer, 1, &values);
    if (status != FOV_OK) {
        return status;
    }
    if (values.count > FOV_MAX_RANK) {
        return error_set(infer->error, FOV_E_SHAPE, "shape has %d dimensions, at most %d are possible", values.count,
                         FOV_MAX_RANK);
    }
    wanted.rank = values.count;
    for (int i = 0; i < values.count; i++) {
        wanted.dim[i] = op_size_value(values.at[i]);
        if (wanted.dim[i] < 0 && !(i == 0 && values.at[i] == OP_OPEN_BATCH)) {
            return error_set(infer->error, FOV_E_SHAPE, "shape's dimension %d is %g", i, values.at[i]);
        }
    }
    return shape_broadcast(&infer->in[0].shape, &wanted, &infer->out[0].shape, infer->error);
}

static void gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] =
            op_emit_sum_to(gradient->emitter, gradient->out_gradient[0], &gradient->out_tensor[0].shape,
                           gradient->in[0], &gradient->in_tensor[0].shape);
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0];
    size_t count = op_count(&y->shape);
    for (size_t i = 0; i < count; i++) {
        y->data[i] = x->data[op_broadcast_index(&y->shape, i, &x->shape)];
    }
}

static void run(const struct op_run *run)
{
    const fov_shape *x = &run->in[0].shape, *y = &run->out[0].shape;
    struct move move = {.element = fov_dtype_size(run->in[0].dtype)};
    ptrdiff_t from[FOV_MAX_RANK], to[FOV_MAX_RANK];
    move_strides(&run->in[0], from);
    move_strides(&run->out[0], to);
    for (int d = 0; d < y->rank; d++) {
        int own = d - (y->rank - x->rank);
        move_loop(&move, (size_t)y->dim[d], own < 0 || x->dim[own] == 1 ? 0 : from[own], to[d]);
    }
    move_run(run, &move, run->in[0].data, run->out[0].data);
}

static int compile(struct op_compile *compile)
{
    compile->run = run;
    return FOV_OK;
}

/* Channels-last order counts dimensions from the first, broadcasting from the last: with equal ranks the two agree. */
static enum op_layout_rule layout_for(const void *options, const struct op_tensor *in, int in_count)
{
    (void)options;
    (void)in_count;
    return in[1].shape.rank == 1 && in[1].shape.dim[0] <= in[0].shape.rank ? OP_FOLLOWS : OP_WANTS_PLAIN;
}

static const struct op_cpu cpu = {.layout_for = layout_for, .supports = op_any_dtype, .compile = compile};

static const struct op_onnx onnx = {.type = "Expand", .since = 8};

fov_value fov_expand(fov_graph *graph, fov_value x, fov_shape shape)
{
    if (graph == NULL || shape.rank < 0 || shape.rank > FOV_MAX_RANK) {
        return graph == NULL ? (fov_value){0}
                             : fov_graph_fail(graph, fov_graph_node_name(graph, NULL, "expand"), FOV_E_USAGE,
                                              "the shape has rank %d, it must be 0 .. %d", shape.rank, FOV_MAX_RANK);
    }
    fov_value in[] = {x, index_constant(fov_graph_emitter(graph), shape.dim, shape.rank)};
    return op_build(graph, "expand", in, 2, NULL, NULL);
}

/* The input `shape`: as many of the last sizes of 2 x 3 x 1 x 5 as it has elements. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    static const double shape[] = {2, 3, 1, 5};
    (void)key;
    for (size_t i = 0; index == 1 && i < count; i++) {
        data[i] = shape[4 - count + i];
    }
}

static const struct op_case cases[] = {
    {.name = "rows", .in = {{4, {2, 1, 4, 1}}, {1, {4}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2, .fill = fill},
    {.name = "more dimensions", .in = {{2, {4, 1}}, {1, {4}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2,
     .fill = fill},
    {.name = "fewer dimensions", .in = {{4, {2, 3, 4, 1}}, {1, {2}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2,
     .fill = fill},
    {.name = "scalar", .in = {{0, {0}}, {1, {3}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2, .fill = fill},
    {.name = "bytes", .in = {{2, {3, 1}}, {1, {2}}}, .in_dtype = {FOV_U8, FOV_I64}, .integers = 200, .in_count = 2,
     .fill = fill},
    {0},
};

const struct op op_expand = {
    .name = "expand",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "A tensor repeated to a larger shape by the rules of broadcasting.",
    .formula = "y[i, j, ...] = x[i or 0, j or 0, ...]: 0 where x's dimension is 1",
    .in = (const struct op_port[]){{.name = "x", .shape = "[...]"},
                                   {.name = "shape", .shape = "[rank]", .plain = true, .values = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[x's shape and the given one, broadcast]"}, {0}},
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
