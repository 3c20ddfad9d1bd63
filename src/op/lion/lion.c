/* SPDX-License-Identifier: MIT */
/* Lion (Chen et al., "Symbolic discovery of optimization algorithms", 2023, algorithm 2): steps along the sign of a
 * mixture of gradient and momentum, so that every element moves equally far; weight decay is not part of the
 * gradient. */
#include "op/optimiser.h"

struct lion_options {
    double beta1, beta2, weight_decay;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct lion_options, beta1), .kind = OP_NUMBER, .standard = 0.9, .maximum = 0.999999999,
     .doc = "share of the momentum in the step"},
    {OP_ATTRIBUTE(struct lion_options, beta2), .kind = OP_NUMBER, .standard = 0.99, .maximum = 0.999999999,
     .doc = "share of the momentum kept"},
    {OP_ATTRIBUTE(struct lion_options, weight_decay), .kind = OP_NUMBER, .standard = 0, .maximum = 1e6,
     .doc = "taken from the parameter, times the rate"},
    {0},
};

static const struct op_port in[] = {
    {.name = "parameter", .shape = "[...]", .plain = true},
    {.name = "gradient", .shape = "as parameter", .plain = true},
    {.name = "momentum", .shape = "as parameter; zeros at first", .plain = true},
    {.name = "learning_rate", .shape = "[]"},
    {.name = "step", .shape = "[]: 1 for the first update"},
    {0},
};
static const struct op_port out[] = {
    {.name = "parameter", .shape = "as parameter", .plain = true, .updates = 1},
    {.name = "momentum", .shape = "as parameter", .optional = true, .plain = true, .updates = 3},
    {0},
};

static double element(const struct optimiser_moment *moment, double w, double g, double *state)
{
    const struct lion_options *o = moment->options;
    double mixed = o->beta1 * state[0] + (1 - o->beta1) * g, sign = (mixed > 0) - (mixed < 0);

    state[0] = o->beta2 * state[0] + (1 - o->beta2) * g;
    return moment->rate * (sign + o->weight_decay * w);
}

static const struct optimiser_rule rule = {.states = 1, .element = element};

static const struct lion_options decay = {0.8, 0.95, 0.1};

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

const struct op op_lion = {
    .name = "lion",
    .family = OP_OPTIMISER,
    .standard_rate = 0.0001,
    .summary = "Lion: steps of one length, by the sign of gradient and momentum.",
    .formula = "u = sign(b1 m + (1 - b1) g); w -= rate (u + decay w); m = b2 m + (1 - b2) g",
    .source = "Chen et al., Symbolic discovery of optimization algorithms, 2023, algorithm 2",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct lion_options),
    .infer = optimiser_infer,
    .textbook = optimiser_textbook,
    .rule = &rule,
    .cpu = &optimiser_cpu,
    .cases = cases,
};
