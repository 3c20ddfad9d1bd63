/* SPDX-License-Identifier: MIT */
/* Mean absolute error (L1): the loss of regression that large errors do not rule.
 * Shapes, sums and the gradient's frame are in op/pair_loss.c. */
#include "op/pair_loss.h"

#include <fovea/operators.h>
#include <math.h>

static double value(const struct pair_options *options, double prediction, double target)
{
    (void)options;
    return fabs(prediction - target);
}

static double by_prediction(const struct pair_options *options, double prediction, double target)
{
    (void)options;
    return prediction > target ? 1 : prediction < target ? -1 : 0;
}

static double by_target(const struct pair_options *options, double prediction, double target)
{
    (void)options;
    return prediction > target ? -1 : prediction < target ? 1 : 0;
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

static const struct pair_options mean = {0, 0, PAIR_MEAN}, each = {0, 0, PAIR_NONE}, sum = {0, 0, PAIR_SUM};
static const struct op_case cases[] = {
    {.name = "mean", .options = &mean, .in = {FOV_SHAPE(3, 7), FOV_SHAPE(3, 7)}, .in_count = 2},
    {.name = "each", .options = &each, .in = {FOV_SHAPE(2, 3, 2, 2), FOV_SHAPE(2, 3, 2, 2)}, .in_count = 2},
    {.name = "sum", .options = &sum, .in = {FOV_SHAPE(9), FOV_SHAPE(9)}, .in_count = 2},
    {0},
};
/* Gradients of this gradient do not exist yet. */
static const struct op_case gradient_cases[] = {
    {.name = "mean", .options = &mean, .in = {{0, {0}}, FOV_SHAPE(3, 7), FOV_SHAPE(3, 7)}, .in_count = 3,
     .no_gradient = true},
    {.name = "each", .options = &each, .in = {FOV_SHAPE(5), FOV_SHAPE(5), FOV_SHAPE(5)}, .in_count = 3,
     .no_gradient = true},
    {0},
};

const struct op op_mae = {
    .name = "mae",
    .family = OP_LOSS,
    .summary = "Absolute difference of prediction and target.",
    .formula = "loss = |p - t|",
    .in = pair_in,
    .out = pair_out,
    .attributes = attributes,
    .options_size = sizeof(struct pair_options),
    .infer = pair_infer,
    .gradient = pair_gradient,
    .textbook = textbook,
    .cases = cases,
};

const struct op op_mae_gradient = {
    .name = "mae_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of mae by prediction and target.",
    .formula = "dp = sign(p - t) dloss (/ elements), dt = -dp",
    .in = pair_gradient_in,
    .out = pair_gradient_out,
    .attributes = attributes,
    .options_size = sizeof(struct pair_options),
    .infer = pair_infer_gradient,
    .textbook = textbook_gradient,
    .cases = gradient_cases,
};

fov_value fov_mae(fov_graph *graph, fov_value prediction, fov_value target)
{
    return pair_build(graph, "mae", prediction, target, 0, 0);
}
