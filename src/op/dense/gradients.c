/* SPDX-License-Identifier: MIT */
/* The gradients of a dense layer as operators: dx = dy W and dW = dy^T x. Each is linear in both of its inputs, so
 * their own gradients are dense layers and each other. */
#include "op/dense/dense.h"

/** Both shapes have rank 2 or more and agree in all dimensions but the last. */
static int check_rows(const struct op_infer *infer)
{
    const fov_shape *a = &infer->in[0].shape, *b = &infer->in[1].shape;
    bool fits = a->rank >= 2 && a->rank == b->rank;
    for (int i = 0; fits && i < a->rank - 1; i++) {
        fits = a->dim[i] == b->dim[i];
    }
    if (!fits) {
        char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "x %s and dy %s must have the same rows", shape_text(a, text),
                         shape_text(b, other));
    }
    return 0;
}

/* ---- input gradient: in dy, weight ------------------------------------------------------------------------------- */

static int infer_input(const struct op_infer *infer)
{
    const fov_shape *dy = &infer->in[0].shape, *weight = &infer->in[1].shape;
    if (dy->rank < 2 || weight->rank != 2 || dy->dim[dy->rank - 1] != weight->dim[0] || weight->dim[1] < 0) {
        char text[SHAPE_TEXT_SIZE], weight_text[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "dy %s must be [N, units] for weight %s", shape_text(dy, text),
                         shape_text(weight, weight_text));
    }
    infer->out[0].shape = *dy;
    infer->out[0].shape.dim[dy->rank - 1] = weight->dim[1];
    return 0;
}

static void gradient_input(struct op_gradient *gradient)
{
    fov_value g = gradient->out_gradient[0]; /* as x */
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "dense", g, gradient->in[1], NULL);
    }
    if (gradient->wanted[1]) {
        gradient->in_gradient[1] = op_emit2(gradient->emitter, "dense_weight_gradient", g, gradient->in[0], NULL);
    }
}

static void cost_input(struct op_cost *cost)
{
    struct dense_size size = dense_size(&cost->in[0].shape, &cost->in[1].shape);
    cost->multiply_adds = (int64_t)(size.rows * size.features * size.units);
}

static void textbook_input(const struct op_textbook *textbook)
{
    struct dense_size size = dense_size(&textbook->in[0].shape, &textbook->in[1].shape);
    const double *dy = textbook->in[0].data, *weight = textbook->in[1].data;
    for (size_t row = 0; row < size.rows; row++) {
        for (size_t feature = 0; feature < size.features; feature++) {
            double sum = 0;
            for (size_t unit = 0; unit < size.units; unit++) {
                sum += dy[row * size.units + unit] * weight[unit * size.features + feature];
            }
            textbook->out[0].data[row * size.features + feature] = sum;
        }
    }
}

static int compile_input(struct op_compile *compile)
{
    return dense_product_compile(compile, true);
}

static const struct op_cpu cpu_input = {.layout = OP_WANTS_PLAIN, .supports = op_all_f32, .compile = compile_input};

static const struct op_onnx onnx_input = {
    .type = "Gemm", .since = 7, .import = dense_import, .export = dense_export_input_gradient};

static const struct op_case cases_input[] = {
    {.name = "small", .in = {FOV_SHAPE(3, 7), FOV_SHAPE(7, 5)}, .in_count = 2},
    {.name = "wide", .in = {FOV_SHAPE(4, 33), FOV_SHAPE(33, 17)}, .in_count = 2},
    {.name = "one row", .in = {FOV_SHAPE(1, 10), FOV_SHAPE(10, 37)}, .in_count = 2},
    {.name = "rank 3", .in = {FOV_SHAPE(2, 3, 4), FOV_SHAPE(4, 5)}, .in_count = 2},
    {.name = "in parts", .in = {FOV_SHAPE(48, 47), FOV_SHAPE(47, 150)}, .in_count = 2, .no_gradient = true},
    {.name = "in four parts", .in = {FOV_SHAPE(33, 203), FOV_SHAPE(203, 401)}, .in_count = 2, .no_gradient = true},
    {.name = "several blocks", .in = {FOV_SHAPE(403, 51), FOV_SHAPE(51, 70)}, .in_count = 2, .no_gradient = true},
    {.name = "on tiles", .in = {FOV_SHAPE(303, 130), FOV_SHAPE(130, 101)}, .in_count = 2, .no_gradient = true},
    {0},
};

const struct op op_dense_input_gradient = {
    .name = "dense_input_gradient",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Gradient of a dense layer with respect to its input.",
    .formula = "dx[n, f] = sum over u of dy[n, u] * weight[u, f]",
    .source = "Rumelhart, Hinton & Williams, Learning representations by back-propagating errors, Nature 323 (1986)",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[N, units]"},
                                   {.name = "weight", .shape = "[units, features]", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "[N, features]"}, {0}},
    .infer = infer_input,
    .gradient = gradient_input,
    .cost = cost_input,
    .textbook = textbook_input,
    .cpu = &cpu_input,
    .onnx = &onnx_input,
    .cases = cases_input,
};

/* ---- weight gradient: in x, dy ----------------------------------------------------------------------------------- */

static int infer_weight(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[0].shape, *dy = &infer->in[1].shape;
    if (check_rows(infer) != 0) {
        return FOV_E_SHAPE;
    }
    infer->out[0].shape = (fov_shape){2, {dy->dim[dy->rank - 1], x->dim[x->rank - 1]}};
    return 0;
}

static void gradient_weight(struct op_gradient *gradient)
{
    fov_value g = gradient->out_gradient[0]; /* as weight */
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "dense_input_gradient", gradient->in[1], g, NULL);
    }
    if (gradient->wanted[1]) {
        gradient->in_gradient[1] = op_emit2(gradient->emitter, "dense", gradient->in[0], g, NULL);
    }
}

static void cost_weight(struct op_cost *cost)
{
    struct dense_size size = dense_size(&cost->in[0].shape, &cost->out[0].shape);
    cost->multiply_adds = (int64_t)(size.rows * size.features * size.units);
}

static void textbook_weight(const struct op_textbook *textbook)
{
    struct dense_size size = dense_size(&textbook->in[0].shape, &textbook->out[0].shape);
    const double *x = textbook->in[0].data, *dy = textbook->in[1].data;
    for (size_t unit = 0; unit < size.units; unit++) {
        for (size_t feature = 0; feature < size.features; feature++) {
            double sum = 0;
            for (size_t row = 0; row < size.rows; row++) {
                sum += dy[row * size.units + unit] * x[row * size.features + feature];
            }
            textbook->out[0].data[unit * size.features + feature] = sum;
        }
    }
}

static const struct op_cpu cpu_weight = {
    .layout = OP_WANTS_PLAIN, .supports = op_all_f32, .compile = dense_outer_compile};

static const struct op_onnx onnx_weight = {
    .type = "Gemm", .since = 7, .import = dense_import, .export = dense_export_weight_gradient};

static const struct op_case cases_weight[] = {
    {.name = "small", .in = {FOV_SHAPE(3, 5), FOV_SHAPE(3, 7)}, .in_count = 2},
    {.name = "wide", .in = {FOV_SHAPE(4, 33), FOV_SHAPE(4, 17)}, .in_count = 2},
    {.name = "one row", .in = {FOV_SHAPE(1, 10), FOV_SHAPE(1, 37)}, .in_count = 2},
    {.name = "rank 3", .in = {FOV_SHAPE(2, 3, 4), FOV_SHAPE(2, 3, 5)}, .in_count = 2},
    {.name = "in parts", .in = {FOV_SHAPE(48, 150), FOV_SHAPE(48, 47)}, .in_count = 2, .no_gradient = true},
    {.name = "in four parts", .in = {FOV_SHAPE(33, 401), FOV_SHAPE(33, 203)}, .in_count = 2, .no_gradient = true},
    {.name = "several chunks", .in = {FOV_SHAPE(67, 530), FOV_SHAPE(67, 190)}, .in_count = 2, .no_gradient = true},
    {0},
};

const struct op op_dense_weight_gradient = {
    .name = "dense_weight_gradient",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Gradient of a dense layer with respect to its weight.",
    .formula = "dweight[u, f] = sum over n of dy[n, u] * x[n, f]",
    .source = "Rumelhart, Hinton & Williams, Learning representations by back-propagating errors, Nature 323 (1986)",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, features]"}, {.name = "dy", .shape = "[N, units]"}, {0}},
    .out = (const struct op_port[]){{.name = "dweight", .shape = "[units, features]", .plain = true}, {0}},
    .infer = infer_weight,
    .gradient = gradient_weight,
    .cost = cost_weight,
    .textbook = textbook_weight,
    .cpu = &cpu_weight,
    .onnx = &onnx_weight,
    .cases = cases_weight,
};
