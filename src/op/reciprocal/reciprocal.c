/* SPDX-License-Identifier: MIT */
/* One over each element.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"

static double reciprocal(double x, const void *options)
{
    (void)options;
    return 1 / x;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, reciprocal);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_reciprocal;
}

static const struct op_onnx onnx = {.type = "Reciprocal", .since = 6};

const struct op op_reciprocal = {
    .name = "reciprocal",
    .family = OP_ELEMENTWISE,
    .summary = "Reciprocal of each element.",
    .formula = "y = 1 / x",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases_kinked,
    .as_activation = as_activation,
};
