/* SPDX-License-Identifier: MIT */
/* Product along axes.
 * Everything but the definition and the gradient is shared by the family: op/reduce.h. */
#include "op/reduce.h"

static double add(double product, double x)
{
    return product * x;
}

static void textbook(const struct op_textbook *textbook)
{
    static const struct reduce_definition definition = {1, add, NULL, false};
    reduce_textbook(textbook, &definition);
}

/* The derivative is the product of all other elements: y / x, except where x is zero. Zeros are replaced by ones for
   the division, and the derivative is zero wherever another element is zero. */
static void gradient(struct op_gradient *gradient)
{
    struct reduce_flow flow;
    reduce_flow_begin(gradient, &flow);
    const struct op_emitter *emitter = gradient->emitter;
    fov_value magnitude = op_emit1(emitter, "abs", op_emit1(emitter, "sign", gradient->in[0], NULL), NULL);
    fov_value is_zero = op_emit_affine(emitter, magnitude, -1, 1);
    fov_value filled = op_emit2(emitter, "add", gradient->in[0], is_zero, NULL);
    fov_value product = reduce_flow_reduce(gradient, &flow, "reduce_prod", filled);
    fov_value zeros = reduce_flow_reduce(gradient, &flow, "reduce_sum", is_zero);
    fov_value other_zeros = op_emit1(emitter, "sign", op_emit2(emitter, "sub", zeros, is_zero, NULL), NULL);
    fov_value others = op_emit2(emitter, "div", product, filled, NULL);
    others = op_emit2(emitter, "mul", others, op_emit_affine(emitter, other_zeros, -1, 1), NULL);
    gradient->in_gradient[0] = op_emit2(emitter, "mul", others, flow.dy, NULL);
}

static int prepare(const struct op_compile *compile, void *state)
{
    return reduce_prepare(compile, state, REDUCE_PRODUCT, FINISH_NONE);
}

static int compile(struct op_compile *compile)
{
    return reduce_compile(compile, prepare);
}

static const struct op_cpu cpu = REDUCE_CPU(compile);

static int import_reduction(struct op_import *node)
{
    return reduce_import(node, "reduce_prod", 18);
}

static int export_reduction(struct op_export *node)
{
    return reduce_export(node, 18);
}

static const struct op_onnx onnx = {
    .type = "ReduceProd", .since = 1, .import = import_reduction, .export = export_reduction};

/* Products of few numbers near 1, some of them zero: one in a row, two in a row. */
static void fill_with_zeros(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = i == 1 || i == 10 || i == 11 ? 0 : 0.5 + random_uniform(key, i);
    }
}

static const struct reduce_options along_rows = {.axes = {1, {1}}, .keep_dims = true},
                                   along_columns = {.axes = {1, {0}}};
static const struct op_case cases[] = {
    {.name = "all", .in = {{2, {2, 5}}}, .in_count = 1, .positive = true},
    {.name = "rows with zeros", .in = {{2, {4, 5}}}, .in_count = 1, .options = &along_rows, .fill = fill_with_zeros},
    {.name = "columns, dropped", .in = {{2, {4, 17}}}, .in_count = 1, .options = &along_columns, .positive = true},
    {.name = "channels", .in = {{4, {2, 5, 3, 4}}}, .in_count = 1, .options = &along_rows, .positive = true},
    {.name = "scalar", .in = {{0, {0}}}, .in_count = 1},
    {0},
};

const struct op op_reduce_prod = {
    .name = "reduce_prod",
    .family = OP_REDUCTION,
    .summary = "Product along axes.",
    .formula = "y = product of x along the axes",
    .in = reduce_in,
    .out = reduce_out,
    .attributes = reduce_attributes,
    .options_size = sizeof(struct reduce_options),
    .infer = reduce_infer_numbers,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
