/* SPDX-License-Identifier: MIT */
/* A squashing function that saturates slowly.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

static double softsign(double x, const void *options)
{
    (void)options;
    return isinf(x) ? (x > 0 ? 1 : -1) : x / (1 + fabs(x));
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, softsign);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_softsign;
}

static const struct op_onnx onnx = {.type = "Softsign", .since = 1};

fov_value fov_softsign(fov_graph *graph, fov_value x)
{
    return elementwise_build(graph, "softsign", x);
}

const struct op op_softsign = {
    .name = "softsign",
    .family = OP_ACTIVATION,
    .summary = "Squeezes any number into -1 .. 1, saturating slowly.",
    .formula = "y = x / (1 + |x|)",
    .source = "Bergstra, Desjardins, Lamblin & Bengio, Quadratic polynomials learn better image features, 2009",
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
