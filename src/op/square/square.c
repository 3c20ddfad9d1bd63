/* SPDX-License-Identifier: MIT */
/* Each element times itself.
 * Everything but the formula is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"

static double square(double x, const void *options)
{
    (void)options;
    return x * x;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, square);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_square;
}

/* ONNX has no square. */
static int export_square(struct op_export *node)
{
    const char *x = node->in_name(node->writer, 0);
    op_export_step(node, "Mul", x, x, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Mul(x, x)", .since = 7, .export = export_square};

const struct op op_square = {
    .name = "square",
    .family = OP_ELEMENTWISE,
    .summary = "Square of each element.",
    .formula = "y = x^2",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer_numbers,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases,
    .as_activation = as_activation,
};
