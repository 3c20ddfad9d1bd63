/* SPDX-License-Identifier: MIT */
/* Rounds up to the next integer. Constant almost everywhere, so the gradient is zero.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <math.h>

static double round_up(double x, const void *options)
{
    (void)options;
    return ceil(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, round_up);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_ceil;
}

static const struct op_onnx onnx = {.type = "Ceil", .since = 6};

const struct op op_ceil = {
    .name = "ceil",
    .family = OP_ELEMENTWISE,
    .summary = "Smallest whole number not below each element.",
    .formula = "y = ceil(x)",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer,
    .zero_gradient = true,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases,
    .as_activation = as_activation,
};
