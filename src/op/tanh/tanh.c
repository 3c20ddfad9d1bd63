/* SPDX-License-Identifier: MIT */
/* The hyperbolic tangent: LeNet's activation; a sigmoid around zero.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

/* y = (exp(x) - exp(-x)) / (exp(x) + exp(-x)), without its overflow. */
static double hyperbolic_tangent(double x, const void *options)
{
    (void)options;
    return tanh(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, hyperbolic_tangent);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_tanh;
}

static const struct op_onnx onnx = {.type = "Tanh", .since = 6};

fov_value fov_tanh(fov_graph *graph, fov_value x)
{
    return elementwise_build(graph, "tanh", x);
}

const struct op op_tanh = {
    .name = "tanh",
    .family = OP_ACTIVATION,
    .summary = "Hyperbolic tangent: squeezes any number into -1 .. 1.",
    .formula = "y = (exp(x) - exp(-x)) / (exp(x) + exp(-x))",
    .source = "LeCun, Bottou, Orr & Mueller, Efficient BackProp, 1998, section 4.4",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases,
    .as_activation = as_activation,
};
