/* SPDX-License-Identifier: MIT */
/* A smooth rectifier that dips below zero once: x times the tanh of its softplus.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

static double mish(double x, const void *options)
{
    (void)options;
    double softplus = (x < 0 ? 0 : x) + log1p(exp(-fabs(x)));
    return isinf(x) && x < 0 ? 0 : x * tanh(softplus);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, mish);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_mish;
}

/* ONNX has Mish since opset 18; before, it is written as Softplus, Tanh and Mul. */
static int export_mish(struct op_export *node)
{
    const char *x = node->in_name(node->writer, 0);
    if (node->opset >= 18) {
        op_export_step(node, "Mish", x, NULL, 0);
        return FOV_OK;
    }
    const char *soft = op_export_step(node, "Softplus", x, NULL, OP_EXPORT_FRESH);
    const char *gate = op_export_step(node, "Tanh", soft, NULL, OP_EXPORT_FRESH);
    op_export_step(node, "Mul", x, gate, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Mish", .since = 18, .export = export_mish};

fov_value fov_mish(fov_graph *graph, fov_value x)
{
    return elementwise_build(graph, "mish", x);
}

static const struct op_pattern patterns[] = {{.text = "mul(x, tanh(softplus(x)))"}, {0}};

const struct op op_mish = {
    .name = "mish",
    .family = OP_ACTIVATION,
    .summary = "Smooth rectifier: x tanh(softplus(x)).",
    .formula = "y = x tanh(log(1 + exp(x)))",
    .source = "Misra, Mish: a self regularized non-monotonic activation function, 2019, eq. 1",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases,
    .as_activation = as_activation,
    .patterns = patterns,
};
