/* SPDX-License-Identifier: MIT */
/* RAdam (Liu et al., "On the variance of the adaptive learning rate and beyond", 2020, algorithm 2): Adam that does not
 * divide by the root of the squared gradients in its first steps, until enough gradients were seen to trust it. */
#include "op/optimiser.h"

#include <math.h>

struct radam_options {
    double beta1, beta2, epsilon, weight_decay;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct radam_options, beta1), .kind = OP_NUMBER, .standard = 0.9, .maximum = 0.999999999,
     .doc = "share of the mean gradient kept"},
    {OP_ATTRIBUTE(struct radam_options, beta2), .kind = OP_NUMBER, .standard = 0.999, .maximum = 0.999999999,
     .doc = "share of the mean squared gradient kept"},
    {OP_ATTRIBUTE(struct radam_options, epsilon), .kind = OP_NUMBER, .standard = 1e-8, .maximum = 1,
     .doc = "added to the root"},
    {OP_ATTRIBUTE(struct radam_options, weight_decay), .kind = OP_NUMBER, .standard = 0, .maximum = 1e6,
     .doc = "times the parameter, added to the gradient"},
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
    const struct radam_options *o = moment->options;
    double kept = pow(o->beta2, moment->step), most = 2 / (1 - o->beta2) - 1;
    double length = most - 2 * moment->step * kept / (1 - kept);

    moment->number[0] = moment->rate / (1 - pow(o->beta1, moment->step));
    moment->number[1] = length > 5 ? sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)) : 0;
    moment->number[2] = sqrt(1 - kept);
}

static double element(const struct optimiser_moment *moment, double w, double g, double *state)
{
    const struct radam_options *o = moment->options;

    g += o->weight_decay * w;
    state[0] = o->beta1 * state[0] + (1 - o->beta1) * g;
    state[1] = o->beta2 * state[1] + (1 - o->beta2) * g * g;
    if (moment->number[1] == 0) {
        return moment->number[0] * state[0];
    }
    return moment->number[0] * state[0] * moment->number[1] * moment->number[2] / (sqrt(state[1]) + o->epsilon);
}

static const struct optimiser_rule rule = {.states = 2, .prepare = prepare, .element = element};

static const struct radam_options rectified = {0.8, 0.5, 1e-6, 0.1};

static const struct op_case cases[] = {
    {.name = "plain",
     .in = {{2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}, {0, {0}}, {0, {0}}},
     .in_count = 6,
     .fill = optimiser_fill_2},
    {.name = "several chunks",
     .in = {{1, {40001}}, {1, {40001}}, {1, {40001}}, {1, {40001}}, {0, {0}}, {0, {0}}},
     .in_count = 6,
     .fill = optimiser_fill_2},
    {.name = "rectified",
     .in = {{1, {37}}, {1, {37}}, {1, {37}}, {1, {37}}, {0, {0}}, {0, {0}}},
     .in_count = 6,
     .options = &rectified,
     .fill = optimiser_fill_2},
    {0},
};

const struct op op_radam = {
    .name = "radam",
    .family = OP_OPTIMISER,
    .standard_rate = 0.001,
    .summary = "RAdam: Adam whose first steps go without the root.",
    .formula = "m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w -= rate m / (1 - b1^t) r sqrt(1 - b2^t) / (sqrt(v) + "
               "e) where r is known",
    .source = "Liu et al., On the variance of the adaptive learning rate and beyond, ICLR 2020, algorithm 2",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct radam_options),
    .infer = optimiser_infer,
    .textbook = optimiser_textbook,
    .rule = &rule,
    .cpu = &optimiser_cpu,
    .cases = cases,
};
