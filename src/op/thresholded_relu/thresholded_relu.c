/* SPDX-License-Identifier: MIT */
/* A rectifier that passes only values above a threshold.
 * Everything but the formula and the options is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <float.h>

struct thresholded_relu_options {
    double alpha;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct thresholded_relu_options, alpha), .onnx = "alpha", .kind = OP_NUMBER, .standard = 1,
     .minimum = -(double)FLT_MAX, .maximum = (double)FLT_MAX, .doc = "the threshold"},
    {0},
};

/* NaN stays NaN. */
static double thresholded_relu(double x, const void *options)
{
    const struct thresholded_relu_options *own = options;
    return x > own->alpha || x != x ? x : 0;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, thresholded_relu);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    const struct thresholded_relu_options *own = options;
    *alpha = (float)own->alpha;
    *beta = 0;
    return UNARY_thresholded_relu;
}

static const struct op_onnx onnx = {.type = "ThresholdedRelu", .since = 10};

const struct op op_thresholded_relu = {
    .name = "thresholded_relu",
    .family = OP_ACTIVATION,
    .summary = "What is above a threshold passes, the rest becomes zero.",
    .formula = "y = x if x > alpha, else 0",
    .source = "Konda, Memisevic & Krueger, Zero-bias autoencoders and the benefits of co-adapting, ICLR 2015, eq. 4",
    .in = elementwise_in,
    .out = elementwise_out,
    .attributes = attributes,
    .options_size = sizeof(struct thresholded_relu_options),
    .infer = elementwise_infer,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases,
    .as_activation = as_activation,
};
