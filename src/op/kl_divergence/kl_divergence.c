/* SPDX-License-Identifier: MIT */
/* Kullback-Leibler divergence: how far a distribution, given by its logarithms, lies from a target distribution.
 * Shapes, sums and the gradient's frame are in op/pair_loss.c. */
#include "op/pair_loss.h"

#include <fovea/operators.h>
#include <math.h>

static double value(const struct pair_options *options, double prediction, double target)
{
    (void)options;
    return target > 0 ? target * (log(target) - prediction) : 0;
}

static double by_prediction(const struct pair_options *options, double prediction, double target)
{
    (void)options;
    (void)prediction;
    return target > 0 ? -target : 0;
}

static double by_target(const struct pair_options *options, double prediction, double target)
{
    (void)options;
    return target > 0 ? log(target) - prediction + 1 : 0;
}

static const struct pair_formulas formulas = {value, by_prediction, by_target};

static void textbook(const struct op_textbook *textbook)
{
    pair_textbook(textbook, &formulas);
}

static void textbook_gradient(const struct op_textbook *textbook)
{
    pair_textbook_gradient(textbook, &formulas);
}

static const struct op_attribute attributes[] = {
    PAIR_REDUCTION,
    {0},
};

/** Both in 0.05 .. 0.95: probabilities. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        data[i] = (double)(float)(0.05 + 0.9 * (double)random_uniform(key, i));
    }
    (void)index;
}

static const struct pair_options mean = {0, 0, PAIR_MEAN}, each = {0, 0, PAIR_NONE}, sum = {0, 0, PAIR_SUM};
static const struct op_case cases[] = {
    {.name = "mean", .options = &mean, .in = {FOV_SHAPE(3, 7), FOV_SHAPE(3, 7)}, .in_count = 2, .fill = fill},
    {.name = "each", .options = &each, .in = {FOV_SHAPE(2, 3, 2, 2), FOV_SHAPE(2, 3, 2, 2)}, .in_count = 2,
     .fill = fill},
    {.name = "sum", .options = &sum, .in = {FOV_SHAPE(9), FOV_SHAPE(9)}, .in_count = 2, .fill = fill},
    {0},
};
/* Gradients of this gradient do not exist yet. */
static const struct op_case gradient_cases[] = {
    {.name = "mean", .options = &mean, .in = {{0, {0}}, FOV_SHAPE(3, 7), FOV_SHAPE(3, 7)}, .in_count = 3, .fill = fill,
     .no_gradient = true},
    {.name = "each", .options = &each, .in = {FOV_SHAPE(5), FOV_SHAPE(5), FOV_SHAPE(5)}, .in_count = 3, .fill = fill,
     .no_gradient = true},
    {0},
};

const struct op op_kl_divergence = {
    .name = "kl_divergence",
    .family = OP_LOSS,
    .summary = "Kullback-Leibler divergence of log-probabilities from target probabilities.",
    .formula = "loss = t (log t - p), p the logarithm of a probability",
    .source = "Kullback & Leibler, On information and sufficiency, Ann. Math. Statist. 22 (1951)",
    .in = pair_in,
    .out = pair_out,
    .attributes = attributes,
    .options_size = sizeof(struct pair_options),
    .infer = pair_infer,
    .gradient = pair_gradient,
    .textbook = textbook,
    .cases = cases,
};

const struct op op_kl_divergence_gradient = {
    .name = "kl_divergence_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of kl_divergence by prediction and target.",
    .formula = "dp = -t dloss (/ elements)",
    .in = pair_gradient_in,
    .out = pair_gradient_out,
    .attributes = attributes,
    .options_size = sizeof(struct pair_options),
    .infer = pair_infer_gradient,
    .textbook = textbook_gradient,
    .cases = gradient_cases,
};

fov_value fov_kl_divergence(fov_graph *graph, fov_value log_probabilities, fov_value target)
{
    return pair_build(graph, "kl_divergence", log_probabilities, target, 0, 0);
}
