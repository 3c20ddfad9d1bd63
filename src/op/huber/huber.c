/* SPDX-License-Identifier: MIT */
/* Huber's loss: squares of small errors, magnitudes of large ones. With delta 1 it is smooth L1.
 * Shapes, sums and the gradient's frame are in op/pair_loss.c. */
#include "op/pair_loss.h"

#include <fovea/operators.h>
#include <math.h>

static double value(const struct pair_options *options, double prediction, double target)
{
    double error = fabs(prediction - target), delta = options->parameter;
    return error <= delta ? error * error / 2 : delta * (error - delta / 2);
}

static double by_prediction(const struct pair_options *options, double prediction, double target)
{
    double error = prediction - target, delta = options->parameter;
    return error > delta ? delta : error < -delta ? -delta : error;
}

static double by_target(const struct pair_options *options, double prediction, double target)
{
    return -by_prediction(options, prediction, target);
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
    {OP_ATTRIBUTE(struct pair_options, parameter), .kind = OP_NUMBER, .standard = 1, .minimum = 1e-9, .maximum = 1e9,
     .doc = "delta: where squares become magnitudes"},
    PAIR_REDUCTION,
    {0},
};

static const struct pair_options mean = {1, 0, PAIR_MEAN}, each = {0.5, 0, PAIR_NONE}, sum = {1, 0, PAIR_SUM};
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

const struct op op_huber = {
    .name = "huber",
    .family = OP_LOSS,
    .summary = "Half the square of small differences, and the magnitude of large ones.",
    .formula = "loss = e^2 / 2 where e = |p - t| <= delta, else delta (e - delta / 2)",
    .source = "Huber, Robust estimation of a location parameter, Ann. Math. Statist. 35 (1964)",
    .in = pair_in,
    .out = pair_out,
    .attributes = attributes,
    .options_size = sizeof(struct pair_options),
    .infer = pair_infer,
    .gradient = pair_gradient,
    .textbook = textbook,
    .cases = cases,
};

const struct op op_huber_gradient = {
    .name = "huber_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of huber by prediction and target.",
    .formula = "dp = clamp(p - t, -delta, delta) dloss (/ elements), dt = -dp",
    .in = pair_gradient_in,
    .out = pair_gradient_out,
    .attributes = attributes,
    .options_size = sizeof(struct pair_options),
    .infer = pair_infer_gradient,
    .textbook = textbook_gradient,
    .cases = gradient_cases,
};

fov_value fov_huber(fov_graph *graph, fov_value prediction, fov_value target, float delta)
{
    return pair_build(graph, "huber", prediction, target, delta > 0 ? (double)delta : 1, 0);
}
