/* SPDX-License-Identifier: MIT */
/* Where two tensors are equal.
 * Everything but the formula is shared by the family: op/binary.h. */
#include "op/binary.h"

#include "op/onnx.h"

static double is_equal(double a, double b)
{
    return a == b;
}

static void textbook(const struct op_textbook *textbook)
{
    binary_textbook(textbook, is_equal);
}

static int import_is_equal(struct op_import *node)
{
    return op_import_binary(node, "equal");
}

static const struct op_onnx onnx = {.type = "Equal", .since = 1, .import = import_is_equal};

const struct op op_equal = {
    .name = "equal",
    .family = OP_ELEMENTWISE,
    .summary = "True where a equals b.",
    .formula = "y = a == b",
    .in = binary_in,
    .out = binary_out,
    .infer = binary_infer_equality,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = comparison_cases,
};
