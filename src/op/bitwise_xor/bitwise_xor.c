/* SPDX-License-Identifier: MIT */
/* The bits in which two integers differ.
 * Everything but the function is shared by the family: op/bitwise.h. */
#include "op/bitwise.h"

#include "op/onnx.h"

static void textbook(const struct op_textbook *textbook)
{
    bitwise_textbook(textbook, BITWISE_XOR);
}

static void run(const struct op_run *run)
{
    bitwise_run(run, BITWISE_XOR);
}

static int compile(struct op_compile *compile)
{
    return bitwise_compile(compile, run);
}

static const struct op_cpu cpu = BITWISE_CPU(compile);
static const struct op_onnx onnx = {.type = "BitwiseXor", .since = 18};

const struct op op_bitwise_xor = {
    .name = "bitwise_xor",
    .family = OP_ELEMENTWISE,
    .summary = "The bits in which two whole numbers differ.",
    .formula = "bit k of y = bit k of a unlike bit k of b",
    .in = binary_in,
    .out = binary_out,
    .infer = bitwise_infer,
    .zero_gradient = true,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = bitwise_cases,
    .commutes = true,
};
