/* SPDX-License-Identifier: MIT */
/* Products of matrices of small integers, exact in 32 bits. Zero points are subtracted first: one for all, or one per
 * row of a and per column of b. */
#include "op/onnx.h"
#include "op/quantise.h"

enum { A, B, A_ZERO, B_ZERO };

static int infer(const struct op_infer *infer)
{
    struct quantise_product product;
    for (int i = A; i <= B; i++) {
        if (infer->in[i].dtype != FOV_U8 && infer->in[i].dtype != FOV_I8) {
            return error_set(infer->error, FOV_E_USAGE, "%s is %s, it must be u8 or i8", i == A ? "a" : "b",
                             fov_dtype_name(infer->in[i].dtype));
        }
    }
    infer->out[0].dtype = FOV_I32;
    int status =
        quantise_product(&product, &infer->in[A].shape, &infer->in[B].shape, &infer->out[0].shape, infer->error);
    for (int i = A_ZERO; status == 0 && i < infer->in_count; i++) {
        size_t count, several = i == A_ZERO ? product.rows : product.columns;
        if (infer->in[i].shape.rank >= 0 &&
            (!shape_count(&infer->in[i].shape, &count) || (count != 1 && count != several))) {
            char text[SHAPE_TEXT_SIZE];
            status = error_set(infer->error, FOV_E_SHAPE, "zero point %s must be one number, or %zu",
                               shape_text(&infer->in[i].shape, text), several);
        }
    }
    return status;
}

static double zero_at(const struct op_textbook *textbook, int input, size_t index)
{
    const double *data = input < textbook->in_count ? textbook->in[input].data : NULL;
    return data == NULL ? 0 : data[op_count(&textbook->in[input].shape) == 1 ? 0 : index];
}

static void textbook(const struct op_textbook *textbook)
{
    struct quantise_product product;
    fov_shape y;
    if (quantise_product(&product, &textbook->in[A].shape, &textbook->in[B].shape, &y, NULL) != 0) {
        return;
    }
    double *out = textbook->out[0].data;
    for (size_t stack = 0; stack < product.stacks; stack++) {
        size_t a, b;
        quantise_stack(&product, stack, &a, &b);
        for (size_t i = 0; i < product.rows * product.columns; i++) {
            size_t row = i / product.columns, column = i % product.columns;
            double sum = 0;
            for (size_t k = 0; k < product.depth; k++) {
                sum += (textbook->in[A].data[a + row * product.depth + k] - zero_at(textbook, A_ZERO, row)) *
                       (textbook->in[B].data[b + k * product.columns + column] - zero_at(textbook, B_ZERO, column));
            }
            *out++ = sum;
        }
    }
}

static const struct op_onnx onnx = {.type = "MatMulInteger", .since = 10};
static const struct op_case cases[] = {
    {.name = "matrices",
     .in = {FOV_SHAPE(4, 3), FOV_SHAPE(3, 2), {0, {0}}, {0, {0}}},
     .in_dtype = {FOV_U8, FOV_U8, FOV_U8, FOV_U8},
     .in_count = 4,
     .integers = 255},
    {.name = "stacks, rows",
     .in = {FOV_SHAPE(2, 4, 3), FOV_SHAPE(3, 5), FOV_SHAPE(4), FOV_SHAPE(5)},
     .in_dtype = {FOV_I8, FOV_I8, FOV_I8, FOV_I8},
     .in_count = 4,
     .integers = 127},
    {.name = "vector",
     .in = {FOV_SHAPE(7), FOV_SHAPE(7, 3)},
     .in_dtype = {FOV_U8, FOV_I8},
     .in_count = 2,
     .integers = 100},
    {0},
};

const struct op op_matmul_integer = {
    .name = "matmul_integer",
    .family = OP_CONVOLUTION,
    .summary = "Product of matrices of small integers, exact.",
    .formula = "y[i, j] = sum over k of (a[i, k] - a_zero) (b[k, j] - b_zero)",
    .in = (const struct op_port[]){{.name = "a", .shape = "[..., M, K]: u8 or i8", .plain = true},
                                   {.name = "b", .shape = "[..., K, N]: u8 or i8", .plain = true},
                                   {.name = "a_zero_point", .shape = "[] or [M]", .optional = true, .plain = true},
                                   {.name = "b_zero_point", .shape = "[] or [N]", .optional = true, .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[..., M, N]: i32", .plain = true}, {0}},
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
