/* SPDX-License-Identifier: MIT */
/* Adam as ONNX's training domain defines it. Unlike in adam/, epsilon is added to the root before the bias correction,
 * there is no bias correction at T = 0, and a second decay shrinks the new value. */
#include "op/onnx_optimiser.h"

#include "op/onnx.h"
#include <math.h>

struct adam_options {
    double alpha, beta, epsilon, norm_coefficient, norm_coefficient_post;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct adam_options, alpha), .onnx = "alpha", .kind = OP_NUMBER, .standard = (double)0.9F,
     .doc = "share of the mean gradient kept"},
    {OP_ATTRIBUTE(struct adam_options, beta), .onnx = "beta", .kind = OP_NUMBER, .standard = (double)0.999F,
     .doc = "share of the mean squared gradient kept"},
    {OP_ATTRIBUTE(struct adam_options, epsilon), .onnx = "epsilon", .kind = OP_NUMBER, .standard = (double)1e-6F,
     .doc = "added to the root of the mean square"},
    {OP_ATTRIBUTE(struct adam_options, norm_coefficient), .onnx = "norm_coefficient", .kind = OP_NUMBER,
     .doc = "times the value, added to the gradient"},
    {OP_ATTRIBUTE(struct adam_options, norm_coefficient_post), .onnx = "norm_coefficient_post", .kind = OP_NUMBER,
     .doc = "share taken from the new value"},
    {0},
};

/* rates[0]: R with both bias corrections */
static void rates(const void *opaque, double rate, double count, double out[4])
{
    const struct adam_options *options = opaque;
    out[0] = count > 0 ? rate * sqrt(1 - pow(options->beta, count)) / (1 - pow(options->alpha, count)) : rate;
}

/* state 0: V, mean of gradients; state 1: H, mean of their squares */
static void define(const void *opaque, const double r[4], struct onnx_optimiser_element *element)
{
    const struct adam_options *options = opaque;
    double gradient = options->norm_coefficient * element->x + element->gradient;
    double mean = options->alpha * element->state[0] + (1 - options->alpha) * gradient;
    double square = options->beta * element->state[1] + (1 - options->beta) * gradient * gradient;
    double x = element->x - r[0] * mean / (sqrt(square) + options->epsilon);
    element->state[0] = mean;
    element->state[1] = square;
    element->x = (1 - options->norm_coefficient_post) * x;
}

static void step(const void *opaque, const double r[4], const struct onnx_optimiser_run *run)
{
    const struct adam_options *options = opaque;
    float rate = (float)r[0], epsilon = (float)options->epsilon, norm = (float)options->norm_coefficient;
    float keep_mean = (float)options->alpha, take_mean = (float)(1 - options->alpha);
    float keep_square = (float)options->beta, take_square = (float)(1 - options->beta);
    float shrink = (float)(1 - options->norm_coefficient_post);
    for (size_t i = 0; i < run->count; i++) {
        float x = run->x[i], gradient = norm * x + run->gradient[i];
        float mean = keep_mean * run->state[0][i] + take_mean * gradient;
        float square = keep_square * run->state[1][i] + take_square * gradient * gradient;
        run->new_state[0][i] = mean;
        run->new_state[1][i] = square;
        run->new_x[i] = shrink * (x - rate * mean / (sqrtf(square) + epsilon));
    }
}

static const char *const names[] = {"X", "G", "V", "H"};
static const struct onnx_optimiser adam = {names, 2, rates, define, step};

static int out_count(const void *options, int in_count)
{
    (void)options;
    return onnx_optimiser_out_count(in_count, adam.states);
}

static const struct op_onnx onnx = {.type = "Adam", .domain = ONNX_OPTIMISER_DOMAIN, .since = 1};

static void fill_first(int index, double *data, size_t count, struct random_key key)
{
    onnx_optimiser_draw(index, 1, 0, data, count, key);
}

static void fill_later(int index, double *data, size_t count, struct random_key key)
{
    onnx_optimiser_draw(index, 1, 3, data, count, key);
}

static const struct adam_options decaying = {0.75, 0.9375, 1e-5, 0.125, 0.0625};

static const struct op_case cases[] = {
    {.name = "first update",
     .in = {{0, {0}}, {0, {0}}, {2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}}, .in_count = 6,
     .in_dtype = {FOV_F32, FOV_I64}, .fill = fill_first},
    {.name = "a later update",
     .in = {{0, {0}}, {0, {0}}, {2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}}, .in_count = 6,
     .in_dtype = {FOV_F32, FOV_I64}, .fill = fill_later},
    {.name = "both decays, several chunks",
     .in = {{0, {0}}, {0, {0}}, {1, {40001}}, {1, {40001}}, {1, {40001}}, {1, {40001}}}, .in_count = 6,
     .options = &decaying, .fill = fill_later},
    {0},
};

const struct op op_onnx_adam = {
    .name = "onnx_adam",
    .family = OP_OPTIMISER,
    .summary = "ONNX's Adam: renews any number of tensors and their gradients' two moments.",
    .formula = "g = norm X + G; V = a V + (1 - a) g; H = b H + (1 - b) g^2; "
               "X = (1 - post) (X - R sqrt(1 - b^T) / (1 - a^T) V / (sqrt(H) + e))",
    .source = "Kingma & Ba, Adam, ICLR 2015, section 2",
    .in = onnx_optimiser_in,
    .out = onnx_optimiser_out,
    .attributes = attributes,
    .options_size = sizeof(struct adam_options),
    .infer = onnx_optimiser_infer,
    .out_count = out_count,
    .textbook = onnx_optimiser_textbook,
    .rule = &adam,
    .cpu = &onnx_optimiser_cpu,
    .onnx = &onnx,
    .cases = cases,
};
