/* SPDX-License-Identifier: MIT */
/* The square root: NaN below zero.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

static double root(double x, const void *options)
{
    (void)options;
    return sqrt(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, root);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_sqrt;
}

static const struct op_onnx onnx = {.type = "Sqrt", .since = 6};

fov_value fov_sqrt(fov_graph *graph, fov_value x)
{
    return elementwise_build(graph, "sqrt", x);
}

const struct op op_sqrt = {
    .name = "sqrt",
    .family = OP_ELEMENTWISE,
    .summary = "Square root of each element.",
    .formula = "y = sqrt(x)",
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
