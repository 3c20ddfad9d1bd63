/* SPDX-License-Identifier: MIT */
/* Logical and: true where both inputs are true.
 * Everything but the formula is shared by the family: op/binary.h. */
#include "op/binary.h"

#include "op/onnx.h"

static double both(double a, double b)
{
    return a != 0 && b != 0;
}

static void textbook(const struct op_textbook *textbook)
{
    binary_textbook(textbook, both);
}

static int import_both(struct op_import *node)
{
    return op_import_binary(node, "and");
}

static const struct op_onnx onnx = {.type = "And", .since = 1, .import = import_both};

const struct op op_and = {
    .name = "and",
    .family = OP_ELEMENTWISE,
    .summary = "Logical and, element by element.",
    .formula = "y = a and b",
    .in = binary_in,
    .out = binary_out,
    .infer = binary_infer_logic,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = logic_cases,
};
