/* SPDX-License-Identifier: MIT */
/* The angle in radians whose sine is given: NaN beyond -1 .. 1.
 * Everything but the formula and the gradient is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <math.h>

static double arc_sine(double x, const void *options)
{
    (void)options;
    return asin(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, arc_sine);
}

static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value dy = gradient->out_gradient[0];
    fov_value square = op_emit_affine(emitter, op_emit1(emitter, "square", gradient->in[0], NULL), -1, 1);
    gradient->in_gradient[0] = op_emit2(emitter, "div", dy, op_emit1(emitter, "sqrt", square, NULL), NULL);
}

static const struct op_onnx onnx = {.type = "Asin", .since = 7};

const struct op op_asin = {
    .name = "asin",
    .family = OP_ELEMENTWISE,
    .summary = "Inverse sine of each element, radians.",
    .formula = "y in -pi/2 .. pi/2 with sin(y) = x",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &elementwise_definition_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases_inside,
};
