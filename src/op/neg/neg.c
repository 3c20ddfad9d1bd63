/* SPDX-License-Identifier: MIT */
/* The negative of each element.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <fovea/operators.h>

/* The negative of 0 is -0. */
static double negative(double x, const void *options)
{
    (void)options;
    return -x;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, negative);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_neg;
}

static const struct op_onnx onnx = {.type = "Neg", .since = 6};

fov_value fov_neg(fov_graph *graph, fov_value x)
{
    return elementwise_build(graph, "neg", x);
}

const struct op op_neg = {
    .name = "neg",
    .family = OP_ELEMENTWISE,
    .summary = "Negative of each element.",
    .formula = "y = -x",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer_numbers,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases,
    .as_activation = as_activation,
};
