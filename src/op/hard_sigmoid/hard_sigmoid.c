/* SPDX-License-Identifier: MIT */
/* A sigmoid made of three straight pieces.
 * Everything but the formula and the options is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <float.h>
#include <fovea/operators.h>

struct hard_sigmoid_options {
    double alpha, beta;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct hard_sigmoid_options, alpha), .onnx = "alpha", .kind = OP_NUMBER, .standard = 0.2,
     .minimum = -(double)FLT_MAX, .maximum = (double)FLT_MAX, .doc = "slope"},
    {OP_ATTRIBUTE(struct hard_sigmoid_options, beta), .onnx = "beta", .kind = OP_NUMBER, .standard = 0.5,
     .minimum = -(double)FLT_MAX, .maximum = (double)FLT_MAX, .doc = "value at zero"},
    {0},
};

static double hard_sigmoid(double x, const void *options)
{
    const struct hard_sigmoid_options *own = options;
    double y = own->alpha * x + own->beta;
    return y < 0 ? 0 : y > 1 ? 1 : y;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, hard_sigmoid);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    const struct hard_sigmoid_options *own = options;
    *alpha = (float)own->alpha;
    *beta = (float)own->beta;
    return UNARY_hard_sigmoid;
}

static const struct op_onnx onnx = {.type = "HardSigmoid", .since = 6};

fov_value fov_hard_sigmoid(fov_graph *graph, fov_value x, float alpha, float beta)
{
    struct hard_sigmoid_options options = {(double)alpha, (double)beta};
    return op_build(graph, "hard_sigmoid", &x, 1, &options, NULL);
}

/* The spellings of networks that write hard_swish in parts. */
static const struct hard_sigmoid_options sixth = {1.0 / 6, 0.5};
static const struct op_pattern patterns[] = {{.text = "div(clip{0, 6}(add(x, 3)), 6)", .options = &sixth},
                                             {.text = "mul(clip{0, 6}(add(x, 3)), 0.16666667)", .options = &sixth},
                                             {0}};

const struct op op_hard_sigmoid = {
    .name = "hard_sigmoid",
    .family = OP_ACTIVATION,
    .summary = "Sigmoid of three straight pieces.",
    .formula = "y = min(max(alpha x + beta, 0), 1)",
    .source = "Courbariaux, Bengio & David, BinaryConnect, NIPS 2015, eq. 3",
    .in = elementwise_in,
    .out = elementwise_out,
    .attributes = attributes,
    .options_size = sizeof(struct hard_sigmoid_options),
    .infer = elementwise_infer,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases,
    .as_activation = as_activation,
    .patterns = patterns,
};
