/* SPDX-License-Identifier: MIT */
/* Where a tensor is infinite, of either sign or of one.
 * The loop over elements is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <math.h>

struct is_inf_options {
    bool detect_positive, detect_negative;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct is_inf_options, detect_positive), .onnx = "detect_positive", .kind = OP_FLAG, .standard = 1,
     .doc = "+infinity counts"},
    {OP_ATTRIBUTE(struct is_inf_options, detect_negative), .onnx = "detect_negative", .kind = OP_FLAG, .standard = 1,
     .doc = "-infinity counts"},
    {0},
};

static int infer(const struct op_infer *infer)
{
    int status = op_check_float(infer, 0, "x");
    infer->out[0].shape = infer->in[0].shape;
    infer->out[0].dtype = FOV_BOOL;
    return status;
}

static double test(double x, const void *options)
{
    const struct is_inf_options *own = options;
    return isinf(x) && (x > 0 ? own->detect_positive : own->detect_negative) ? 1 : 0;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, test);
}

static const struct op_onnx onnx = {.type = "IsInf", .since = 10};

static void fill(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        uint64_t kind = random_below(key, i, 4);
        data[i] = kind == 0 ? (double)INFINITY : kind == 1 ? (double)-INFINITY : kind == 2 ? (double)NAN : (double)i;
    }
}

static const struct is_inf_options positive = {.detect_positive = true}, negative = {.detect_negative = true};
static const struct op_case cases[] = {
    {.name = "both", .in = {{1, {37}}}, .in_count = 1, .fill = fill},
    {.name = "positive", .in = {{4, {2, 3, 2, 5}}}, .in_count = 1, .fill = fill, .options = &positive},
    {.name = "negative", .in = {{2, {3, 5}}}, .in_count = 1, .fill = fill, .options = &negative},
    {0},
};

const struct op op_is_inf = {
    .name = "is_inf",
    .family = OP_ELEMENTWISE,
    .summary = "True where x is infinite.",
    .formula = "y = |x| is infinite, of the signs that count",
    .in = elementwise_in,
    .out = elementwise_out,
    .attributes = attributes,
    .options_size = sizeof(struct is_inf_options),
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
