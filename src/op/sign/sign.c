/* SPDX-License-Identifier: MIT */
/* The sign of each element. Its derivative is zero wherever it has one.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"

/* NaN stays NaN, zero stays zero. */
static double sign(double x, const void *options)
{
    (void)options;
    return x > 0 ? 1 : x < 0 ? -1 : x;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, sign);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_sign;
}

static const struct op_onnx onnx = {.type = "Sign", .since = 9};

const struct op op_sign = {
    .name = "sign",
    .family = OP_ELEMENTWISE,
    .summary = "Sign of each element: -1, 0 or 1.",
    .formula = "y = 1 if x > 0, -1 if x < 0, else x",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer_numbers,
    .zero_gradient = true,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases_kinked,
    .as_activation = as_activation,
};
