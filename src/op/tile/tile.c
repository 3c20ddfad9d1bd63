/* SPDX-License-Identifier: MIT */
/* Tile: the whole tensor laid side by side `repeats` times along each dimension; and its gradient, the sum of the
 * tiles. */
#include "op/forward.h"
#include "op/index.h"

#include <fovea/operators.h>

static int read_repeats(const struct op_infer *infer, int port, int rank, int64_t repeats[FOV_MAX_RANK])
{
    struct index_values values;
    int status = index_values_infer(infer, port, &values);
    if (status != FOV_OK) {
        return status;
    }
    if (values.count != rank) {
        return error_set(infer->error, FOV_E_SHAPE, "%d repeats were given for a tensor of rank %d", values.count,
                         rank);
    }
    for (int d = 0; d < rank; d++) {
        repeats[d] = index_clamp(values.at[d]);
        if (repeats[d] < 0 || values.at[d] == OP_OPEN_BATCH) {
            return error_set(infer->error, repeats[d] < 0 ? FOV_E_SHAPE : FOV_E_UNSUPPORTED,
                             "dimension %d would be repeated %s times", d, repeats[d] < 0 ? "less than 0" : "N");
        }
    }
    return FOV_OK;
}

static int infer_tile(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[0].shape;
    int64_t repeats[FOV_MAX_RANK];
    int status = read_repeats(infer, 1, x->rank, repeats);
    for (int d = 0; status == FOV_OK && d < x->rank; d++) {
        if (x->dim[d] < 0 && repeats[d] != 1) {
            return error_set(infer->error, FOV_E_UNSUPPORTED, "the open batch would be repeated %lld times",
                             (long long)repeats[d]);
        }
        if (x->dim[d] > 0 && repeats[d] > INT64_MAX / x->dim[d]) {
            return error_set(infer->error, FOV_E_SHAPE, "dimension %d does not fit 63 bits", d);
        }
        infer->out[0].shape.dim[d] = x->dim[d] < 0 ? x->dim[d] : x->dim[d] * repeats[d];
    }
    return status;
}

static int infer_gradient(const struct op_infer *infer)
{
    infer->out[0].shape = infer->in[1].shape;
    return op_check_result(infer, 0, infer_tile, (const int[]){1, 2}, 2);
}

static void tile_gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit3(gradient->emitter, "tile_gradient", gradient->out_gradient[0],
                                            gradient->in[0], gradient->in[1], NULL);
    }
}

static void gradient_gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] =
            op_emit2(gradient->emitter, "tile", gradient->out_gradient[0], gradient->in[2], NULL);
    }
}

/* The element of x that element i of the tiling is a copy of. */
static size_t source(const fov_shape *y, size_t i, const fov_shape *x)
{
    int64_t at[FOV_MAX_RANK];
    index_coordinates(y, i, at);
    for (int d = 0; d < x->rank; d++) {
        at[d] %= x->dim[d];
    }
    return index_of(x, at);
}

static void tile_textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0];
    size_t count = op_count(&y->shape);
    for (size_t i = 0; i < count; i++) {
        y->data[i] = x->data[source(&y->shape, i, &x->shape)];
    }
}

static void gradient_textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *dy = &textbook->in[0], *dx = &textbook->out[0]; /* dx is zero */
    size_t count = op_count(&dy->shape);
    for (size_t i = 0; i < count; i++) {
        dx->data[source(&dy->shape, i, &dx->shape)] += dy->data[i];
    }
}

static void run(const struct op_run *run)
{
    const fov_shape *x = &run->in[0].shape, *y = &run->out[0].shape;
    struct move move = {.element = fov_dtype_size(run->in[0].dtype)};
    ptrdiff_t from[FOV_MAX_RANK], to[FOV_MAX_RANK];
    move_strides(&run->in[0], from);
    move_strides(&run->out[0], to);
    for (int d = 0; d < x->rank; d++) {
        move_loop(&move, (size_t)(y->dim[d] / x->dim[d]), 0, to[d] * (ptrdiff_t)x->dim[d]);
        move_loop(&move, (size_t)x->dim[d], from[d], to[d]);
    }
    move_run(run, &move, run->in[0].data, run->out[0].data);
}

static int compile(struct op_compile *compile)
{
    compile->run = run;
    return FOV_OK;
}

static const struct op_cpu cpu = {.layout = OP_FOLLOWS, .supports = op_any_dtype, .compile = compile};

/* Before opset 6, Tile repeated a single axis and had the inputs x, tiles, axis. */
static int import_tile(struct op_import *node)
{
    if (node->opset >= 6) {
        return index_import_node(node, "tile", node->in, node->in_count, NULL);
    }
    fov_shape shape, x = node->shape(node->reader, node->in[0]);
    const double *tiles = node->in_count > 2 ? node->constant(node->reader, 1, &shape) : NULL;
    const double *axis = node->in_count > 2 ? node->constant(node->reader, 2, &shape) : NULL;
    if (tiles == NULL || axis == NULL || !(*axis >= -x.rank && *axis < x.rank)) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "Tile needs constant tiles and axis");
    }
    int64_t repeats[FOV_MAX_RANK];
    for (int d = 0; d < x.rank; d++) {
        repeats[d] = d == index_axis((int64_t)*axis, x.rank) ? index_clamp(*tiles) : 1;
    }
    fov_value in[] = {node->in[0], index_constant(node->emitter, repeats, x.rank)};
    return index_import_node(node, "tile", in, 2, NULL);
}

static const struct op_onnx onnx = {.type = "Tile", .since = 1, .import = import_tile};

fov_value fov_tile(fov_graph *graph, fov_value x, const int64_t *repeats, int rank)
{
    if (graph == NULL || rank < 0 || rank > FOV_MAX_RANK || repeats == NULL) {
        return graph == NULL ? (fov_value){0}
                             : fov_graph_fail(graph, fov_graph_node_name(graph, NULL, "tile"), FOV_E_USAGE,
                                              "%d repeats were given, at most %d are possible", rank, FOV_MAX_RANK);
    }
    fov_value in[] = {x, index_constant(fov_graph_emitter(graph), repeats, rank)};
    return op_build(graph, "tile", in, 2, NULL, NULL);
}

/* 1, 3, 2, 1 times. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    static const double repeats[] = {1, 3, 2, 1};
    (void)key;
    for (size_t i = 0; index == 1 && i < count; i++) {
        data[i] = repeats[i];
    }
}

static void fill_gradient(int index, double *data, size_t count, struct random_key key)
{
    fill(index - 1, data, count, key);
}

static const struct op_case cases[] = {
    {.name = "images",
     .in = {{4, {3, 2, 4, 3}}, {1, {4}}},
     .in_dtype = {FOV_F32, FOV_I64},
     .in_count = 2,
     .fill = fill},
    {.name = "matrix", .in = {{2, {3, 5}}, {1, {2}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2, .fill = fill},
    {.name = "bytes",
     .in = {{3, {2, 2, 5}}, {1, {3}}},
     .in_dtype = {FOV_U8, FOV_I64},
     .integers = 200,
     .in_count = 2,
     .fill = fill},
    {0},
};
static const struct op_case gradient_cases[] = {
    {.name = "images", .in = {{4, {3, 6, 8, 3}}, {4, {3, 2, 4, 3}}, {1, {4}}}, .in_dtype = {FOV_F32, FOV_F32, FOV_I64},
     .in_count = 3, .fill = fill_gradient},
    {0},
};

const struct op op_tile = {
    .name = "tile",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "The tensor laid side by side several times along each dimension.",
    .formula = "y[i, j, ...] = x[i mod size_0, j mod size_1, ...]",
    .in = (const struct op_port[]){{.name = "x", .shape = "[...]"},
                                   {.name = "repeats", .shape = "[rank]", .plain = true, .values = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[size_i * repeats_i]"}, {0}},
    .infer = infer_tile,
    .gradient = tile_gradient,
    .textbook = tile_textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};

const struct op op_tile_gradient = {
    .name = "tile_gradient",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "The tiles of a tensor added up.",
    .formula = "dx[i, j, ...] = sum over all tiles of dy[i + a size_0, j + b size_1, ...]",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[size_i * repeats_i]"},
                                   {.name = "like", .shape = "[...]: the result's shape", .shape_only = true},
                                   {.name = "repeats", .shape = "[rank]", .plain = true, .values = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as like"}, {0}},
    .infer = infer_gradient,
    .gradient = gradient_gradient,
    .textbook = gradient_textbook,
    .cases = gradient_cases,
};
