/* SPDX-License-Identifier: MIT */
/* The exponential function.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

static double exponential(double x, const void *options)
{
    (void)options;
    return exp(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, exponential);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_exp;
}

static const struct op_onnx onnx = {.type = "Exp", .since = 6};

fov_value fov_exp(fov_graph *graph, fov_value x)
{
    return elementwise_build(graph, "exp", x);
}

const struct op op_exp = {
    .name = "exp",
    .family = OP_ELEMENTWISE,
    .summary = "Exponential of each element.",
    .formula = "y = e^x",
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
