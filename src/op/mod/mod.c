/* SPDX-License-Identifier: MIT */
/* Remainders. An option chooses whose sign they have: the divisor's (Python's %) or the dividend's (C's fmod).
 * Everything but the formula and the gradient is shared by the family: op/binary.h. */
#include "op/binary.h"

#include "op/onnx.h"
#include <math.h>

struct mod_options {
    bool fmod;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct mod_options, fmod), .onnx = "fmod", .kind = OP_FLAG,
     .doc = "the sign of the dividend, as C's fmod; else of the divisor"},
    {0},
};

static double of_divisor(double a, double b)
{
    double rest = fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static void textbook(const struct op_textbook *textbook)
{
    const struct mod_options *options = textbook->options;
    binary_textbook(textbook, options->fmod ? fmod : of_divisor);
}

/* y = a - n b with a whole number n = (a - y) / b, which does not change under small steps. */
static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    if (gradient->wanted[0]) {
        binary_give(gradient, 0, gradient->out_gradient[0]);
    }
    if (gradient->wanted[1]) {
        fov_value whole = op_emit2(emitter, "sub", gradient->out[0], gradient->in[0], NULL);
        whole = op_emit2(emitter, "div", whole, gradient->in[1], NULL);
        binary_give(gradient, 1, op_emit2(emitter, "mul", gradient->out_gradient[0], whole, NULL));
    }
}

static const struct op_onnx onnx = {.type = "Mod", .since = 10};

/* Dividends 0.3 to 0.7 above whole numbers, divisors 1 or -1: small steps do not change n. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        double sign = random_below(key, 2 * i, 2) == 0 ? 1 : -1;
        data[i] = index == 0 ? (double)random_below(key, 2 * i, 9) - 4 + 0.3 + 0.4 * random_uniform(key, 2 * i + 1)
                             : sign;
    }
}

static const struct mod_options as_c = {.fmod = true};
static const struct op_case cases[] = {
    {.name = "sign of the divisor", .in = {{1, {37}}, {1, {37}}}, .in_count = 2, .fill = fill},
    {.name = "sign of the dividend", .in = {{2, {3, 7}}, {2, {3, 7}}}, .in_count = 2, .fill = fill, .options = &as_c},
    {.name = "one divisor", .in = {{4, {2, 3, 4, 3}}, {0, {0}}}, .in_count = 2, .fill = fill},
    {.name = "both ways", .in = {{2, {5, 1}}, {2, {1, 9}}}, .in_count = 2, .fill = fill, .options = &as_c},
    {0},
};

const struct op op_mod = {
    .name = "mod",
    .family = OP_ELEMENTWISE,
    .summary = "Remainder of a division, element by element.",
    .formula = "y = a - b floor(a / b); with fmod: a - b trunc(a / b)",
    .in = binary_in,
    .out = binary_out,
    .attributes = attributes,
    .options_size = sizeof(struct mod_options),
    .infer = binary_infer,
    .gradient = gradient,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
