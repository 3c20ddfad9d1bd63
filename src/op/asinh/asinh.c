/* SPDX-License-Identifier: MIT */
/* The inverse of the hyperbolic sine.
 * Everything but the formula and the gradient is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <math.h>

static double inverse_hyperbolic_sine(double x, const void *options)
{
    (void)options;
    return asinh(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, inverse_hyperbolic_sine);
}

static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value dy = gradient->out_gradient[0];
    fov_value square = op_emit_affine(emitter, op_emit1(emitter, "square", gradient->in[0], NULL), 1, 1);
    gradient->in_gradient[0] = op_emit2(emitter, "div", dy, op_emit1(emitter, "sqrt", square, NULL), NULL);
}

static const struct op_onnx onnx = {.type = "Asinh", .since = 9};

const struct op op_asinh = {
    .name = "asinh",
    .family = OP_ELEMENTWISE,
    .summary = "Inverse hyperbolic sine of each element.",
    .formula = "y = log(x + sqrt(x^2 + 1))",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &elementwise_definition_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases,
};
