/* SPDX-License-Identifier: MIT */
/* The rectifier with a small slope below zero, so that no unit can die. An example of an operator with an option;
 * everything but the formula and the option is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <float.h>
#include <fovea/operators.h>

struct leaky_relu_options {
    double alpha;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct leaky_relu_options, alpha), .onnx = "alpha", .kind = OP_NUMBER, .standard = 0.01,
     .minimum = -(double)FLT_MAX, .maximum = (double)FLT_MAX, .doc = "slope below zero"},
    {0},
};

static double leaky_relu(double x, const void *options)
{
    const struct leaky_relu_options *leaky = options;
    return x < 0 ? leaky->alpha * x : x;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, leaky_relu);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    const struct leaky_relu_options *leaky = options;
    *alpha = (float)leaky->alpha;
    *beta = 0;
    return UNARY_leaky_relu;
}

fov_value fov_leaky_relu_opt(fov_graph *graph, fov_value x, const fov_leaky_relu_options *options)
{
    struct leaky_relu_options leaky = {.alpha = options != NULL && options->alpha != 0 ? (double)options->alpha : 0.01};
    return op_build(graph, "leaky_relu", &x, 1, &leaky, options != NULL ? options->name : NULL);
}

fov_value fov_leaky_relu(fov_graph *graph, fov_value x, float alpha)
{
    struct leaky_relu_options leaky = {.alpha = (double)alpha};
    return op_build(graph, "leaky_relu", &x, 1, &leaky, NULL);
}

static const struct leaky_relu_options tenth = {.alpha = 0.1}, flipped = {.alpha = -0.5};

/* At least 0.1 away from the kink. A negative slope makes y positive on both sides: the gradient must then read x. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        double value = random_normal(key, i);
        data[i] = value < 0 ? value - 0.1 : value + 0.1;
    }
}

static const struct op_case cases[] = {
    {.name = "default slope", .in = {{2, {3, 17}}}, .in_count = 1, .fill = fill},
    {.name = "slope 0.1, image", .in = {{4, {2, 3, 5, 3}}}, .in_count = 1, .options = &tenth, .fill = fill},
    {.name = "slope -0.5", .in = {{1, {33}}}, .in_count = 1, .options = &flipped, .fill = fill},
    {0},
};

static const struct op_onnx onnx = {.type = "LeakyRelu", .since = 6};

const struct op op_leaky_relu = {
    .name = "leaky_relu",
    .family = OP_ACTIVATION,
    .summary = "Rectifier with a small slope below zero.",
    .formula = "y = x if x > 0, else alpha x",
    .source = "Maas, Hannun & Ng, Rectifier nonlinearities improve neural network acoustic models, 2013, eq. 2",
    .in = elementwise_in,
    .out = elementwise_out,
    .attributes = attributes,
    .options_size = sizeof(struct leaky_relu_options),
    .infer = elementwise_infer,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = cases,
    .as_activation = as_activation,
};
