/* SPDX-License-Identifier: MIT */
/* Momentum as ONNX's training domain defines it. Unlike in sgd/, the current gradient has a factor of its own (beta),
 * which is 1 in the first update (T = 0), and one node updates any number of tensors. */
#include "op/onnx_optimiser.h"

#include "op/onnx.h"

enum { STANDARD, NESTEROV };
static const char *const modes[] = {"standard", "nesterov", NULL};

struct momentum_options {
    double alpha, beta, norm_coefficient;
    int    mode;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct momentum_options, alpha), .onnx = "alpha", .kind = OP_NUMBER, .standard = 0.9,
     .doc = "share of the momentum kept"},
    {OP_ATTRIBUTE(struct momentum_options, beta), .onnx = "beta", .kind = OP_NUMBER, .standard = 1,
     .doc = "share of the gradient added to the momentum, after the first update"},
    {OP_ATTRIBUTE(struct momentum_options, norm_coefficient), .onnx = "norm_coefficient", .kind = OP_NUMBER,
     .doc = "times the value, added to the gradient"},
    {OP_ATTRIBUTE(struct momentum_options, mode), .onnx = "mode", .kind = OP_CHOICE, .choices = modes,
     .doc = "nesterov looks ahead along the momentum"},
    {0},
};

/* rates[0]: R; rates[1]: beta of this update */
static void rates(const void *options, double rate, double count, double out[4])
{
    out[0] = rate;
    out[1] = count > 0 ? ((const struct momentum_options *)options)->beta : 1;
}

static void define(const void *opaque, const double r[4], struct onnx_optimiser_element *element)
{
    const struct momentum_options *options = opaque;
    double gradient = options->norm_coefficient * element->x + element->gradient;
    double momentum = options->alpha * element->state[0] + r[1] * gradient;
    element->state[0] = momentum;
    element->x -= r[0] * (options->mode == NESTEROV ? gradient + options->alpha * momentum : momentum);
}

/* Both modes are one line: x -= own gradient + share momentum. */
static void step(const void *opaque, const double r[4], const struct onnx_optimiser_run *run)
{
    const struct momentum_options *options = opaque;
    float alpha = (float)options->alpha, beta = (float)r[1], norm = (float)options->norm_coefficient;
    bool ahead = options->mode == NESTEROV;
    float own = (float)(ahead ? r[0] : 0), share = (float)(ahead ? r[0] * options->alpha : r[0]);
    for (size_t i = 0; i < run->count; i++) {
        float x = run->x[i], gradient = norm * x + run->gradient[i];
        float momentum = alpha * run->state[0][i] + beta * gradient;
        run->new_state[0][i] = momentum;
        run->new_x[i] = x - (own * gradient + share * momentum);
    }
}

static const char *const names[] = {"X", "G", "V"};
static const struct onnx_optimiser momentum = {names, 1, rates, define, step};

static int out_count(const void *options, int in_count)
{
    (void)options;
    return onnx_optimiser_out_count(in_count, momentum.states);
}

static const struct op_onnx onnx = {.type = "Momentum", .domain = ONNX_OPTIMISER_DOMAIN, .since = 1};

static void fill_first(int index, double *data, size_t count, struct random_key key)
{
    onnx_optimiser_draw(index, -1, 0, data, count, key);
}

static void fill_later(int index, double *data, size_t count, struct random_key key)
{
    onnx_optimiser_draw(index, -1, 3, data, count, key);
}

static const struct momentum_options standard = {0.875, 0.25, 0.125, STANDARD}, nesterov = {0.75, 0.5, 0.125, NESTEROV};

static const struct op_case cases[] = {
    {.name = "first update", .in = {{0, {0}}, {0, {0}}, {2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}}, .in_count = 5,
     .in_dtype = {FOV_F32, FOV_I64}, .options = &standard, .fill = fill_first},
    {.name = "a later update", .in = {{0, {0}}, {0, {0}}, {1, {40001}}, {1, {40001}}, {1, {40001}}}, .in_count = 5,
     .in_dtype = {FOV_F32, FOV_I64}, .options = &standard, .fill = fill_later},
    {.name = "nesterov", .in = {{0, {0}}, {1, {1}}, {4, {2, 3, 5, 3}}, {4, {2, 3, 5, 3}}, {4, {2, 3, 5, 3}}},
     .in_count = 5, .options = &nesterov, .fill = fill_later},
    {.name = "plain descent", .in = {{0, {0}}, {0, {0}}, {0, {0}}, {0, {0}}, {0, {0}}}, .in_count = 5,
     .fill = fill_first},
    {0},
};

const struct op op_onnx_momentum = {
    .name = "onnx_momentum",
    .family = OP_OPTIMISER,
    .summary = "ONNX's Momentum: renews any number of tensors and their momenta.",
    .formula = "g = norm X + G; V = alpha V + (T > 0 ? beta : 1) g; X -= R V, or R (g + alpha V) with nesterov",
    .source = "Sutskever, Martens, Dahl & Hinton, On the importance of initialization and momentum, ICML 2013",
    .in = onnx_optimiser_in,
    .out = onnx_optimiser_out,
    .attributes = attributes,
    .options_size = sizeof(struct momentum_options),
    .infer = onnx_optimiser_infer,
    .out_count = out_count,
    .textbook = onnx_optimiser_textbook,
    .rule = &momentum,
    .cpu = &onnx_optimiser_cpu,
    .onnx = &onnx,
    .cases = cases,
};
