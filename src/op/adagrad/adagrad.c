/* SPDX-License-Identifier: MIT */
/* Adagrad (Duchi, Hazan & Singer, "Adaptive subgradient methods for online learning and stochastic optimization",
 * 2011): the gradient divided by the root of the sum of all its squares so far. */
#include "op/optimiser.h"

#include <math.h>

struct adagrad_options {
    double epsilon, lr_decay, weight_decay;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct adagrad_options, epsilon), .kind = OP_NUMBER, .standard = 1e-10, .maximum = 1,
     .doc = "added to the root"},
    {OP_ATTRIBUTE(struct adagrad_options, lr_decay), .kind = OP_NUMBER, .standard = 0, .maximum = 1e6,
     .doc = "the rate falls as 1 / (1 + lr_decay (step - 1))"},
    {OP_ATTRIBUTE(struct adagrad_options, weight_decay), .kind = OP_NUMBER, .standard = 0, .maximum = 1e6,
     .doc = "times the parameter, added to the gradient"},
    {0},
};

static const struct op_port in[] = {
    {.name = "parameter", .shape = "[...]", .plain = true},
    {.name = "gradient", .shape = "as parameter", .plain = true},
    {.name = "sum", .shape = "as parameter; zeros at first", .plain = true},
    {.name = "learning_rate", .shape = "[]"},
    {.name = "step", .shape = "[]: 1 for the first update"},
    {0},
};
static const struct op_port out[] = {
    {.name = "parameter", .shape = "as parameter", .plain = true, .updates = 1},
    {.name = "sum", .shape = "as parameter", .optional = true, .plain = true, .updates = 3},
    {0},
};

static void prepare(struct optimiser_moment *moment)
{
    const struct adagrad_options *o = moment->options;

    moment->number[0] = moment->rate / (1 + (moment->step - 1) * o->lr_decay);
}

static double element(const struct optimiser_moment *moment, double w, double g, double *state)
{
    const struct adagrad_options *o = moment->options;

    g += o->weight_decay * w;
    state[0] += g * g;
    return moment->number[0] * g / (sqrt(state[0]) + o->epsilon);
}

static const struct optimiser_rule rule = {.states = 1, .prepare = prepare, .element = element};

static const struct adagrad_options decay = {1e-8, 0.1, 0.1};

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

const struct op op_adagrad = {
    .name = "adagrad",
    .family = OP_OPTIMISER,
    .standard_rate = 0.01,
    .summary = "Adagrad: the gradient over the root of the sum of its squares.",
    .formula = "s += g^2; w -= rate g / (sqrt(s) + e)",
    .source = "Duchi, Hazan & Singer, JMLR 12, 2011, figure 1",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct adagrad_options),
    .infer = optimiser_infer,
    .textbook = optimiser_textbook,
    .rule = &rule,
    .cpu = &optimiser_cpu,
    .cases = cases,
};
