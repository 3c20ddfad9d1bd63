/* SPDX-License-Identifier: MIT */
/* The absolute value.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

static double magnitude(double x, const void *options)
{
    (void)options;
    return fabs(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, magnitude);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_abs;
}

static const struct op_onnx onnx = {.type = "Abs", .since = 6};

fov_value fov_abs(fov_graph *graph, fov_value x)
{
    return elementwise_build(graph, "abs", x);
}

const struct op op_abs = {
    .name = "abs",
    .family = OP_ELEMENTWISE,
    .summary = "Absolute value of each element.",
    .formula = "y = |x|",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer_numbers,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases_kinked,
    .as_activation = as_activation,
};
