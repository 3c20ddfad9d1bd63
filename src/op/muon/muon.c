/* SPDX-License-Identifier: MIT */
/* Muon's last step (Jordan et al. 2024): moves the weights along a direction that has been made orthogonal already. The
 * nodes before it (train/orthogonal.c) update the momentum and make the direction of it; they read the options that are
 * not read here. */
#include "op/optimiser.h"

struct muon_options {
    double momentum, weight_decay, companion;
    bool   nesterov;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct muon_options, momentum), .kind = OP_NUMBER, .standard = 0.95, .maximum = 0.999999999,
     .doc = "share of the momentum kept"},
    {OP_ATTRIBUTE(struct muon_options, weight_decay), .kind = OP_NUMBER, .standard = 0, .maximum = 1e6,
     .doc = "taken from the parameter, times the rate"},
    {OP_ATTRIBUTE(struct muon_options, companion), .kind = OP_NUMBER, .standard = 1, .maximum = 1e6,
     .doc = "for parameters of one axis, which follow the momentum itself: times the rate"},
    {OP_ATTRIBUTE(struct muon_options, nesterov), .kind = OP_FLAG, .standard = 1,
     .doc = "look ahead along the momentum"},
    {0},
};

static const struct op_port in[] = {
    {.name = "parameter", .shape = "[...]", .plain = true},
    {.name = "orthogonal", .shape = "as parameter: the direction", .plain = true},
    {.name = "learning_rate", .shape = "[]"},
    {.name = "step", .shape = "[]: 1 for the first update"},
    {0},
};
static const struct op_port out[] = {
    {.name = "parameter", .shape = "as parameter", .plain = true, .updates = 1},
    {0},
};

static double element(const struct optimiser_moment *moment, double w, double g, double *state)
{
    const struct muon_options *o = moment->options;

    (void)state;
    return moment->rate * (g + o->weight_decay * w);
}

static const struct optimiser_rule rule = {.states = 0, .element = element};

static const struct muon_options decay = {.momentum = 0.5, .weight_decay = 0.1, .companion = 1};

static const struct op_case cases[] = {
    {.name = "plain", .in = {{2, {3, 17}}, {2, {3, 17}}, {0, {0}}, {0, {0}}}, .in_count = 4, .fill = optimiser_fill_0},
    {.name = "several chunks", .in = {{1, {40001}}, {1, {40001}}, {0, {0}}, {0, {0}}}, .in_count = 4,
     .fill = optimiser_fill_0},
    {.name = "decay", .in = {{1, {37}}, {1, {37}}, {0, {0}}, {0, {0}}}, .in_count = 4,
     .options = &decay, .fill = optimiser_fill_0},
    {0},
};

const struct op op_muon = {
    .name = "muon",
    .family = OP_OPTIMISER,
    .standard_rate = 0.02,
    .summary = "Muon: steps along a direction that was made orthogonal from the momentum.",
    .formula = "m += (1 - momentum) (g - m); o = orthogonal(m, or g + momentum (m - g) with nesterov); "
               "w -= rate (sqrt(max(1, rows / columns)) o + decay w)",
    .source = "Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024; as torch.optim.Muon",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct muon_options),
    .infer = optimiser_infer,
    .textbook = optimiser_textbook,
    .rule = &rule,
    .cpu = &optimiser_cpu,
    .cases = cases,
};
