/* SPDX-License-Identifier: MIT */
/* An ELU whose slope has no jump at zero, whatever alpha.
 * Everything but the formula and the options is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <float.h>
#include <math.h>

struct celu_options {
    double alpha;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct celu_options, alpha), .onnx = "alpha", .kind = OP_NUMBER, .standard = 1,
     .minimum = 0x1p-126, .maximum = (double)FLT_MAX, .doc = "the limit below zero is -alpha"},
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

/* As for ELU, a negative alpha is imported as several nodes: relu(x) + alpha (exp(min(x, 0) / alpha) - 1). */
static int import_celu(struct op_import *node)
{
    struct celu_options options = {node->number(node->reader, "alpha", 1)};
    const struct op_emitter *emitter = node->emitter;
    if (!(options.alpha < 0)) {
        node->result(node->reader, 0, emitter->node(emitter->graph, "celu", node->in, 1, &options, node->node_name));
        return FOV_OK;
    }
    fov_value below = op_emit_affine(emitter, elementwise_below_zero(emitter, node->in[0]), 1 / options.alpha, 0);
    fov_value parts[] = {
        op_emit1(emitter, "relu", node->in[0], NULL),
        op_emit_affine(emitter, op_emit1(emitter, "exp", below, NULL), options.alpha, -options.alpha)};
    node->result(node->reader, 0, emitter->node(emitter->graph, "add", parts, 2, NULL, node->node_name));
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Celu", .since = 12, .import = import_celu};

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
