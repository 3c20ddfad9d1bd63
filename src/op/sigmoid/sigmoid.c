/* SPDX-License-Identifier: MIT */
/* The logistic function: the classical activation, and the probability of a yes/no output.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

/* Only exp of negative numbers is taken: it cannot overflow. */
static double sigmoid(double x, const void *options)
{
    (void)options;
    double e = exp(-fabs(x));
    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, sigmoid);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_sigmoid;
}

static const struct op_onnx onnx = {.type = "Sigmoid", .since = 6};

fov_value fov_sigmoid(fov_graph *graph, fov_value x)
{
    return elementwise_build(graph, "sigmoid", x);
}

const struct op op_sigmoid = {
    .name = "sigmoid",
    .family = OP_ACTIVATION,
    .summary = "Logistic function: squeezes any number into 0 .. 1.",
    .formula = "y = 1 / (1 + exp(-x))",
    .source = "Rumelhart, Hinton & Williams, Learning representations by back-propagating errors, Nature 1986, eq. 2",
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
