/* SPDX-License-Identifier: MIT */
/* The nearest whole number; halves go to the even one. Flat almost everywhere: nothing flows back.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <math.h>

/* As IEEE 754 rounds by default. */
static double round_to_even(double x, const void *options)
{
    (void)options;
    return nearbyint(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, round_to_even);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_round;
}

static const struct op_onnx onnx = {.type = "Round", .since = 11};

const struct op op_round = {
    .name = "round",
    .family = OP_ELEMENTWISE,
    .summary = "Nearest whole number of each element, halves to even.",
    .formula = "y = round(x)",
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
