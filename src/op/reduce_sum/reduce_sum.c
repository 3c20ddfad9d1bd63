/* SPDX-License-Identifier: MIT */
/* Sum along axes.
 * Everything but the definition and the gradient is shared by the family: op/reduce.h. */
#include "op/reduce.h"

static double add(double sum, double x)
{
    return sum + x;
}

static void textbook(const struct op_textbook *textbook)
{
    static const struct reduce_definition definition = {0, add, NULL, false};
    reduce_textbook(textbook, &definition);
}

/* The sum's gradient reaches every element that was summed. */
static void gradient(struct op_gradient *gradient)
{
    struct reduce_flow flow;
    reduce_flow_begin(gradient, &flow);
    gradient->in_gradient[0] = reduce_flow_spread(gradient, flow.dy);
}

static int prepare(const struct op_compile *compile, void *state)
{
    return reduce_prepare(compile, state, REDUCE_SUM, FINISH_NONE);
}

static int compile(struct op_compile *compile)
{
    return reduce_compile(compile, prepare);
}

static const struct op_cpu cpu = REDUCE_CPU(compile);

static int import_reduction(struct op_import *node)
{
    return reduce_import(node, "reduce_sum", 13);
}

static int export_reduction(struct op_export *node)
{
    return reduce_export(node, 13);
}

static const struct op_onnx onnx = {
    .type = "ReduceSum", .since = 1, .import = import_reduction, .export = export_reduction};

fov_value fov_reduce_sum_opt(fov_graph *graph, fov_value x, const fov_reduce_options *options)
{
    return reduce_build(graph, "reduce_sum", x, options);
}

const struct op op_reduce_sum = {
    .name = "reduce_sum",
    .family = OP_REDUCTION,
    .exact = true,
    .summary = "Sum along axes.",
    .formula = "y = sum of x along the axes",
    .in = reduce_in,
    .out = reduce_out,
    .attributes = reduce_attributes,
    .options_size = sizeof(struct reduce_options),
    .infer = reduce_infer_numbers,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = reduce_cases_by_input,
};
