/* SPDX-License-Identifier: MIT */
/* Logarithm of the sum along axes.
 * Everything but the definition and the gradient is shared by the family: op/reduce.h. */
#include "op/reduce.h"

#include <math.h>

static double add(double sum, double x)
{
    return sum + x;
}

static double finish(double sum, double count)
{
    (void)count;
    return log(sum);
}

static void textbook(const struct op_textbook *textbook)
{
    static const struct reduce_definition definition = {0, add, finish, false};
    reduce_textbook(textbook, &definition);
}

static void gradient(struct op_gradient *gradient)
{
    struct reduce_flow flow;
    reduce_flow_begin(gradient, &flow);
    const struct op_emitter *emitter = gradient->emitter;
    fov_value sum = reduce_flow_reduce(gradient, &flow, "reduce_sum", gradient->in[0]);
    gradient->in_gradient[0] = reduce_flow_spread(gradient, op_emit2(emitter, "div", flow.dy, sum, NULL));
}

static int prepare(const struct op_compile *compile, void *state)
{
    return reduce_prepare(compile, state, REDUCE_SUM, FINISH_LOG);
}

static int compile(struct op_compile *compile)
{
    return reduce_compile(compile, prepare);
}

static const struct op_cpu cpu = REDUCE_CPU(compile);

static int import_reduction(struct op_import *node)
{
    return reduce_import(node, "reduce_log_sum", 18);
}

static int export_reduction(struct op_export *node)
{
    return reduce_export(node, 18);
}

static const struct op_onnx onnx = {
    .type = "ReduceLogSum", .since = 1, .import = import_reduction, .export = export_reduction};

const struct op op_reduce_log_sum = {
    .name = "reduce_log_sum",
    .family = OP_REDUCTION,
    .summary = "Logarithm of the sum along axes.",
    .formula = "y = log(sum of x along the axes)",
    .in = reduce_in,
    .out = reduce_out,
    .attributes = reduce_attributes,
    .options_size = sizeof(struct reduce_options),
    .infer = reduce_infer_numbers,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = reduce_cases_positive,
};
