/* SPDX-License-Identifier: MIT */
/* A smooth rectifier: x times its sigmoid (SiLU where alpha is 1).
 * Everything but the formula and the options is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <float.h>
#include <fovea/operators.h>
#include <math.h>

struct swish_options {
    double alpha;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct swish_options, alpha), .onnx = "alpha", .kind = OP_NUMBER, .standard = 1,
     .minimum = -(double)FLT_MAX, .maximum = (double)FLT_MAX, .doc = "steepness of the gate"},
    {0},
};

static double swish(double x, const void *options)
{
    const struct swish_options *own = options;
    double e = exp(-fabs(own->alpha * x));
    double gate = own->alpha * x >= 0 ? 1 / (1 + e) : e / (1 + e);
    return isinf(x) && gate == 0 ? 0 : x * gate;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, swish);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    const struct swish_options *own = options;
    *alpha = (float)own->alpha;
    *beta = 0;
    return UNARY_swish;
}

/* Written as Mul and Sigmoid: ONNX has Swish only since opset 24. */
static int export_swish(struct op_export *node)
{
    const struct swish_options *options = node->options;
    const char *x = node->in_name(node->writer, 0), *scaled = x;
    if (options->alpha != 1) {
        const char *alpha = op_export_number(node, node->in[0].dtype, options->alpha);
        scaled = op_export_step(node, "Mul", x, alpha, OP_EXPORT_FRESH);
    }
    const char *gate = op_export_step(node, "Sigmoid", scaled, NULL, OP_EXPORT_FRESH);
    op_export_step(node, "Mul", x, gate, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Swish", .since = 24, .export = export_swish};

fov_value fov_swish(fov_graph *graph, fov_value x)
{
    return op_build(graph, "swish", &x, 1, NULL, NULL);
}

static const struct op_pattern patterns[] = {{.text = "mul(x, sigmoid(x))"}, {0}};

const struct op op_swish = {
    .name = "swish",
    .family = OP_ACTIVATION,
    .summary = "Smooth rectifier: x sigmoid(alpha x).",
    .formula = "y = x / (1 + exp(-alpha x))",
    .source = "Ramachandran, Zoph & Le, Searching for activation functions, 2017, section 4",
    .in = elementwise_in,
    .out = elementwise_out,
    .attributes = attributes,
    .options_size = sizeof(struct swish_options),
    .infer = elementwise_infer,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases,
    .as_activation = as_activation,
    .patterns = patterns,
};
