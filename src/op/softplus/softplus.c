/* SPDX-License-Identifier: MIT */
/* A smooth rectifier; its derivative is the sigmoid.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

/* log(1 + exp x) = max(x, 0) + log(1 + exp(-|x|)): exp cannot overflow, log1p keeps the digits of small results. */
static double softplus(double x, const void *options)
{
    (void)options;
    return (x < 0 ? 0 : x) + log1p(exp(-fabs(x)));
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, softplus);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_softplus;
}

static const struct op_onnx onnx = {.type = "Softplus", .since = 1};

fov_value fov_softplus(fov_graph *graph, fov_value x)
{
    return elementwise_build(graph, "softplus", x);
}

const struct op op_softplus = {
    .name = "softplus",
    .family = OP_ACTIVATION,
    .summary = "Smooth form of the rectifier.",
    .formula = "y = log(1 + exp(x))",
    .source = "Dugas et al., Incorporating second-order functional knowledge, NIPS 2000, eq. 2",
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
