/* SPDX-License-Identifier: MIT */
/* The inverse of the hyperbolic cosine: NaN below 1.
 * Everything but the formula and the gradient is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <math.h>

static double inverse_hyperbolic_cosine(double x, const void *options)
{
    (void)options;
    return acosh(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, inverse_hyperbolic_cosine);
}

static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value dy = gradient->out_gradient[0];
    fov_value square = op_emit_affine(emitter, op_emit1(emitter, "square", gradient->in[0], NULL), 1, -1);
    gradient->in_gradient[0] = op_emit2(emitter, "div", dy, op_emit1(emitter, "sqrt", square, NULL), NULL);
}

static const struct op_onnx onnx = {.type = "Acosh", .since = 9};

/* Values from 1.5 to 2.5: the function is defined from 1 on, where its slope is infinite. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = 1.5 + random_uniform(key, i);
    }
}

static const struct op_case cases[] = {
    {.name = "vector of 37", .in = {{1, {37}}}, .in_count = 1, .fill = fill},
    {.name = "scalar", .in = {{0, {0}}}, .in_count = 1, .fill = fill},
    {.name = "image", .in = {{4, {2, 3, 5, 3}}}, .in_count = 1, .fill = fill},
    {0},
};

const struct op op_acosh = {
    .name = "acosh",
    .family = OP_ELEMENTWISE,
    .summary = "Inverse hyperbolic cosine of each element.",
    .formula = "y = log(x + sqrt(x^2 - 1))",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = elementwise_infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &elementwise_definition_cpu,
    .onnx = &onnx,
    .cases = cases,
};
