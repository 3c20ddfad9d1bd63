/* SPDX-License-Identifier: MIT */
/* Gradient descent with momentum, as ai.onnx.preview.training has it: the gradient joins the velocity by a share of its own,
 * which is 1 in the first step. */
#include "op/optimiser.h"

#include <string.h>

struct momentum_options {
    double alpha, beta, norm_coefficient;
    int    mode;
};
static const char *const modes[] = {"standard", "nesterov", NULL};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct momentum_options, alpha), .onnx = "alpha", .kind = OP_NUMBER, .standard = 0.9,
     .doc = "share of the velocity kept"},
    {OP_ATTRIBUTE(struct momentum_options, beta), .onnx = "beta", .kind = OP_NUMBER, .standard = 1,
     .doc = "share of the gradient added, after the first step"},
    {OP_ATTRIBUTE(struct momentum_options, norm_coefficient), .onnx = "norm_coefficient", .kind = OP_NUMBER,
     .doc = "times the parameter, added to the gradient (weight decay)"},
    {OP_ATTRIBUTE(struct momentum_options, mode), .onnx = "mode", .kind = OP_CHOICE, .choices = modes,
     .doc = "whether the step looks ahead"},
    {0},
};

static void textbook(const struct op_textbook *textbook)
{
    const struct momentum_options *options = textbook->options;
    const struct op_textbook_tensor *in = textbook->in;
    double rate = in[OPTIMISER_RATE].data[0], beta = in[OPTIMISER_STEP].data[0] > 0 ? options->beta : 1;
    double *velocity = textbook->out_count > 1 ? textbook->out[1].data : NULL;
    for (size_t i = 0; i < op_count(&in[OPTIMISER_PARAMETER].shape); i++) {
        double w = in[OPTIMISER_PARAMETER].data[i];
        double g = in[OPTIMISER_GRADIENT].data[i] + options->norm_coefficient * w;
        double v = options->alpha * in[OPTIMISER_STATE].data[i] + beta * g;
        textbook->out[0].data[i] = w - rate * (options->mode == 1 ? g + options->alpha * v : v);
        if (velocity != NULL) {
            velocity[i] = v;
        }
    }
}

static int import_momentum(struct op_import *node)
{
    const char *mode = node->text(node->reader, "mode", "standard");
    struct momentum_options options = {.alpha = node->number(node->reader, "alpha", 0.9),
                                       .beta = node->number(node->reader, "beta", 1),
                                       .norm_coefficient = node->number(node->reader, "norm_coefficient", 0),
                                       .mode = strcmp(mode, "nesterov") == 0};
    if (options.mode == 0 && strcmp(mode, "standard") != 0) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "mode is \"%s\", which is not known", mode);
    }
    return optimiser_import(node, "momentum", 1, &options);
}

static const struct op_onnx onnx = {
    .type = "Momentum", .domain = "ai.onnx.preview.training", .since = 1, .import = import_momentum};

static const struct momentum_options standard = {0.95, 0.85, 0.001, 0}, nesterov = {0.9, 1, 0.01, 1};
#define TENSORS(...) {{0, {0}}, {0, {0}}, FOV_SHAPE(__VA_ARGS__), FOV_SHAPE(__VA_ARGS__), FOV_SHAPE(__VA_ARGS__)}
static const struct op_case cases[] = {
    {.name = "standard", .options = &standard, .in = TENSORS(3, 17), .in_dtype = {FOV_F32, FOV_I64}, .in_count = 5,
     .integers = 4},
    {.name = "nesterov", .options = &nesterov, .in = TENSORS(37), .in_dtype = {FOV_F32, FOV_I64}, .in_count = 5},
    {0},
};

const struct op op_momentum = {
    .name = "momentum",
    .family = OP_OPTIMISER,
    .summary = "Gradient descent with momentum in ONNX's form.",
    .formula = "g += c w; v = alpha v + (t > 0 ? beta : 1) g; w -= rate v, or rate (g + alpha v) with nesterov",
    .source = "Sutskever, Martens, Dahl & Hinton, On the importance of initialization and momentum, ICML 2013",
    .in = (const struct op_port[]){{.name = "learning_rate", .shape = "[]"},
                                   {.name = "step", .shape = "[]: 0 for the first update"},
                                   {.name = "parameter", .shape = "[...]", .plain = true},
                                   {.name = "gradient", .shape = "as parameter", .plain = true},
                                   {.name = "velocity", .shape = "as parameter", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){
        {.name = "parameter", .shape = "[...]", .plain = true, .updates = 1 + OPTIMISER_PARAMETER},
        {.name = "velocity", .shape = "as parameter", .optional = true, .plain = true, .updates = 1 + OPTIMISER_STATE},
        {0}},
    .attributes = attributes,
    .options_size = sizeof(struct momentum_options),
    .infer = optimiser_infer,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
