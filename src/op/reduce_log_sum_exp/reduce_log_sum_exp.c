/* SPDX-License-Identifier: MIT */
/* Logarithm of a sum of exponentials along axes: a maximum with soft corners.
 * Everything but the definition and the gradient is shared by the family: op/reduce.h. */
#include "op/reduce.h"

#include <math.h>

/* log(exp(a) + exp(b)): the larger is taken out, so exp cannot overflow. */
static double add(double a, double b)
{
    double large = a > b || isnan(a) ? a : b, small = a > b || isnan(a) ? b : a;
    return isinf(large) ? large : large + log1p(exp(small - large));
}

static void textbook(const struct op_textbook *textbook)
{
    static const struct reduce_definition definition = {(double)-INFINITY, add, NULL, false};
    reduce_textbook(textbook, &definition);
}

/* The derivative is the softmax along the axes. */
static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    struct reduce_flow flow;
    reduce_flow_begin(gradient, &flow);
    fov_value share = op_emit1(emitter, "exp", op_emit2(emitter, "sub", gradient->in[0], flow.y, NULL), NULL);
    gradient->in_gradient[0] = op_emit2(emitter, "mul", share, flow.dy, NULL);
}

static int prepare(const struct op_compile *compile, void *state)
{
    return reduce_prepare(compile, state, REDUCE_LOG_SUM_EXP, FINISH_NONE);
}

static int compile(struct op_compile *compile)
{
    return reduce_compile(compile, prepare);
}

static const struct op_cpu cpu = REDUCE_CPU(compile);

static int import_reduction(struct op_import *node)
{
    return reduce_import(node, "reduce_log_sum_exp", 18);
}

static int export_reduction(struct op_export *node)
{
    return reduce_export(node, 18);
}

static const struct op_onnx onnx = {
    .type = "ReduceLogSumExp", .since = 1, .import = import_reduction, .export = export_reduction};

static const struct reduce_options rows = {.axes = {1, {1}}, .keep_dims = true}, columns = {.axes = {1, {0}}},
                                   pixels = {.axes = {2, {2, 3}}, .keep_dims = true},
                                   no_axes = {.keep_dims = true, .noop_with_empty_axes = true};

/* Numbers whose exp would overflow. */
static void fill_large(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = 1000 + random_normal(key, i);
    }
}

static const struct op_case cases[] = {
    {.name = "all", .in = {{3, {2, 3, 5}}}, .in_count = 1},
    {.name = "scalar", .in = {{0, {0}}}, .in_count = 1},
    {.name = "rows", .in = {{2, {4, 9}}}, .in_count = 1, .options = &rows},
    {.name = "columns, dropped", .in = {{2, {4, 9}}}, .in_count = 1, .options = &columns},
    {.name = "pixels", .in = {{4, {2, 3, 2, 4}}}, .in_count = 1, .options = &pixels},
    {.name = "large numbers", .in = {{2, {4, 9}}}, .in_count = 1, .options = &rows, .fill = fill_large,
     .no_gradient = true},
    {.name = "no axes", .in = {{2, {3, 4}}}, .in_count = 1, .options = &no_axes},
    {0},
};

const struct op op_reduce_log_sum_exp = {
    .name = "reduce_log_sum_exp",
    .family = OP_REDUCTION,
    .summary = "Logarithm of the sum of exponentials along axes.",
    .formula = "y = log(sum of exp(x) along the axes)",
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
