/* SPDX-License-Identifier: MIT */
/* The hyperbolic sine.
 * Everything but the formula and the gradient is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <math.h>

static double hyperbolic_sine(double x, const void *options)
{
    (void)options;
    return sinh(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, hyperbolic_sine);
}

static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value dy = gradient->out_gradient[0];
    gradient->in_gradient[0] = op_emit2(emitter, "mul", dy, op_emit1(emitter, "cosh", gradient->in[0], NULL), NULL);
}

static const struct op_onnx onnx = {.type = "Sinh", .since = 9};

const struct op op_sinh = {
    .name = "sinh",
    .family = OP_ELEMENTWISE,
    .summary = "Hyperbolic sine of each element.",
    .formula = "y = (exp(x) - exp(-x)) / 2",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &elementwise_definition_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases,
};
