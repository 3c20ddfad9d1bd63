/* SPDX-License-Identifier: MIT */
/* The cosine of angles in radians.
 * Everything but the formula and the gradient is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <math.h>

static double cosine(double x, const void *options)
{
    (void)options;
    return cos(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, cosine);
}

static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value dy = gradient->out_gradient[0];
    fov_value slope = op_emit1(emitter, "neg", op_emit1(emitter, "sin", gradient->in[0], NULL), NULL);
    gradient->in_gradient[0] = op_emit2(emitter, "mul", dy, slope, NULL);
}

static const struct op_onnx onnx = {.type = "Cos", .since = 7};

const struct op op_cos = {
    .name = "cos",
    .family = OP_ELEMENTWISE,
    .summary = "Cosine of each element, radians.",
    .formula = "y = cos(x)",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &elementwise_definition_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases,
};
