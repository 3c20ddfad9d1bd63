/* SPDX-License-Identifier: MIT */
/* Focal loss of logits: cross-entropy in which what is easy weighs little. Gamma 0 and balance 0.5 make half of
 * bce_logits.
 * Shapes, sums and the gradient's frame are in op/pair_loss.c. */
#include "op/pair_loss.h"

#include <fovea/operators.h>
#include <math.h>

static double value(const struct pair_options *options, double prediction, double target)
{
    double p = 1 / (1 + exp(-prediction)), gamma = options->parameter;
    double hit = fmax(prediction, 0) - prediction + log1p(exp(-fabs(prediction)));  /* -log p */
    double miss = fmax(prediction, 0) + log1p(exp(-fabs(prediction)));              /* -log(1 - p) */
    return options->balance * target * pow(1 - p, gamma) * hit +
           (1 - options->balance) * (1 - target) * pow(p, gamma) * miss;
}

static double by_prediction(const struct pair_options *options, double prediction, double target)
{
    double p = 1 / (1 + exp(-prediction)), gamma = options->parameter;
    double hit = fmax(prediction, 0) - prediction + log1p(exp(-fabs(prediction)));
    double miss = fmax(prediction, 0) + log1p(exp(-fabs(prediction)));
    return options->balance * target * pow(1 - p, gamma) * (-gamma * p * hit - (1 - p)) +
           (1 - options->balance) * (1 - target) * pow(p, gamma) * (gamma * (1 - p) * miss + p);
}

static double by_target(const struct pair_options *options, double prediction, double target)
{
    (void)target;
    double p = 1 / (1 + exp(-prediction)), gamma = options->parameter;
    double hit = fmax(prediction, 0) - prediction + log1p(exp(-fabs(prediction)));
    double miss = fmax(prediction, 0) + log1p(exp(-fabs(prediction)));
    return options->balance * pow(1 - p, gamma) * hit - (1 - options->balance) * pow(p, gamma) * miss;
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
    {OP_ATTRIBUTE(struct pair_options, parameter), .kind = OP_NUMBER, .standard = 2, .minimum = 0, .maximum = 100,
     .doc = "gamma: how much what is easy is discounted"},
    {OP_ATTRIBUTE(struct pair_options, balance), .kind = OP_NUMBER, .standard = 0.25, .minimum = 0, .maximum = 1,
     .doc = "a: weight of positive targets"},
    PAIR_REDUCTION,
    {0},
};

static const struct pair_options mean = {2, 0.25, PAIR_MEAN}, each = {1.5, 0.5, PAIR_NONE}, sum = {2, 0.25, PAIR_SUM};
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

const struct op op_focal = {
    .name = "focal",
    .family = OP_LOSS,
    .summary = "Focal loss of logits: cross-entropy that looks away from what is easy.",
    .formula = "loss = a t (1 - p)^gamma (-log p) + (1 - a) (1 - t) p^gamma (-log(1 - p)), p = sigmoid(x)",
    .source = "Lin et al., Focal loss for dense object detection, ICCV 2017, equation 5",
    .in = pair_in,
    .out = pair_out,
    .attributes = attributes,
    .options_size = sizeof(struct pair_options),
    .infer = pair_infer,
    .gradient = pair_gradient,
    .textbook = textbook,
    .cases = cases,
};

const struct op op_focal_gradient = {
    .name = "focal_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of focal by prediction and target.",
    .formula = "dx = (-a t (1 - p)^gamma (gamma p (-log p) + 1 - p) "
               "+ (1 - a) (1 - t) p^gamma (gamma (1 - p) (-log(1 - p)) + p)) dloss",
    .in = pair_gradient_in,
    .out = pair_gradient_out,
    .attributes = attributes,
    .options_size = sizeof(struct pair_options),
    .infer = pair_infer_gradient,
    .textbook = textbook_gradient,
    .cases = gradient_cases,
};

fov_value fov_focal(fov_graph *graph, fov_value logits, fov_value target)
{
    return pair_build(graph, "focal", logits, target, 2, 0.25);
}
