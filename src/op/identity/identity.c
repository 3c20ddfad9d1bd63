/* SPDX-License-Identifier: MIT */
/* The identity: gives a value a second name, and reads ONNX's Identity. A plan computes nothing for it. */
#include "op/elementwise.h"

#include "op/onnx.h"

static double identity(double x, const void *options)
{
    (void)options;
    return x;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, identity);
}

static void gradient(struct op_gradient *gradient)
{
    gradient->in_gradient[0] = gradient->out_gradient[0];
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    (void)options;
    *alpha = *beta = 0;
    return UNARY_identity;
}

static const struct op_cpu cpu = {
    .layout = OP_FOLLOWS, .supports = op_any_dtype, .compile = op_compile_identity, .in_place = 1u << 0,
    .may_alias = true};

static const struct op_onnx onnx = {.type = "Identity", .since = 1};

const struct op op_identity = {
    .name = "identity",
    .family = OP_SHAPE,
    .summary = "The same tensor.",
    .formula = "y = x",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = op_infer_same,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = elementwise_cases,
    .as_activation = as_activation,
};
