/* SPDX-License-Identifier: MIT */
/* True where at least one operand is true.
 * Everything but the formula is shared by the family: op/binary.h. */
#include "op/binary.h"

#include "op/onnx.h"

static double either(double a, double b)
{
    return a != 0 || b != 0;
}

static void textbook(const struct op_textbook *textbook)
{
    binary_textbook(textbook, either);
}

static int import_either(struct op_import *node)
{
    return op_import_binary(node, "or");
}

static const struct op_onnx onnx = {.type = "Or", .since = 1, .import = import_either};

const struct op op_or = {
    .name = "or",
    .family = OP_ELEMENTWISE,
    .summary = "Logical or, element by element.",
    .formula = "y = a or b",
    .in = binary_in,
    .out = binary_out,
    .infer = binary_infer_logic,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = logic_cases,
};
