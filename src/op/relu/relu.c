/* SPDX-License-Identifier: MIT */
/* The rectifier: passes positive values, replaces all others by 0. The activation of most networks since 2012.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <fovea/operators.h>

/* Written with < so that NaN stays NaN. */
static double relu(double x, const void *options)
{
    (void)options;
    return x < 0 ? 0 : x;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, relu);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_relu;
}

static const struct op_onnx onnx = {.type = "Relu", .since = 6};

fov_value fov_relu(fov_graph *graph, fov_value x)
{
    return elementwise_build(graph, "relu", x);
}

const struct op op_relu = {
    .name = "relu",
    .family = OP_ACTIVATION,
    .summary = "Rectified linear unit: what is positive passes, the rest becomes zero.",
    .formula = "y = max(x, 0)",
    .source = "Nair & Hinton, Rectified linear units improve restricted Boltzmann machines, ICML 2010, section 2",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer_numbers,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases_kinked,
    .as_activation = as_activation,
};
