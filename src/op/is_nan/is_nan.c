/* SPDX-License-Identifier: MIT */
/* Where a tensor is not a number.
 * The loop over elements is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"
#include <math.h>

static int infer(const struct op_infer *infer)
{
    int status = op_check_float(infer, 0, "x");
    infer->out[0].shape = infer->in[0].shape;
    infer->out[0].dtype = FOV_BOOL;
    return status;
}

static double test(double x, const void *options)
{
    (void)options;
    return isnan(x) ? 1 : 0;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, test);
}

static const struct op_onnx onnx = {.type = "IsNaN", .since = 9};

static void fill(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = random_below(key, i, 2) == 0 ? (double)NAN : i % 3 == 0 ? (double)INFINITY : (double)i;
    }
}

static const struct op_case cases[] = {
    {.name = "vector", .in = {{1, {37}}}, .in_count = 1, .fill = fill},
    {.name = "image", .in = {{4, {2, 3, 2, 5}}}, .in_count = 1, .fill = fill},
    {0},
};

const struct op op_is_nan = {
    .name = "is_nan",
    .family = OP_ELEMENTWISE,
    .summary = "True where x is not a number.",
    .formula = "y = x != x",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
