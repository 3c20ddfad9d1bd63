/* SPDX-License-Identifier: MIT */
/* Swish made of straight and parabolic pieces: cheap on small devices.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <fovea/operators.h>

static double hard_swish(double x, const void *options)
{
    (void)options;
    double gate = x / 6 + 0.5;
    return x * (gate < 0 ? 0 : gate > 1 ? 1 : gate);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, hard_swish);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_hard_swish;
}

/* ONNX has HardSwish since opset 14; before, it is written as HardSigmoid and Mul. */
static int export_hard_swish(struct op_export *node)
{
    const char *x = node->in_name(node->writer, 0);
    if (node->opset >= 14) {
        op_export_step(node, "HardSwish", x, NULL, 0);
        return FOV_OK;
    }
    const char *gate = op_export_step(node, "HardSigmoid", x, NULL, OP_EXPORT_FRESH);
    node->attribute_number(node->writer, "alpha", 1.0 / 6);
    node->attribute_number(node->writer, "beta", 0.5);
    op_export_step(node, "Mul", x, gate, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "HardSwish", .since = 14, .export = export_hard_swish};

fov_value fov_hard_swish(fov_graph *graph, fov_value x)
{
    return elementwise_build(graph, "hard_swish", x);
}

static const struct op_pattern patterns[] = {{.text = "mul(x, hard_sigmoid{0.16666667, 0.5}(x))"},
                                             {.text = "div(mul(x, clip{0, 6}(add(x, 3))), 6)"},
                                             {.text = "mul(mul(x, clip{0, 6}(add(x, 3))), 0.16666667)"},
                                             {0}};

const struct op op_hard_swish = {
    .name = "hard_swish",
    .family = OP_ACTIVATION,
    .summary = "Swish with a gate of straight pieces.",
    .formula = "y = x min(max(x / 6 + 1/2, 0), 1)",
    .source = "Howard et al., Searching for MobileNetV3, 2019, section 5.2",
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
