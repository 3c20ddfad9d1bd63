/* SPDX-License-Identifier: MIT */
/* Where one tensor is greater than another. False where either is NaN.
 * Everything but the formula is shared by the family: op/binary.h. */
#include "op/binary.h"

#include "op/onnx.h"

static double is_greater(double a, double b)
{
    return a > b;
}

static void textbook(const struct op_textbook *textbook)
{
    binary_textbook(textbook, is_greater);
}

static int import_is_greater(struct op_import *node)
{
    return op_import_binary(node, "greater");
}

static const struct op_onnx onnx = {.type = "Greater", .since = 1, .import = import_is_greater};

const struct op op_greater = {
    .name = "greater",
    .family = OP_ELEMENTWISE,
    .summary = "True where a is greater than b.",
    .formula = "y = a > b",
    .in = binary_in,
    .out = binary_out,
    .infer = binary_infer_comparison,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = comparison_cases,
};
