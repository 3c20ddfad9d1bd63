/* SPDX-License-Identifier: MIT */
/* A rectifier whose slope below zero is learned: one for all, or one per channel. The slope broadcasts to x's shape.
 * Everything but the formula, the shape rule and the gradient is shared by the family: op/binary.h. */
#include "op/binary.h"

#include "op/onnx.h"
#include <fovea/operators.h>

static const struct op_port in[] = {{.name = "x", .shape = "[...]"},
                                    {.name = "slope", .shape = "[...]: repeats to x's shape; [C, 1, 1]: per channel"},
                                    {0}};
static const struct op_port out[] = {{.name = "y", .shape = "[...], as x"}, {0}};

/* Only the slope broadcasts: the result has x's shape. */
static int infer(const struct op_infer *infer)
{
    fov_shape both;
    int status = op_check_same_dtype(infer, 1, "slope", 0, "x");
    status = status != FOV_OK ? status
                              : shape_broadcast(&infer->in[0].shape, &infer->in[1].shape, &both, infer->error);
    if (status == FOV_OK && !shape_fits(&both, &infer->in[0].shape)) {
        char x[SHAPE_TEXT_SIZE], slope[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "slope is %s, it does not repeat to x's shape %s",
                         shape_text(&infer->in[1].shape, slope), shape_text(&infer->in[0].shape, x));
    }
    return status != FOV_OK ? status : op_infer_same(infer);
}

static double prelu(double x, double slope)
{
    return x > 0 ? x : x * slope;
}

static void textbook(const struct op_textbook *textbook)
{
    binary_textbook(textbook, prelu);
}

/* By x: 1 above zero, else the slope; by the slope: min(x, 0). */
static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value x = gradient->in[0], slope = gradient->in[1], dy = gradient->out_gradient[0];
    if (gradient->wanted[0]) {
        fov_value above = op_emit1(emitter, "step", x, NULL);
        fov_value rest = op_emit2(emitter, "mul", op_emit_affine(emitter, above, -1, 1), slope, NULL);
        binary_give(gradient, 0,
                    op_emit2(emitter, "mul", dy, op_emit2(emitter, "add", above, rest, NULL), NULL));
    }
    if (gradient->wanted[1]) {
        fov_value below = op_emit2(emitter, "sub", x, op_emit1(emitter, "relu", x, NULL), NULL);
        binary_give(gradient, 1, op_emit2(emitter, "mul", dy, below, NULL));
    }
}

static void run(const struct op_run *run)
{
    binary_run(run, BINARY_prelu);
}

static int compile(struct op_compile *compile)
{
    return binary_compile(compile, run);
}

static const struct op_cpu cpu = BINARY_CPU(compile);

/* Before opset 7 a slope [C] belonged to the channels; since then it broadcasts as everywhere. */
static int import_prelu(struct op_import *node)
{
    if (node->in_count != 2) {
        return node->fail(node->reader, FOV_E_INPUT, "PRelu takes 2 inputs, got %d", node->in_count);
    }
    fov_value in_values[] = {node->in[0], node->in[1]};
    fov_shape x = node->shape(node->reader, node->in[0]), slope = node->shape(node->reader, node->in[1]);
    if (node->opset < 7 && slope.rank == 1 && slope.dim[0] != 1 && x.rank > 2) {
        for (slope.rank = 1; slope.rank < x.rank - 1; slope.rank++) {
            slope.dim[slope.rank] = 1;
        }
        in_values[1] = op_emit_reshape(node->emitter, node->in[1], &slope);
    }
    node->result(node->reader, 0,
                 node->emitter->node(node->emitter->graph, "prelu", in_values, 2, NULL, node->node_name));
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "PRelu", .since = 6, .import = import_prelu};

fov_value fov_prelu_opt(fov_graph *graph, fov_value x, const fov_prelu_options *options)
{
    if (graph == NULL) {
        return (fov_value){0};
    }
    fov_shape x_shape = fov_value_shape(graph, x), shape = {.rank = 0};
    const char *name = fov_graph_node_name(graph, options != NULL ? options->name : NULL, "prelu");
    if (name == NULL) {
        return (fov_value){0};
    }
    if (options != NULL && options->per_channel) {
        if (x_shape.rank < 2 || x_shape.dim[1] < 1) {
            return fov_graph_fail(graph, name, FOV_E_SHAPE, "x has no channels: its rank is %d", x_shape.rank);
        }
        shape.dim[0] = x_shape.dim[1];
        for (shape.rank = 1; shape.rank < x_shape.rank - 1; shape.rank++) {
            shape.dim[shape.rank] = 1;
        }
    }
    /* Slopes begin at a quarter, as in the paper. */
    fov_value slope = fov_graph_parameter(graph, name, "slope", shape, FOV_INITIAL_CONSTANT, 0.25F, false);
    fov_value in_values[] = {x, slope};
    return op_build(graph, "prelu", in_values, 2, NULL, name);
}

/* x is kept off the kink. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        double value = random_normal(key, i);
        data[i] = index == 1 ? 0.5 * value : value < 0 ? value - 0.1 : value + 0.1;
    }
}

static const struct op_case cases[] = {
    {.name = "one slope", .in = {{2, {3, 17}}, {0, {0}}}, .in_count = 2, .fill = fill},
    {.name = "a slope per element", .in = {{2, {3, 7}}, {2, {3, 7}}}, .in_count = 2, .fill = fill},
    {.name = "a slope per channel", .in = {{4, {2, 5, 3, 4}}, {3, {5, 1, 1}}}, .in_count = 2, .fill = fill},
    {.name = "a slope per column", .in = {{4, {2, 3, 2, 5}}, {1, {5}}}, .in_count = 2, .fill = fill},
    {.name = "several chunks", .in = {{4, {2, 70, 31, 17}}, {3, {70, 1, 1}}}, .in_count = 2, .fill = fill,
     .no_gradient = true},
    {0},
};

const struct op op_prelu = {
    .name = "prelu",
    .family = OP_ACTIVATION,
    .summary = "Rectifier with a learned slope below zero.",
    .formula = "y = x if x > 0, else slope x",
    .source = "He, Zhang, Ren & Sun, Delving deep into rectifiers, ICCV 2015, eq. 1",
    .in = in,
    .out = out,
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
