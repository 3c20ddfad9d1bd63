/* SPDX-License-Identifier: MIT */
/* Adagrad, as ai.onnx.preview.training has it: each element's step shrinks with the sum of its squared gradients. */
#include "op/optimiser.h"

#include <math.h>

struct adagrad_options {
    double decay_factor, epsilon, norm_coefficient;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct adagrad_options, decay_factor), .onnx = "decay_factor", .kind = OP_NUMBER,
     .doc = "of the learning rate: rate / (1 + step decay)"},
    {OP_ATTRIBUTE(struct adagrad_options, epsilon), .onnx = "epsilon", .kind = OP_NUMBER,
     .doc = "added to the root of the sum of squares"},
    {OP_ATTRIBUTE(struct adagrad_options, norm_coefficient), .onnx = "norm_coefficient", .kind = OP_NUMBER,
     .doc = "times the parameter, added to the gradient (weight decay)"},
    {0},
};

static void textbook(const struct op_textbook *textbook)
{
    const struct adagrad_options *options = textbook->options;
    const struct op_textbook_tensor *in = textbook->in;
    double rate = in[OPTIMISER_RATE].data[0] / (1 + in[OPTIMISER_STEP].data[0] * options->decay_factor);
    double *squares = textbook->out_count > 1 ? textbook->out[1].data : NULL;
    for (size_t i = 0; i < op_count(&in[OPTIMISER_PARAMETER].shape); i++) {
        double w = in[OPTIMISER_PARAMETER].data[i];
        double g = in[OPTIMISER_GRADIENT].data[i] + options->norm_coefficient * w;
        double h = in[OPTIMISER_STATE].data[i] + g * g;
        textbook->out[0].data[i] = w - rate * g / (sqrt(h) + options->epsilon);
        if (squares != NULL) {
            squares[i] = h;
        }
    }
}

static int import_adagrad(struct op_import *node)
{
    struct adagrad_options options = {.decay_factor = node->number(node->reader, "decay_factor", 0),
                                      .epsilon = node->number(node->reader, "epsilon", 0),
                                      .norm_coefficient = node->number(node->reader, "norm_coefficient", 0)};
    return optimiser_import(node, "adagrad", 1, &options);
}

static const struct op_onnx onnx = {
    .type = "Adagrad", .domain = "ai.onnx.preview.training", .since = 1, .import = import_adagrad};

static const struct adagrad_options usual = {0.1, 1e-5, 0.001}, plain = {0, 1e-8, 0};
#define TENSORS(...) {{0, {0}}, {0, {0}}, FOV_SHAPE(__VA_ARGS__), FOV_SHAPE(__VA_ARGS__), FOV_SHAPE(__VA_ARGS__)}
static const struct op_case cases[] = {
    {.name = "decay", .options = &usual, .in = TENSORS(3, 17), .in_dtype = {FOV_F32, FOV_I64}, .in_count = 5, .integers = 9,
     .positive = true},
    {.name = "plain", .options = &plain, .in = TENSORS(37), .in_dtype = {FOV_F32, FOV_I64}, .in_count = 5, .positive = true},
    {0},
};

const struct op op_adagrad = {
    .name = "adagrad",
    .family = OP_OPTIMISER,
    .summary = "Adagrad: divides each element's step by the root of the sum of its squared gradients.",
    .formula = "g += c w; h += g^2; w -= rate / (1 + t decay) g / (sqrt(h) + e)",
    .source = "Duchi, Hazan & Singer, Adaptive subgradient methods, JMLR 2011",
    .in = (const struct op_port[]){{.name = "learning_rate", .shape = "[]"},
                                   {.name = "step", .shape = "[]: 0 for the first update"},
                                   {.name = "parameter", .shape = "[...]", .plain = true},
                                   {.name = "gradient", .shape = "as parameter", .plain = true},
                                   {.name = "squares", .shape = "as parameter", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){
        {.name = "parameter", .shape = "[...]", .plain = true, .updates = 1 + OPTIMISER_PARAMETER},
        {.name = "squares", .shape = "as parameter", .optional = true, .plain = true, .updates = 1 + OPTIMISER_STATE},
        {0}},
    .attributes = attributes,
    .options_size = sizeof(struct adagrad_options),
    .infer = optimiser_infer,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
