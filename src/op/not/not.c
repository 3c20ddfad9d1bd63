/* SPDX-License-Identifier: MIT */
/* Logical negation of bools. Nothing flows back through truth values.
 * The loop over elements is shared by the family: op/elementwise.h. */
#include "op/elementwise.h"

#include "op/onnx.h"

static int infer(const struct op_infer *infer)
{
    if (infer->in[0].dtype != FOV_BOOL) {
        return error_set(infer->error, FOV_E_USAGE, "x is %s, it must be bool", fov_dtype_name(infer->in[0].dtype));
    }
    return op_infer_same(infer);
}

static double negation(double x, const void *options)
{
    (void)options;
    return x == 0;
}

static void textbook(const struct op_textbook *textbook)
{
    elementwise_textbook(textbook, negation);
}

static const struct op_onnx onnx = {.type = "Not", .since = 1};

static const struct op_case cases[] = {
    {.name = "vector", .in = {{1, {37}}}, .in_dtype = {FOV_BOOL}, .in_count = 1},
    {.name = "image", .in = {{4, {2, 3, 2, 5}}}, .in_dtype = {FOV_BOOL}, .in_count = 1},
    {.name = "scalar", .in = {{0, {0}}}, .in_dtype = {FOV_BOOL}, .in_count = 1},
    {0},
};

const struct op op_not = {
    .name = "not",
    .family = OP_ELEMENTWISE,
    .summary = "Logical negation, element by element.",
    .formula = "y = not x",
    .in = elementwise_in,
    .out = elementwise_out,
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
