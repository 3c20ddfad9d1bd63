/* SPDX-License-Identifier: MIT */
/* Transpose: the dimensions in another order. Elements are only copied: any dtype, either storage order (in
 * channels-last plans the transposition of an NHWC exporter often turns out to be a plain copy). */
#include "op/index.h"

#include <fovea/operators.h>
#include <string.h>

struct transpose_options {
    struct op_list perm;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct transpose_options, perm), .onnx = "perm", .kind = OP_LIST, .minimum = 0,
     .maximum = FOV_MAX_RANK - 1, .doc = "result's dimension i is x's dimension perm[i]; not given: reversed"},
    {0},
};

static int source_of(const struct transpose_options *options, int rank, int d)
{
    return options->perm.count > 0 ? (int)options->perm.at[d] : rank - 1 - d;
}

static int infer(const struct op_infer *infer)
{
    const struct transpose_options *options = infer->options;
    const fov_shape *x = &infer->in[0].shape;
    bool seen[FOV_MAX_RANK] = {false};
    if (options->perm.count > 0 && options->perm.count != x->rank) {
        return error_set(infer->error, FOV_E_SHAPE, "perm has %d dimensions, x has %d", options->perm.count, x->rank);
    }
    for (int d = 0; d < x->rank; d++) {
        int source = source_of(options, x->rank, d);
        if (source >= x->rank || seen[source]) {
            return error_set(infer->error, FOV_E_SHAPE, "perm must name each of the %d dimensions once, not %d %s",
                             x->rank, source, source >= x->rank ? "of them" : "twice");
        }
        seen[source] = true;
        infer->out[0].shape.dim[d] = x->dim[source];
        if (d > 0 && x->dim[source] < 0) {
            return error_set(infer->error, FOV_E_UNSUPPORTED, "perm moves the open batch to dimension %d", d);
        }
    }
    return FOV_OK;
}

static void gradient(struct op_gradient *gradient)
{
    struct transpose_options inverse = {{0}};
    int rank = gradient->in_tensor[0].shape.rank;
    inverse.perm.count = rank;
    for (int d = 0; d < rank; d++) {
        inverse.perm.at[source_of(gradient->options, rank, d)] = d;
    }
    gradient->in_gradient[0] = op_emit1(gradient->emitter, "transpose", gradient->out_gradient[0], &inverse);
}

static void textbook(const struct op_textbook *textbook)
{
    const fov_shape *x = &textbook->in[0].shape, *y = &textbook->out[0].shape;
    size_t count = op_count(y);
    for (size_t i = 0; i < count; i++) {
        int64_t at[FOV_MAX_RANK], from[FOV_MAX_RANK];
        index_coordinates(y, i, at);
        for (int d = 0; d < y->rank; d++) {
            from[source_of(textbook->options, y->rank, d)] = at[d];
        }
        textbook->out[0].data[i] = textbook->in[0].data[index_of(x, from)];
    }
}

static void run(const struct op_run *run)
{
    const fov_shape *y = &run->out[0].shape;
    struct move move = {.element = fov_dtype_size(run->in[0].dtype)};
    ptrdiff_t from[FOV_MAX_RANK], to[FOV_MAX_RANK];
    move_strides(&run->in[0], from);
    move_strides(&run->out[0], to);
    for (int d = 0; d < y->rank; d++) {
        move_loop(&move, (size_t)y->dim[d], from[source_of(run->options, y->rank, d)], to[d]);
    }
    move_run(run, &move, run->in[0].data, run->out[0].data);
}

static int compile(struct op_compile *compile)
{
    compile->run = run;
    return FOV_OK;
}

static const struct op_cpu cpu = {.layout = OP_FOLLOWS, .supports = op_any_dtype, .compile = compile};

static const struct op_onnx onnx = {.type = "Transpose", .since = 1};

fov_value fov_transpose(fov_graph *graph, fov_value x, const int *perm, int rank)
{
    struct transpose_options options = {{0}};
    if (rank < 0 || rank > FOV_MAX_RANK || (rank > 0 && perm == NULL)) {
        return fov_graph_fail(graph, fov_graph_node_name(graph, NULL, "transpose"), FOV_E_USAGE,
                              "perm has %d dimensions, it must have 0 (reversed) .. %d", rank, FOV_MAX_RANK);
    }
    options.perm.count = rank;
    for (int i = 0; i < rank; i++) {
        options.perm.at[i] = perm[i];
    }
    return op_build(graph, "transpose", &x, 1, &options, NULL);
}

static const struct transpose_options swap = {{3, {0, 2, 1}}}, to_last = {{4, {0, 2, 3, 1}}},
                                      turn = {{4, {3, 1, 0, 2}}}, shuffle = {{5, {0, 2, 1, 3, 4}}},
                                      same = {{2, {0, 1}}};
static const struct op_case cases[] = {
    {.name = "matrix", .in = {{2, {3, 5}}}, .in_count = 1},
    {.name = "last two", .in = {{3, {3, 4, 5}}}, .in_count = 1, .options = &swap},
    {.name = "channels last", .in = {{4, {3, 3, 4, 5}}}, .in_count = 1, .options = &to_last},
    {.name = "channels last, batch 1", .in = {{4, {1, 4, 2, 3}}}, .in_count = 1, .options = &to_last},
    {.name = "all over", .in = {{4, {2, 3, 4, 5}}}, .in_count = 1, .options = &turn},
    {.name = "groups", .in = {{5, {3, 2, 3, 2, 2}}}, .in_count = 1, .options = &shuffle},
    {.name = "nothing", .in = {{2, {3, 5}}}, .in_count = 1, .options = &same},
    {.name = "scalar", .in = {{0, {0}}}, .in_count = 1},
    {.name = "large matrix", .in = {{2, {301, 207}}}, .in_count = 1, .no_gradient = true},
    {.name = "large images", .in = {{4, {3, 17, 45, 31}}}, .in_count = 1, .options = &to_last, .no_gradient = true},
    {.name = "integers", .in = {{2, {3, 5}}}, .in_dtype = {FOV_I64}, .integers = 100, .in_count = 1},
    {.name = "bytes", .in = {{3, {3, 5, 7}}}, .in_dtype = {FOV_U8}, .integers = 200, .in_count = 1, .options = &swap},
    {0},
};

const struct op op_transpose = {
    .name = "transpose",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "The dimensions in another order.",
    .formula = "y[i_perm[0], i_perm[1], ...] = x[i_0, i_1, ...]",
    .in = (const struct op_port[]){{.name = "x", .shape = "[...]"}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[x's dimensions, permuted]"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct transpose_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
