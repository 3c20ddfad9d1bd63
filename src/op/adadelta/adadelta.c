/* SPDX-License-Identifier: MIT */
/* Adadelta (Zeiler, "ADADELTA: an adaptive learning rate method", 2012, algorithm 1): the length of a step follows that
 * of the previous steps, so the learning rate is usually 1. */
#include "op/optimiser.h"

#include <math.h>

struct adadelta_options {
    double rho, epsilon, weight_decay;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct adadelta_options, rho), .kind = OP_NUMBER, .standard = 0.9, .maximum = 0.999999999,
     .doc = "share of the mean squares kept"},
    {OP_ATTRIBUTE(struct adadelta_options, epsilon), .kind = OP_NUMBER, .standard = 1e-6, .maximum = 1,
     .doc = "added to the mean squares"},
    {OP_ATTRIBUTE(struct adadelta_options, weight_decay), .kind = OP_NUMBER, .standard = 0, .maximum = 1e6,
     .doc = "times the parameter, added to the gradient"},
    {0},
};

static const struct op_port in[] = {
    {.name = "parameter", .shape = "[...]", .plain = true},
    {.name = "gradient", .shape = "as parameter", .plain = true},
    {.name = "square", .shape = "as parameter; zeros at first", .plain = true},
    {.name = "step_square", .shape = "as parameter; zeros at first", .plain = true},
    {.name = "learning_rate", .shape = "[]"},
    {.name = "step", .shape = "[]: 1 for the first update"},
    {0},
};
static const struct op_port out[] = {
    {.name = "parameter", .shape = "as parameter", .plain = true, .updates = 1},
    {.name = "square", .shape = "as parameter", .optional = true, .plain = true, .updates = 3},
    {.name = "step_square", .shape = "as parameter", .optional = true, .plain = true, .updates = 4},
    {0},
};

static double element(const struct optimiser_moment *moment, double w, double g, double *state)
{
    const struct adadelta_options *o = moment->options;
    double step;

    g += o->weight_decay * w;
    state[0] = o->rho * state[0] + (1 - o->rho) * g * g;
    step = sqrt(state[1] + o->epsilon) / sqrt(state[0] + o->epsilon) * g;
    state[1] = o->rho * state[1] + (1 - o->rho) * step * step;
    return moment->rate * step;
}

static const struct optimiser_rule rule = {.states = 2, .element = element};

static const struct adadelta_options decay = {0.8, 1e-4, 0.1};

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

const struct op op_adadelta = {
    .name = "adadelta",
    .family = OP_OPTIMISER,
    .standard_rate = 1,
    .summary = "Adadelta: steps as long as the last ones were.",
    .formula = "v = r v + (1 - r) g^2; u = sqrt((s + e) / (v + e)) g; s = r s + (1 - r) u^2; w -= rate u",
    .source = "Zeiler, ADADELTA, 2012, algorithm 1",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct adadelta_options),
    .infer = optimiser_infer,
    .textbook = optimiser_textbook,
    .rule = &rule,
    .cpu = &optimiser_cpu,
    .cases = cases,
};
