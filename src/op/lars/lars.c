/* SPDX-License-Identifier: MIT */
/* LARS (You, Gitman & Ginsburg, "Large batch training of convolutional networks", 2017, algorithm 1): SGD with
 * momentum whose rate is, for each layer, a share of the norm of its weights over the norm of its gradient. */
#include "op/optimiser.h"

struct lars_options {
    double momentum, weight_decay, trust;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct lars_options, momentum), .kind = OP_NUMBER, .standard = 0.9, .maximum = 0.999999999,
     .doc = "share of the velocity kept"},
    {OP_ATTRIBUTE(struct lars_options, weight_decay), .kind = OP_NUMBER, .standard = 0, .maximum = 1e6,
     .doc = "times the parameter, added to the gradient"},
    {OP_ATTRIBUTE(struct lars_options, trust), .kind = OP_NUMBER, .standard = 0.001, .maximum = 1e3,
     .doc = "that share"},
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

static void prepare(struct optimiser_moment *moment)
{
    const struct lars_options *o = moment->options;
    double w = moment->parameter_norm, g = moment->gradient_norm;

    moment->number[0] = w > 0 && g > 0 ? moment->rate * o->trust * w / (g + o->weight_decay * w) : moment->rate;
}

static double element(const struct optimiser_moment *moment, double w, double g, double *state)
{
    const struct lars_options *o = moment->options;

    state[0] = o->momentum * state[0] + moment->number[0] * (g + o->weight_decay * w);
    return state[0];
}

static const struct optimiser_rule rule = {.states = 1, .norms = true, .prepare = prepare, .element = element};

static const struct lars_options decay = {0.8, 0.1, 0.02};

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

const struct op op_lars = {
    .name = "lars",
    .family = OP_OPTIMISER,
    .standard_rate = 0.1,
    .summary = "LARS: SGD with a rate for each layer, by the length of its weights.",
    .formula = "v = momentum v + rate trust |w| / (|g| + decay |w|) (g + decay w); w -= v",
    .source = "You, Gitman & Ginsburg, Large batch training of convolutional networks, 2017, algorithm 1",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct lars_options),
    .infer = optimiser_infer,
    .textbook = optimiser_textbook,
    .rule = &rule,
    .cpu = &optimiser_cpu,
    .cases = cases,
};
