/* SPDX-License-Identifier: MIT */
/* The tangent of angles in radians.
 * Everything but the formula and the gradient is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <math.h>

static double tangent(double x, const void *options)
{
    (void)options;
    return tan(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, tangent);
}

static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value dy = gradient->out_gradient[0];
    fov_value slope = op_emit_affine(emitter, op_emit1(emitter, "square", gradient->out[0], NULL), 1, 1);
    gradient->in_gradient[0] = op_emit2(emitter, "mul", dy, slope, NULL);
}

static const struct op_onnx onnx = {.type = "Tan", .since = 7};

const struct op op_tan = {
    .name = "tan",
    .family = OP_ELEMENTWISE,
    .summary = "Tangent of each element, radians.",
    .formula = "y = sin(x) / cos(x)",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &elementwise_definition_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases_inside,
};
