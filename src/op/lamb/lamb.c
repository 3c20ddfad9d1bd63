/* SPDX-License-Identifier: MIT */
/* LAMB (You et al., "Large batch optimization for deep learning", 2020, algorithm 2): Adam's direction, scaled to the
 * norm of the layer's weights. */
#include "op/optimiser.h"

#include <math.h>

struct lamb_options {
    double beta1, beta2, epsilon, weight_decay;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct lamb_options, beta1), .kind = OP_NUMBER, .standard = 0.9, .maximum = 0.999999999,
     .doc = "share of the mean gradient kept"},
    {OP_ATTRIBUTE(struct lamb_options, beta2), .kind = OP_NUMBER, .standard = 0.999, .maximum = 0.999999999,
     .doc = "share of the mean squared gradient kept"},
    {OP_ATTRIBUTE(struct lamb_options, epsilon), .kind = OP_NUMBER, .standard = 1e-6, .maximum = 1,
     .doc = "added to the root"},
    {OP_ATTRIBUTE(struct lamb_options, weight_decay), .kind = OP_NUMBER, .standard = 0, .maximum = 1e6,
     .doc = "times the parameter, added to the direction"},
    {0},
};

static const struct op_port in[] = {
    {.name = "parameter", .shape = "[...]", .plain = true},
    {.name = "gradient", .shape = "as parameter", .plain = true},
    {.name = "first", .shape = "as parameter; zeros at first", .plain = true},
    {.name = "second", .shape = "as parameter; zeros at first", .plain = true},
    {.name = "learning_rate", .shape = "[]"},
    {.name = "step", .shape = "[]: 1 for the first update"},
    {0},
};
static const struct op_port out[] = {
    {.name = "parameter", .shape = "as parameter", .plain = true, .updates = 1},
    {.name = "first", .shape = "as parameter", .optional = true, .plain = true, .updates = 3},
    {.name = "second", .shape = "as parameter", .optional = true, .plain = true, .updates = 4},
    {0},
};

static void prepare(struct optimiser_moment *moment)
{
    const struct lamb_options *o = moment->options;

    moment->number[0] = 1 - pow(o->beta1, moment->step);
    moment->number[1] = 1 - pow(o->beta2, moment->step);
}

static double element(const struct optimiser_moment *moment, double w, double g, double *state)
{
    const struct lamb_options *o = moment->options;

    state[0] = o->beta1 * state[0] + (1 - o->beta1) * g;
    state[1] = o->beta2 * state[1] + (1 - o->beta2) * g * g;
    return state[0] / moment->number[0] / (sqrt(state[1] / moment->number[1]) + o->epsilon) + o->weight_decay * w;
}

static const struct optimiser_rule rule = {.states = 2, .trusts = true, .prepare = prepare, .element = element};

static const struct lamb_options decay = {0.8, 0.99, 1e-6, 0.1};

static const struct op_case cases[] = {
    {.name = "plain",
     .in = {{2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}, {0, {0}}, {0, {0}}},
     .in_count = 6,
     .fill = optimiser_fill_2},
    {.name = "several chunks",
     .in = {{1, {40001}}, {1, {40001}}, {1, {40001}}, {1, {40001}}, {0, {0}}, {0, {0}}},
     .in_count = 6,
     .fill = optimiser_fill_2},
    {.name = "decay",
     .in = {{1, {37}}, {1, {37}}, {1, {37}}, {1, {37}}, {0, {0}}, {0, {0}}},
     .in_count = 6,
     .options = &decay,
     .fill = optimiser_fill_2},
    {0},
};

const struct op op_lamb = {
    .name = "lamb",
    .family = OP_OPTIMISER,
    .standard_rate = 0.002,
    .summary = "LAMB: Adam's direction, as long as the layer's weights.",
    .formula = "u = m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + e) + decay w; w -= rate |w| / |u| u",
    .source = "You et al., Large batch optimization for deep learning, ICLR 2020, algorithm 2",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct lamb_options),
    .infer = optimiser_infer,
    .textbook = optimiser_textbook,
    .rule = &rule,
    .cpu = &optimiser_cpu,
    .cases = cases,
};
