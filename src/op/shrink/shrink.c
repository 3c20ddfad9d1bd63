/* SPDX-License-Identifier: MIT */
/* Small values become zero (hard shrinkage), the rest may move towards zero (soft shrinkage).
 * Everything but the formula and the gradient is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <float.h>

#include <math.h>

struct shrink_options {
    double lambd, bias;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct shrink_options, lambd), .onnx = "lambd", .kind = OP_NUMBER, .standard = 0.5,
     .minimum = -(double)FLT_MAX, .maximum = (double)FLT_MAX,
     .doc = "half the width of what becomes zero; below 0: nothing does"},
    {OP_ATTRIBUTE(struct shrink_options, bias), .onnx = "bias", .kind = OP_NUMBER, .standard = 0,
     .minimum = -(double)FLT_MAX, .maximum = (double)FLT_MAX, .doc = "by which the rest moves to zero"},
    {0},
};

static double shrink(double x, const void *options)
{
    const struct shrink_options *own = options;
    if (x < -own->lambd) {
        return x + own->bias;
    }
    return isnan(x) ? x : x > own->lambd ? x - own->bias : 0;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, shrink);
}

/* The derivative is 1 where |x| > lambd, else 0. */
static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    const struct shrink_options *own = gradient->options;
    fov_value above = op_emit_affine(emitter, op_emit1(emitter, "abs", gradient->in[0], NULL), 1, -own->lambd);
    fov_value outside = op_emit1(emitter, "step", above, NULL);
    gradient->in_gradient[0] = op_emit2(emitter, "mul", gradient->out_gradient[0], outside, NULL);
}

static const struct op_onnx onnx = {.type = "Shrink", .since = 9};

/* Away from the jumps at 0.5 and 1.5. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = (double)random_below(key, i, 5) - 2 + 0.3 * random_uniform(key, i + count);
    }
}

static const struct shrink_options soft = {.lambd = 1.5, .bias = 1.5};
static const struct op_case cases[] = {
    {.name = "hard", .in = {{2, {3, 17}}}, .in_count = 1, .fill = fill},
    {.name = "soft", .in = {{4, {2, 3, 5, 3}}}, .in_count = 1, .fill = fill, .options = &soft},
    {.name = "integers", .in = {{1, {9}}}, .in_dtype = {FOV_I32}, .in_count = 1, .integers = 5, .no_gradient = true},
    {0},
};

const struct op op_shrink = {
    .name = "shrink",
    .family = OP_ACTIVATION,
    .summary = "Small values become zero, others move towards zero.",
    .formula = "y = x + bias if x < -lambd, x - bias if x > lambd, else 0",
    .source = "Donoho & Johnstone, Ideal spatial adaptation by wavelet shrinkage, Biometrika 1994, eq. 6 and 7",
    .in = elementwise_in,
    .out = elementwise_out,
    .attributes = attributes,
    .options_size = sizeof(struct shrink_options),
    .infer = elementwise_infer_numbers,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &elementwise_definition_cpu,
    .onnx = &onnx,
    .cases = cases,
};
