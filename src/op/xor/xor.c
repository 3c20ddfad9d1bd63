/* SPDX-License-Identifier: MIT */
/* True where exactly one of a and b is.
 * Everything but the formula is shared by the family: op/binary.h. */
#include "op/binary.h"

#include "op/onnx.h"

static double one_of(double a, double b)
{
    return (a != 0) != (b != 0);
}

static void textbook(const struct op_textbook *textbook)
{
    binary_textbook(textbook, one_of);
}

static int import_one_of(struct op_import *node)
{
    return op_import_binary(node, "xor");
}

static const struct op_onnx onnx = {.type = "Xor", .since = 1, .import = import_one_of};

const struct op op_xor = {
    .name = "xor",
    .family = OP_ELEMENTWISE,
    .summary = "Logical xor, element by element.",
    .formula = "y = a xor b",
    .in = binary_in,
    .out = binary_out,
    .infer = binary_infer_logic,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = logic_cases,
};
