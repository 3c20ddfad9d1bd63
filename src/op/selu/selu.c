/* SPDX-License-Identifier: MIT */
/* An ELU with the two constants at which activations keep mean 0 and variance 1 from layer to layer.
 * Everything but the formula and the options is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <float.h>
#include <fovea/operators.h>
#include <math.h>

struct selu_options {
    double alpha, gamma;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct selu_options, alpha),
     .onnx = "alpha", .kind = OP_NUMBER, .standard = 1.67326319217681884765625,
     .minimum = 0, .maximum = (double)FLT_MAX, .doc = "the limit below zero is -alpha gamma"},
    {OP_ATTRIBUTE(struct selu_options, gamma),
     .onnx = "gamma", .kind = OP_NUMBER, .standard = 1.05070102214813232421875,
     .minimum = 0, .maximum = (double)FLT_MAX, .doc = "slope above zero"},
    {0},
};

static double selu(double x, const void *options)
{
    const struct selu_options *own = options;
    return own->gamma * (x > 0 ? x : own->alpha * expm1(x));
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, selu);
}

static enum unary as_activation(const void *options, float *alpha, float *beta)
{
    const struct selu_options *own = options;
    *alpha = (float)own->alpha;
    *beta = (float)own->gamma;
    return UNARY_selu;
}

/* As for ELU: a negative constant is several nodes. */
static int import_selu(struct op_import *node)
{
    struct selu_options options = {node->number(node->reader, "alpha", 1.67326319217681884765625),
                                   node->number(node->reader, "gamma", 1.05070102214813232421875)};
    const struct op_emitter *emitter = node->emitter;
    if (!(options.alpha < 0) && !(options.gamma < 0)) {
        node->result(node->reader, 0, emitter->node(emitter->graph, "selu", node->in, 1, &options, node->node_name));
        return FOV_OK;
    }
    fov_value below = op_emit1(emitter, "elu", elementwise_below_zero(emitter, node->in[0]), NULL);
    fov_value parts[] = {
        op_emit_affine(emitter, op_emit1(emitter, "relu", node->in[0], NULL), options.gamma, 0),
        op_emit_affine(emitter, below, options.gamma * options.alpha, 0)};
    node->result(node->reader, 0, emitter->node(emitter->graph, "add", parts, 2, NULL, node->node_name));
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Selu", .since = 6, .import = import_selu};

fov_value fov_selu(fov_graph *graph, fov_value x)
{
    return elementwise_build(graph, "selu", x);
}

const struct op op_selu = {
    .name = "selu",
    .family = OP_ACTIVATION,
    .summary = "Scaled exponential linear unit: keeps activations normalised.",
    .formula = "y = gamma x if x > 0, else gamma alpha (exp(x) - 1)",
    .source = "Klambauer, Unterthiner, Mayr & Hochreiter, Self-normalizing neural networks, NIPS 2017, eq. 2",
    .in = elementwise_in,
    .out = elementwise_out,
    .attributes = attributes,
    .options_size = sizeof(struct selu_options),
    .infer = elementwise_infer,
    .gradient = elementwise_gradient,
    .textbook = textbook,
    .cpu = &elementwise_cpu,
    .onnx = &onnx,
    .cases = elementwise_cases_kinked,
    .as_activation = as_activation,
};
