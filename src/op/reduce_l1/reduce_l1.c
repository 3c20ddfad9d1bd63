/* SPDX-License-Identifier: MIT */
/* The L1 norm along axes: the sum of absolute values.
 * Everything but the definition and the gradient is shared by the family: op/reduce.h. */
#include "op/reduce.h"

#include <math.h>

static double add(double sum, double x)
{
    return sum + fabs(x);
}

static void textbook(const struct op_textbook *textbook)
{
    static const struct reduce_definition definition = {0, add, NULL, false};
    reduce_textbook(textbook, &definition);
}

static void gradient(struct op_gradient *gradient)
{
    struct reduce_flow flow;
    reduce_flow_begin(gradient, &flow);
    fov_value sign = op_emit1(gradient->emitter, "sign", gradient->in[0], NULL);
    gradient->in_gradient[0] = op_emit2(gradient->emitter, "mul", sign, flow.dy, NULL);
}

static int prepare(const struct op_compile *compile, void *state)
{
    return reduce_prepare(compile, state, REDUCE_SUM_ABS, FINISH_NONE);
}

static int compile(struct op_compile *compile)
{
    return reduce_compile(compile, prepare);
}

static const struct op_cpu cpu = REDUCE_CPU(compile);

static int import_reduction(struct op_import *node)
{
    return reduce_import(node, "reduce_l1", 18);
}

static int export_reduction(struct op_export *node)
{
    return reduce_export(node, 18);
}

static const struct op_onnx onnx = {
    .type = "ReduceL1", .since = 1, .import = import_reduction, .export = export_reduction};

const struct op op_reduce_l1 = {
    .name = "reduce_l1",
    .family = OP_REDUCTION,
    .exact = true,
    .summary = "Sum of absolute values along axes.",
    .formula = "y = sum of |x| along the axes",
    .in = reduce_in,
    .out = reduce_out,
    .attributes = reduce_attributes,
    .options_size = sizeof(struct reduce_options),
    .infer = reduce_infer_numbers,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = reduce_cases,
};
