/* SPDX-License-Identifier: MIT */
/* The largest element along axes; NaN if any element is NaN.
 * Everything but the definition and the gradient is shared by the family: op/reduce.h. */
#include "op/reduce.h"

#include <math.h>

/* A NaN in `sum` stays, as nothing compares greater than it. */
static double add(double sum, double x)
{
    return x > sum || isnan(x) ? x : sum;
}

static void textbook(const struct op_textbook *textbook)
{
    static const struct reduce_definition definition = {(double)-INFINITY, add, NULL, true};
    reduce_textbook(textbook, &definition);
}

static void gradient(struct op_gradient *gradient)
{
    reduce_extreme_gradient(gradient, 1);
}

static int prepare(const struct op_compile *compile, void *state)
{
    return reduce_prepare(compile, state, REDUCE_MAX, FINISH_NONE);
}

static int compile(struct op_compile *compile)
{
    return reduce_compile(compile, prepare);
}

static const struct op_cpu cpu = REDUCE_CPU(compile);

static int import_reduction(struct op_import *node)
{
    return reduce_import(node, "reduce_max", 18);
}

static int export_reduction(struct op_export *node)
{
    return reduce_export(node, 18);
}

static const struct op_onnx onnx = {
    .type = "ReduceMax", .since = 1, .import = import_reduction, .export = export_reduction};

fov_value fov_reduce_max_opt(fov_graph *graph, fov_value x, const fov_reduce_options *options)
{
    return reduce_build(graph, "reduce_max", x, options);
}

const struct op op_reduce_max = {
    .name = "reduce_max",
    .family = OP_REDUCTION,
    .summary = "Largest element along axes.",
    .formula = "y = max of x along the axes",
    .in = reduce_in,
    .out = reduce_out,
    .attributes = reduce_attributes,
    .options_size = sizeof(struct reduce_options),
    .infer = reduce_infer_any,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = reduce_cases_away,
};
