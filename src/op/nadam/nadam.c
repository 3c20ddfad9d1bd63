/* SPDX-License-Identifier: MIT */
/* NAdam (Dozat, "Incorporating Nesterov momentum into Adam", 2016) as PyTorch computes it: Adam that looks ahead,
 * with a momentum that grows. */
#include "op/optimiser.h"

#include <math.h>

struct nadam_options {
    double beta1, beta2, epsilon, weight_decay, momentum_decay;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct nadam_options, beta1), .kind = OP_NUMBER, .standard = 0.9, .maximum = 0.999999999,
     .doc = "share of the mean gradient kept"},
    {OP_ATTRIBUTE(struct nadam_options, beta2), .kind = OP_NUMBER, .standard = 0.999, .maximum = 0.999999999,
     .doc = "share of the mean squared gradient kept"},
    {OP_ATTRIBUTE(struct nadam_options, epsilon), .kind = OP_NUMBER, .standard = 1e-8, .maximum = 1,
     .doc = "added to the root"},
    {OP_ATTRIBUTE(struct nadam_options, weight_decay), .kind = OP_NUMBER, .standard = 0, .maximum = 1e6,
     .doc = "times the parameter, added to the gradient"},
    {OP_ATTRIBUTE(struct nadam_options, momentum_decay), .kind = OP_NUMBER, .standard = 0.004, .maximum = 1,
     .doc = "how fast the momentum grows"},
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

/* The momentum of a step; it grows towards beta1. */
static double momentum_at(const struct nadam_options *o, double step)
{
    return o->beta1 * (1 - 0.5 * pow(0.96, step * o->momentum_decay));
}

static void prepare(struct optimiser_moment *moment)
{
    const struct nadam_options *o = moment->options;
    double product = 1, now = momentum_at(o, moment->step), next = momentum_at(o, moment->step + 1);

    for (double step = 1; step <= moment->step && product > 0; step++) { /* a product of numbers below 1: soon 0 */
        product *= momentum_at(o, step);
    }
    moment->number[0] = moment->rate * (1 - now) / (1 - product);
    moment->number[1] = moment->rate * next / (1 - product * next);
    moment->number[2] = 1 - pow(o->beta2, moment->step);
}

static double element(const struct optimiser_moment *moment, double w, double g, double *state)
{
    const struct nadam_options *o = moment->options;
    double root;

    g += o->weight_decay * w;
    state[0] = o->beta1 * state[0] + (1 - o->beta1) * g;
    state[1] = o->beta2 * state[1] + (1 - o->beta2) * g * g;
    root = sqrt(state[1] / moment->number[2]) + o->epsilon;
    return (moment->number[0] * g + moment->number[1] * state[0]) / root;
}

static const struct optimiser_rule rule = {.states = 2, .prepare = prepare, .element = element};

static const struct nadam_options decay = {0.8, 0.99, 1e-6, 0.1, 0.01};

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

const struct op op_nadam = {
    .name = "nadam",
    .family = OP_OPTIMISER,
    .standard_rate = 0.002,
    .summary = "NAdam: Adam with Nesterov's momentum.",
    .formula = "m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w -= (rate (1 - u) / (1 - U) g + rate u' / (1 - U') m) "
               "/ (sqrt(v / (1 - b2^t)) + e)",
    .source = "Dozat, Incorporating Nesterov momentum into Adam, 2016",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct nadam_options),
    .infer = optimiser_infer,
    .textbook = optimiser_textbook,
    .rule = &rule,
    .cpu = &optimiser_cpu,
    .cases = cases,
};
