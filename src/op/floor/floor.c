/* SPDX-License-Identifier: MIT */
/* The largest whole number not above x. Flat almost everywhere, so no gradient flows back.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <math.h>

static double round_down(double x, const void *options)
{
    (void)options;
    return floor(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, round_down);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_floor;
}

static const struct op_onnx onnx = {.type = "Floor", .since = 6};

const struct op op_floor = {
    .name = "floor",
    .family = OP_ELEMENTWISE,
    .summary = "Largest whole number not above each element.",
    .formula = "y = floor(x)",
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
