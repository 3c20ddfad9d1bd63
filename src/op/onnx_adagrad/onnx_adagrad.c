/* SPDX-License-Identifier: MIT */
/* Adagrad as ONNX's training domain defines it: an element's step shrinks with the squares of all its gradients so far.
 * Everything but the formula is shared by the family: op/onnx_optimiser.h. */
#include "op/onnx_optimiser.h"

#include "op/onnx.h"
#include <math.h>

struct adagrad_options {
    double decay_factor, epsilon, norm_coefficient;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct adagrad_options, decay_factor), .onnx = "decay_factor", .kind = OP_NUMBER,
     .doc = "the rate is divided by 1 + T times this"},
    {OP_ATTRIBUTE(struct adagrad_options, epsilon), .onnx = "epsilon", .kind = OP_NUMBER,
     .standard = (double)1e-6F, .doc = "added to the root of the sum of squares"},
    {OP_ATTRIBUTE(struct adagrad_options, norm_coefficient), .onnx = "norm_coefficient", .kind = OP_NUMBER,
     .doc = "times the value, added to the gradient"},
    {0},
};

/* rates[0]: R of this update */
static void rates(const void *options, double rate, double count, double out[4])
{
    out[0] = rate / (1 + count * ((const struct adagrad_options *)options)->decay_factor);
}

static void define(const void *opaque, const double r[4], struct onnx_optimiser_element *element)
{
    const struct adagrad_options *options = opaque;
    double gradient = options->norm_coefficient * element->x + element->gradient;
    element->state[0] += gradient * gradient;
    element->x -= r[0] * gradient / (sqrt(element->state[0]) + options->epsilon);
}

static void step(const void *opaque, const double r[4], const struct onnx_optimiser_run *run)
{
    const struct adagrad_options *options = opaque;
    float rate = (float)r[0], epsilon = (float)options->epsilon, norm = (float)options->norm_coefficient;
    for (size_t i = 0; i < run->count; i++) {
        float x = run->x[i], gradient = norm * x + run->gradient[i];
        float squares = run->state[0][i] + gradient * gradient;
        run->new_state[0][i] = squares;
        run->new_x[i] = x - rate * gradient / (sqrtf(squares) + epsilon);
    }
}

static const char *const names[] = {"X", "G", "H"};
static const struct onnx_optimiser adagrad = {names, 1, rates, define, step};

static int out_count(const void *options, int in_count)
{
    (void)options;
    return onnx_optimiser_out_count(in_count, adagrad.states);
}

static const struct op_onnx onnx = {.type = "Adagrad", .domain = ONNX_OPTIMISER_DOMAIN, .since = 1};

static void fill(int index, double *data, size_t count, struct random_key key)
{
    onnx_optimiser_draw(index, 0, 3, data, count, key);
}

static const struct adagrad_options decaying = {0.5, 1e-5, 0.125};

static const struct op_case cases[] = {
    {.name = "plain", .in = {{0, {0}}, {0, {0}}, {2, {3, 17}}, {2, {3, 17}}, {2, {3, 17}}}, .in_count = 5,
     .in_dtype = {FOV_F32, FOV_I64}, .fill = fill},
    {.name = "decaying, several chunks", .in = {{0, {0}}, {0, {0}}, {1, {40001}}, {1, {40001}}, {1, {40001}}},
     .in_count = 5, .in_dtype = {FOV_F32, FOV_I64}, .options = &decaying, .fill = fill},
    {.name = "image", .in = {{1, {1}}, {1, {1}}, {4, {2, 3, 5, 3}}, {4, {2, 3, 5, 3}}, {4, {2, 3, 5, 3}}},
     .in_count = 5, .options = &decaying, .fill = fill},
    {0},
};

const struct op op_onnx_adagrad = {
    .name = "onnx_adagrad",
    .family = OP_OPTIMISER,
    .summary = "ONNX's Adagrad: renews any number of tensors and their sums of squared gradients.",
    .formula = "g = norm X + G; H += g^2; X -= R / (1 + decay T) g / (sqrt(H) + e)",
    .source = "Duchi, Hazan & Singer, Adaptive subgradient methods, JMLR 2011, figure 1",
    .in = onnx_optimiser_in,
    .out = onnx_optimiser_out,
    .attributes = attributes,
    .options_size = sizeof(struct adagrad_options),
    .infer = onnx_optimiser_infer,
    .out_count = out_count,
    .textbook = onnx_optimiser_textbook,
    .rule = &adagrad,
    .cpu = &onnx_optimiser_cpu,
    .onnx = &onnx,
    .cases = cases,
};
