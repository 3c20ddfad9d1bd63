/* SPDX-License-Identifier: MIT */
/* The angle in radians whose cosine is given: NaN beyond -1 .. 1.
 * Everything but the formula and the gradient is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <math.h>

static double arc_cosine(double x, const void *options)
{
    (void)options;
    return acos(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, arc_cosine);
}

static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value dy = gradient->out_gradient[0];
    fov_value square = op_emit_affine(emitter, op_emit1(emitter, "square", gradient->in[0], NULL), -1, 1);
    fov_value share = op_emit2(emitter, "div", dy, op_emit1(emitter, "sqrt", square, NULL), NULL);
    gradient->in_gradient[0] = op_emit1(emitter, "neg", share, NULL);
}

static const struct op_onnx onnx = {.type = "Acos", .since = 7};

const struct op op_acos = {
    .name = "acos",
    .family = OP_ELEMENTWISE,
    .summary = "Inverse cosine of each element, radians.",
    .formula = "y in 0 .. pi with cos(y) = x",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &elementwise_definition_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases_inside,
};
