/* SPDX-License-Identifier: MIT */
/* The fully connected layer: descriptor, definition, public builder. Its gradients are in gradients.c, the fast forms
 * in product.c, streamed.c and outer.c, ONNX's Gemm in gemm.c. */
#include "op/dense/dense.h"
#include "op/given.h"

#include <fovea/operators.h>
#include <math.h>

struct dense_size dense_size(const fov_shape *any_rows, const fov_shape *weight)
{
    return (struct dense_size){shape_span(any_rows, 0, any_rows->rank - 1), (size_t)weight->dim[1],
                               (size_t)weight->dim[0]};
}

static int infer(const struct op_infer *infer)
{
    char text[SHAPE_TEXT_SIZE], weight_text[SHAPE_TEXT_SIZE];
    const fov_shape *x = &infer->in[0].shape, *weight = &infer->in[1].shape;
    int status = op_check_layer(infer, true);
    if (status != FOV_OK) {
        return status;
    }
    if (x->rank < 2) {
        return error_set(infer->error, FOV_E_SHAPE, "input %s must be [N, features]", shape_text(x, text));
    }
    int64_t features = x->dim[x->rank - 1];
    if (weight->rank != 2 || weight->dim[0] < 0 || weight->dim[1] != features) {
        return error_set(infer->error, FOV_E_SHAPE, "input %s has %lld features, weight %s must be [units, %lld]",
                         shape_text(x, text), (long long)features, shape_text(weight, weight_text),
                         (long long)features);
    }
    if (infer->in_count > 2 && infer->in[2].shape.rank >= 0) {
        const fov_shape *bias = &infer->in[2].shape;
        if (bias->rank != 1 || bias->dim[0] != weight->dim[0]) {
            return error_set(infer->error, FOV_E_SHAPE, "bias %s must be [%lld], one number per unit",
                             shape_text(bias, text), (long long)weight->dim[0]);
        }
    }
    infer->out[0].shape = *x;
    infer->out[0].shape.dim[x->rank - 1] = weight->dim[0];
    return 0;
}

static void gradient(struct op_gradient *gradient)
{
    fov_value dy = gradient->out_gradient[0];
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "dense_input_gradient", dy, gradient->in[1], NULL);
    }
    if (gradient->wanted[1]) {
        gradient->in_gradient[1] = op_emit2(gradient->emitter, "dense_weight_gradient", gradient->in[0], dy, NULL);
    }
    if (gradient->in_count > 2 && gradient->wanted[2]) {
        gradient->in_gradient[2] = op_emit1(gradient->emitter, "sum_features", dy, NULL);
    }
}

static void cost(struct op_cost *cost)
{
    struct dense_size size = dense_size(&cost->in[0].shape, &cost->in[1].shape);
    cost->multiply_adds = (int64_t)(size.rows * size.features * size.units);
    cost->global = true;
}

static void textbook(const struct op_textbook *textbook)
{
    struct dense_size size = dense_size(&textbook->in[0].shape, &textbook->in[1].shape);
    const double *x = textbook->in[0].data, *weight = textbook->in[1].data;
    const double *bias = textbook->in_count > 2 ? textbook->in[2].data : NULL;
    for (size_t row = 0; row < size.rows; row++) {
        for (size_t unit = 0; unit < size.units; unit++) {
            double sum = bias != NULL ? bias[unit] : 0;
            for (size_t feature = 0; feature < size.features; feature++) {
                sum += x[row * size.features + feature] * weight[unit * size.features + feature];
            }
            textbook->out[0].data[row * size.units + unit] = sum;
        }
    }
}

static int compile(struct op_compile *compile)
{
    return dense_product_compile(compile, false);
}

static const struct op_cpu cpu = {.layout = OP_WANTS_PLAIN, .supports = op_all_f32, .compile = compile};
static const struct op_onnx onnx = {.type = "Gemm", .since = 1, .import = dense_import, .export = dense_export};

static const struct op_case cases[] = {
    {.name = "with bias", .in = {FOV_SHAPE(3, 5), FOV_SHAPE(7, 5), FOV_SHAPE(7)}, .in_count = 3},
    {.name = "without bias", .in = {FOV_SHAPE(4, 17), FOV_SHAPE(33, 17)}, .in_count = 2},
    {.name = "one row", .in = {FOV_SHAPE(1, 37), FOV_SHAPE(10, 37), FOV_SHAPE(10)}, .in_count = 3},
    {.name = "one unit", .in = {FOV_SHAPE(13, 6), FOV_SHAPE(1, 6), FOV_SHAPE(1)}, .in_count = 3},
    {.name = "one of each", .in = {FOV_SHAPE(1, 1), FOV_SHAPE(1, 1)}, .in_count = 2},
    {.name = "rank 3", .in = {FOV_SHAPE(2, 3, 5), FOV_SHAPE(4, 5), FOV_SHAPE(4)}, .in_count = 3},
    {.name = "several blocks", .in = {FOV_SHAPE(403, 70), FOV_SHAPE(51, 70), FOV_SHAPE(51)}, .in_count = 3,
     .no_gradient = true},
    {.name = "on tiles", .in = {FOV_SHAPE(303, 270), FOV_SHAPE(101, 270), FOV_SHAPE(101)}, .in_count = 3,
     .no_gradient = true},
    {.name = "in parts", .in = {FOV_SHAPE(48, 150), FOV_SHAPE(47, 150), FOV_SHAPE(47)}, .in_count = 3,
     .no_gradient = true},
    {.name = "in four parts", .in = {FOV_SHAPE(33, 401), FOV_SHAPE(203, 401)}, .in_count = 2, .no_gradient = true},
    {.name = "split over units", .in = {FOV_SHAPE(2, 1025), FOV_SHAPE(1030, 1025)}, .in_count = 2, .no_gradient = true},
    {0},
};

const struct op op_dense = {
    .name = "dense",
    .family = OP_CONVOLUTION,
    .exact = true,
    .summary = "Fully connected layer: each unit weighs all features.",
    .formula = "y[n, u] = bias[u] + sum over f of x[n, f] * weight[u, f]",
    .source = "Rosenblatt, The perceptron, Psychological Review 65 (1958)",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, features]"},
                                   {.name = "weight", .shape = "[units, features]", .plain = true},
                                   {.name = "bias", .shape = "[units]", .optional = true, .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, units]"}, {0}},
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
    .fuses_activation = true,
    .fuses_residual = true,
    .folds_affine = true,
};

fov_value fov_dense_opt(fov_graph *graph, fov_value x, const fov_dense_options *options)
{
    static const fov_dense_options none = {0};
    const fov_dense_options *given = options != NULL ? options : &none;
    const char *node = graph == NULL ? NULL : fov_graph_node_name(graph, given->name, "dense");
    if (!op_is_given(graph, node, x)) {
        return (fov_value){0};
    }
    fov_shape shape = fov_value_shape(graph, x);
    if (shape.rank != 2 || shape.dim[1] < 1) {
        char text[SHAPE_TEXT_SIZE];
        return fov_graph_fail(graph, node, FOV_E_SHAPE, "input %s must be [N, features] (flatten first)",
                              shape_text(&shape, text));
    }
    if (given->units < 1) {
        return fov_graph_fail(graph, node, FOV_E_USAGE, "units is %d, it must be at least 1", given->units);
    }
    fov_shape weight = {2, {given->units, shape.dim[1]}}, bias = {1, {given->units}};
    float bound = (float)(1 / sqrt((double)shape.dim[1]));
    fov_value in[3] = {x};
    in[1] = fov_graph_parameter(graph, node, "weight", weight, FOV_INITIAL_UNIFORM, bound, false);
    if (!given->no_bias) {
        in[2] = fov_graph_parameter(graph, node, "bias", bias, FOV_INITIAL_UNIFORM, bound, false);
    }
    return op_build(graph, "dense", in, given->no_bias ? 2 : 3, NULL, node);
}
