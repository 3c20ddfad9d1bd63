/* SPDX-License-Identifier: MIT */
/* Rprop (Riedmiller & Braun, "A direct adaptive method for faster backpropagation learning", 1993) as PyTorch
 * computes it: uses only the gradient's sign; each element has its own step size, which grows while the sign stays and
 * shrinks when it changes. Meant for gradients of the whole data set. */
#include "op/optimiser.h"

struct rprop_options {
    double shrink, grow, smallest, largest;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct rprop_options, shrink), .kind = OP_NUMBER, .standard = 0.5, .maximum = 0.999999999,
     .doc = "times the step where the sign changes"},
    {OP_ATTRIBUTE(struct rprop_options, grow), .kind = OP_NUMBER, .standard = 1.2, .minimum = 1, .maximum = 100,
     .doc = "times the step where it stays"},
    {OP_ATTRIBUTE(struct rprop_options, smallest), .kind = OP_NUMBER, .standard = 1e-6, .maximum = 1e6, .doc = "step"},
    {OP_ATTRIBUTE(struct rprop_options, largest), .kind = OP_NUMBER, .standard = 50, .maximum = 1e6, .doc = "step"},
    {0},
};

static const struct op_port in[] = {
    {.name = "parameter", .shape = "[...]", .plain = true},
    {.name = "gradient", .shape = "as parameter", .plain = true},
    {.name = "gradient_before", .shape = "as parameter; zeros at first", .plain = true},
    {.name = "step_size", .shape = "as parameter; zeros at first", .plain = true},
    {.name = "learning_rate", .shape = "[]"},
    {.name = "step", .shape = "[]: 1 for the first update"},
    {0},
};
static const struct op_port out[] = {
    {.name = "parameter", .shape = "as parameter", .plain = true, .updates = 1},
    {.name = "gradient_before", .shape = "as parameter", .optional = true, .plain = true, .updates = 3},
    {.name = "step_size", .shape = "as parameter", .optional = true, .plain = true, .updates = 4},
    {0},
};

static double element(const struct optimiser_moment *moment, double w, double g, double *state)
{
    const struct rprop_options *o = moment->options;
    double turned = g * state[0], step = moment->step == 1 ? moment->rate : state[1];

    (void)w;
    step *= turned > 0 ? o->grow : turned < 0 ? o->shrink : 1;
    step = step < o->smallest ? o->smallest : step > o->largest ? o->largest : step;
    g = turned < 0 ? 0 : g;
    state[0] = g;
    state[1] = step;
    return ((g > 0) - (g < 0)) * step;
}

static const struct optimiser_rule rule = {.states = 2, .element = element};

static const struct rprop_options bounds = {0.4, 1.5, 0.001, 0.5};

static const struct op_case cases[] = {
    {.name = "plain",
     .in = {{2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}, {0, {0}}, {0, {0}}},
     .in_count = 6,
     .fill = optimiser_fill_2},
    {.name = "several chunks",
     .in = {{1, {40001}}, {1, {40001}}, {1, {40001}}, {1, {40001}}, {0, {0}}, {0, {0}}},
     .in_count = 6,
     .fill = optimiser_fill_2},
    {.name = "bounds",
     .in = {{1, {37}}, {1, {37}}, {1, {37}}, {1, {37}}, {0, {0}}, {0, {0}}},
     .in_count = 6,
     .options = &bounds,
     .fill = optimiser_fill_2},
    {0},
};

const struct op op_rprop = {
    .name = "rprop",
    .family = OP_OPTIMISER,
    .standard_rate = 0.01,
    .summary = "Rprop: by the sign of the gradient, with a step for each element.",
    .formula = "s *= 1.2 where the sign stays, 0.5 where it changes; w -= sign(g) s",
    .source = "Riedmiller & Braun, ICNN 1993",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct rprop_options),
    .infer = optimiser_infer,
    .textbook = optimiser_textbook,
    .rule = &rule,
    .cpu = &optimiser_cpu,
    .cases = cases,
};
