/* SPDX-License-Identifier: MIT */
/* An ELU whose slope has no jump at zero, whatever alpha.
 * All but the formula and the options is the family's: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <math.h>

struct celu_options {
    double alpha;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct celu_options, alpha), .onnx = "alpha", .kind = OP_NUMBER, .standard = 1,
     .minimum = 1e-6, .maximum = 1e6, .doc = "the limit below zero is -alpha"},
    {0},
};

static double celu(double x, const void *options)
{
    const struct celu_options *own = options;
    return x > 0 ? x : own->alpha * expm1(x / own->alpha);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, celu);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    const struct celu_options *own = options;
    *alpha = (float)own->alpha;
    *beta = 0;
    return UNARY_celu;
}

static const struct op_onnx onnx = {.type = "Celu", .since = 12};

const struct op op_celu = {
    .name = "celu",
    .family = OP_ACTIVATION,
    .summary = "Continuously differentiable exponential linear unit.",
    .formula = "y = x if x > 0, else alpha (exp(x / alpha) - 1)",
    .source = "Barron, Continuously differentiable exponential linear units, 2017, eq. 2",
    .in = elementwise_in,
    .out = elementwise_out,
    .attributes = attributes,
    .options_size = sizeof(struct celu_options),
    .infer = elementwise_infer,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases_kinked,
    .as_activation = as_activation,
};
