/* SPDX-License-Identifier: MIT */
/* The index of the smallest element along an axis. Small changes of x do not change an index, so its gradient is zero.
 * The search is in op/arg.c. */
#include "op/arg.h"

#include "op/onnx.h"

static void textbook(const struct op_textbook *textbook)
{
    arg_textbook(textbook, -1);
}

static const struct op_onnx onnx = {.type = "ArgMin", .since = 1};

const struct op op_arg_min = {
    .name = "arg_min",
    .family = OP_REDUCTION,
    .summary = "Index of the smallest element along an axis.",
    .formula = "index = the first (or last) k with x_k = min of x along the axis",
    .in = arg_in,
    .out = arg_out,
    .attributes = arg_attributes,
    .options_size = sizeof(struct arg_options),
    .infer = arg_infer,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = arg_cases,
};
