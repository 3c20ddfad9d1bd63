/* SPDX-License-Identifier: MIT */
/* SGD with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 1): the decay is applied to the weight, not
 * added to the gradient, so that it does not enter the velocity. Each step takes rate * decay * weight off a weight. */
#include "op/optimiser.h"

struct sgdw_options {
    double momentum, weight_decay;
    bool   nesterov;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct sgdw_options, momentum), .kind = OP_NUMBER, .standard = 0.9, .maximum = 0.999999999,
     .doc = "share of the velocity kept"},
    {OP_ATTRIBUTE(struct sgdw_options, weight_decay), .kind = OP_NUMBER, .standard = 0, .maximum = 1e6,
     .doc = "taken from the parameter, times the rate"},
    {OP_ATTRIBUTE(struct sgdw_options, nesterov), .kind = OP_FLAG, .doc = "look ahead along the velocity"},
    {0},
};

static const struct op_port in[] = {
    {.name = "parameter", .shape = "[...]", .plain = true},
    {.name = "gradient", .shape = "as parameter", .plain = true},
    {.name = "velocity", .shape = "as parameter; zeros at first", .plain = true},
    {.name = "learning_rate", .shape = "[]"},
    {.name = "step", .shape = "[]: 1 for the first update"},
    {0},
};
static const struct op_port out[] = {
    {.name = "parameter", .shape = "as parameter", .plain = true, .updates = 1},
    {.name = "velocity", .shape = "as parameter", .optional = true, .plain = true, .updates = 3},
    {0},
};

static double element(const struct optimiser_moment *moment, double w, double g, double *state)
{
    const struct sgdw_options *o = moment->options;

    state[0] = o->momentum * state[0] + g;
    return moment->rate * ((o->nesterov ? g + o->momentum * state[0] : state[0]) + o->weight_decay * w);
}

static const struct optimiser_rule rule = {.states = 1, .element = element};

static const struct sgdw_options decay = {.momentum = 0.5, .weight_decay = 0.1, .nesterov = true};

static const struct op_case cases[] = {
    {.name = "plain",
     .in = {{2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}, {0, {0}}, {0, {0}}},
     .in_count = 5,
     .fill = optimiser_fill_1},
    {.name = "several chunks",
     .in = {{1, {40001}}, {1, {40001}}, {1, {40001}}, {0, {0}}, {0, {0}}},
     .in_count = 5,
     .fill = optimiser_fill_1},
    {.name = "decay",
     .in = {{1, {37}}, {1, {37}}, {1, {37}}, {0, {0}}, {0, {0}}},
     .in_count = 5,
     .options = &decay,
     .fill = optimiser_fill_1},
    {0},
};

const struct op op_sgdw = {
    .name = "sgdw",
    .family = OP_OPTIMISER,
    .standard_rate = 0.01,
    .summary = "SGD with momentum whose decay goes apart from the gradient.",
    .formula = "v = momentum v + g; w -= rate (v + decay w), or rate (g + momentum v + decay w) with nesterov",
    .source = "Loshchilov & Hutter, Decoupled weight decay regularization, ICLR 2019, algorithm 1",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct sgdw_options),
    .infer = optimiser_infer,
    .textbook = optimiser_textbook,
    .rule = &rule,
    .cpu = &optimiser_cpu,
    .cases = cases,
};
