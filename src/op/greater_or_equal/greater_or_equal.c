/* SPDX-License-Identifier: MIT */
/* Where one tensor is greater than or equal to another. False where either is NaN.
 * Everything but the formula is shared by the family: op/binary.h. */
#include "op/binary.h"

#include "op/onnx.h"

static double is_greater_or_equal(double a, double b)
{
    return a >= b;
}

static void textbook(const struct op_textbook *textbook)
{
    binary_textbook(textbook, is_greater_or_equal);
}

static int import_is_greater_or_equal(struct op_import *node)
{
    return op_import_binary(node, "greater_or_equal");
}

static const struct op_onnx onnx = {.type = "GreaterOrEqual", .since = 12, .import = import_is_greater_or_equal};

const struct op op_greater_or_equal = {
    .name = "greater_or_equal",
    .family = OP_ELEMENTWISE,
    .summary = "True where a is greater or equal to b.",
    .formula = "y = a >= b",
    .in = binary_in,
    .out = binary_out,
    .infer = binary_infer_comparison,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = comparison_cases,
};
