/* SPDX-License-Identifier: MIT */
/* The error function: the share of a normal distribution within x sqrt(2) deviations.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <math.h>

static double error_function(double x, const void *options)
{
    (void)options;
    return erf(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, error_function);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_erf;
}

static const struct op_onnx onnx = {.type = "Erf", .since = 9};

const struct op op_erf = {
    .name = "erf",
    .family = OP_ELEMENTWISE,
    .summary = "Error function of each element.",
    .formula = "y = 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x",
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
