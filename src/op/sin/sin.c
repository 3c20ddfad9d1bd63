/* SPDX-License-Identifier: MIT */
/* The sine of angles in radians.
 * Everything but the formula and the gradient is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <math.h>

static double sine(double x, const void *options)
{
    (void)options;
    return sin(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, sine);
}

static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value dy = gradient->out_gradient[0];
    gradient->in_gradient[0] = op_emit2(emitter, "mul", dy, op_emit1(emitter, "cos", gradient->in[0], NULL), NULL);
}

static const struct op_onnx onnx = {.type = "Sin", .since = 7};

const struct op op_sin = {
    .name = "sin",
    .family = OP_ELEMENTWISE,
    .summary = "Sine of each element, radians.",
    .formula = "y = sin(x)",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &elementwise_definition_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases,
};
