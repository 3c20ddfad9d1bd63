/* SPDX-License-Identifier: MIT */
/* RMSprop (Hinton, lecture 6e of "Neural networks for machine learning", 2012) as PyTorch computes it: divides the
 * gradient by the root of its running mean square or (centered) by its running standard deviation; momentum is
 * optional. */
#include "op/optimiser.h"

#include <math.h>

struct rmsprop_options {
    double alpha, epsilon, momentum, weight_decay;
    bool centered;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct rmsprop_options, alpha), .kind = OP_NUMBER, .standard = 0.99, .maximum = 0.999999999,
     .doc = "share of the mean square kept"},
    {OP_ATTRIBUTE(struct rmsprop_options, epsilon), .kind = OP_NUMBER, .standard = 1e-8, .maximum = 1,
     .doc = "added to the root"},
    {OP_ATTRIBUTE(struct rmsprop_options, momentum), .kind = OP_NUMBER, .standard = 0, .maximum = 0.999999999,
     .doc = "share of the velocity kept"},
    {OP_ATTRIBUTE(struct rmsprop_options, weight_decay), .kind = OP_NUMBER, .standard = 0, .maximum = 1e6,
     .doc = "times the parameter, added to the gradient"},
    {OP_ATTRIBUTE(struct rmsprop_options, centered), .kind = OP_FLAG,
     .doc = "over the deviation, not the root of the mean square"},
    {0},
};

static const struct op_port in[] = {
    {.name = "parameter", .shape = "[...]", .plain = true},
    {.name = "gradient", .shape = "as parameter", .plain = true},
    {.name = "square", .shape = "as parameter; zeros at first", .plain = true},
    {.name = "mean",
     .shape = "as parameter; zeros at first; with centered",
     .optional = true,
     .plain = true,
     .wanted_by = "centered"},
    {.name = "velocity",
     .shape = "as parameter; zeros at first; with momentum",
     .optional = true,
     .plain = true,
     .wanted_by = "momentum"},
    {.name = "learning_rate", .shape = "[]"},
    {.name = "step", .shape = "[]: 1 for the first update"},
    {0},
};
static const struct op_port out[] = {
    {.name = "parameter", .shape = "as parameter", .plain = true, .updates = 1},
    {.name = "square", .shape = "as parameter", .optional = true, .plain = true, .updates = 3},
    {.name = "mean", .shape = "as parameter", .optional = true, .plain = true, .updates = 4},
    {.name = "velocity", .shape = "as parameter", .optional = true, .plain = true, .updates = 5},
    {0},
};

static double element(const struct optimiser_moment *moment, double w, double g, double *state)
{
    const struct rmsprop_options *o = moment->options;
    double square, step;

    g += o->weight_decay * w;
    state[0] = o->alpha * state[0] + (1 - o->alpha) * g * g;
    state[1] = o->alpha * state[1] + (1 - o->alpha) * g;
    square = o->centered ? state[0] - state[1] * state[1] : state[0];
    step = g / (sqrt(square > 0 ? square : 0) + o->epsilon);
    state[2] = o->momentum * state[2] + step;
    return moment->rate * (o->momentum != 0 ? state[2] : step);
}

static const struct optimiser_rule rule = {.states = 3, .element = element};

static const struct rmsprop_options momentum = {0.9, 1e-6, 0.8, 0.1, false};

static const struct op_case cases[] = {
    {.name = "plain",
     .in = {{2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}, {0, {0}}, {0, {0}}},
     .in_count = 7,
     .fill = optimiser_fill_3},
    {.name = "several chunks",
     .in = {{1, {40001}}, {1, {40001}}, {1, {40001}}, {1, {40001}}, {1, {40001}}, {0, {0}}, {0, {0}}},
     .in_count = 7,
     .fill = optimiser_fill_3},
    {.name = "momentum",
     .in = {{1, {37}}, {1, {37}}, {1, {37}}, {1, {37}}, {1, {37}}, {0, {0}}, {0, {0}}},
     .in_count = 7,
     .options = &momentum,
     .fill = optimiser_fill_3},
    {0},
};

const struct op op_rmsprop = {
    .name = "rmsprop",
    .family = OP_OPTIMISER,
    .standard_rate = 0.01,
    .summary = "RMSprop: the gradient over the root of its running square.",
    .formula = "v = a v + (1 - a) g^2; w -= rate g / (sqrt(v) + e)",
    .source = "Hinton, Neural networks for machine learning, lecture 6e, 2012",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct rmsprop_options),
    .infer = optimiser_infer,
    .textbook = optimiser_textbook,
    .rule = &rule,
    .cpu = &optimiser_cpu,
    .cases = cases,
};
