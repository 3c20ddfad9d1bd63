/* SPDX-License-Identifier: MIT */
/* A rectifier that falls smoothly to -alpha below zero.
 * Everything but the formula and the options is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <float.h>
#include <fovea/operators.h>
#include <math.h>

struct elu_options {
    double alpha;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct elu_options, alpha), .onnx = "alpha", .kind = OP_NUMBER, .standard = 1,
     .minimum = 0, .maximum = (double)FLT_MAX, .doc = "the limit below zero is -alpha"},
    {0},
};

static double elu(double x, const void *options)
{
    const struct elu_options *own = options;
    return x > 0 ? x : own->alpha * expm1(x);
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, elu);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    const struct elu_options *own = options;
    *alpha = (float)own->alpha;
    *beta = 0;
    return UNARY_elu;
}

/* The kernels' derivative tells the two halves apart by the sign of y, so a negative alpha becomes several nodes. */
static int import_elu(struct op_import *node)
{
    struct elu_options options = {node->number(node->reader, "alpha", 1)};
    const struct op_emitter *emitter = node->emitter;
    if (!(options.alpha < 0)) {
        node->result(node->reader, 0, emitter->node(emitter->graph, "elu", node->in, 1, &options, node->node_name));
        return FOV_OK;
    }
    fov_value below = op_emit1(emitter, "elu", elementwise_below_zero(emitter, node->in[0]), NULL);
    fov_value parts[] = {op_emit1(emitter, "relu", node->in[0], NULL), op_emit_affine(emitter, below, options.alpha, 0)};
    node->result(node->reader, 0, emitter->node(emitter->graph, "add", parts, 2, NULL, node->node_name));
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Elu", .since = 6, .import = import_elu};

fov_value fov_elu(fov_graph *graph, fov_value x, float alpha)
{
    struct elu_options options = {(double)alpha};
    return op_build(graph, "elu", &x, 1, &options, NULL);
}

const struct op op_elu = {
    .name = "elu",
    .family = OP_ACTIVATION,
    .summary = "Exponential linear unit: x above zero, saturating to -alpha below.",
    .formula = "y = x if x > 0, else alpha (exp(x) - 1)",
    .source = "Clevert, Unterthiner & Hochreiter, Fast and accurate deep network learning by ELUs, ICLR 2016, eq. 15",
    .in = elementwise_in,
    .out = elementwise_out,
    .attributes = attributes,
    .options_size = sizeof(struct elu_options),
    .infer = elementwise_infer,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases_kinked,
    .as_activation = as_activation,
};
