/* SPDX-License-Identifier: MIT */
/* The natural logarithm: NaN below zero.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

static double logarithm(double x, const void *options)
{
    (void)options;
    return log(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, logarithm);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_log;
}

static const struct op_onnx onnx = {.type = "Log", .since = 6};

fov_value fov_log(fov_graph *graph, fov_value x)
{
    return elementwise_build(graph, "log", x);
}

const struct op op_log = {
    .name = "log",
    .family = OP_ELEMENTWISE,
    .summary = "Natural logarithm of each element.",
    .formula = "y = log(x)",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases_positive,
    .as_activation = as_activation,
};
