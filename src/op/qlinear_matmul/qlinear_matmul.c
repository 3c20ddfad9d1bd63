/* SPDX-License-Identifier: MIT */
/* Product of quantised matrices with a quantised result: exact integer sums, rounded once at the end. */
#include "op/onnx.h"
#include "op/quantise.h"

enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO };

static int infer(const struct op_infer *infer)
{
    struct quantise_product product;
    infer->out[0].dtype = infer->in[Y_ZERO].dtype;
    if (!quantise_is_target(infer->out[0].dtype)) {
        return error_set(infer->error, FOV_E_UNSUPPORTED, "values cannot be quantised to %s",
                         fov_dtype_name(infer->out[0].dtype));
    }
    int status =
        quantise_product(&product, &infer->in[A].shape, &infer->in[B].shape, &infer->out[0].shape, infer->error);
    static const int several[] = {A_SCALE, A_ZERO, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO};
    for (int i = 0; status == 0 && i < 6; i++) {
        size_t count, wanted = i < 2 ? product.rows : i < 4 ? product.columns : 1;
        if (!shape_count(&infer->in[several[i]].shape, &count) || (count != 1 && count != wanted)) {
            char text[SHAPE_TEXT_SIZE];
            status = error_set(infer->error, FOV_E_SHAPE, "scale or zero point %s must be one number%s",
                               shape_text(&infer->in[several[i]].shape, text),
                               i < 4 ? ", or one per row of a or column of b" : "");
        }
    }
    return status;
}

static double at(const struct op_textbook *textbook, int input, size_t index)
{
    return textbook->in[input].data[op_count(&textbook->in[input].shape) == 1 ? 0 : index];
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
                sum += (textbook->in[A].data[a + row * product.depth + k] - at(textbook, A_ZERO, row)) *
                       (textbook->in[B].data[b + k * product.columns + column] - at(textbook, B_ZERO, column));
            }
            double scale = at(textbook, A_SCALE, row) * at(textbook, B_SCALE, column) / at(textbook, Y_SCALE, 0);
            *out++ = quantise_round(sum * scale, at(textbook, Y_ZERO, 0), textbook->out[0].dtype);
        }
    }
}

static const struct op_onnx onnx = {.type = "QLinearMatMul", .since = 10};
#define NUMBER {0, {0}}
static const struct op_case cases[] = {
    {.name = "matrices", .in = {FOV_SHAPE(4, 3), NUMBER, NUMBER, FOV_SHAPE(3, 2), NUMBER, NUMBER, NUMBER, NUMBER},
     .in_dtype = {FOV_U8, FOV_F32, FOV_U8, FOV_U8, FOV_F32, FOV_U8, FOV_F32, FOV_U8}, .in_count = 8, .integers = 30,
     .positive = true},
    {.name = "stacks, scales per column",
     .in = {FOV_SHAPE(2, 4, 3), NUMBER, NUMBER, FOV_SHAPE(2, 3, 5), FOV_SHAPE(5), FOV_SHAPE(5), NUMBER, NUMBER},
     .in_dtype = {FOV_I8, FOV_F32, FOV_I8, FOV_I8, FOV_F32, FOV_I8, FOV_F32, FOV_I8}, .in_count = 8, .integers = 10,
     .positive = true},
    {0},
};

const struct op op_qlinear_matmul = {
    .name = "qlinear_matmul",
    .family = OP_CONVOLUTION,
    .summary = "Product of quantised matrices, quantised again.",
    .formula = "y = clamp(rint(a_scale b_scale / y_scale sum over k of (a - a_zero) (b - b_zero)) + y_zero)",
    .source = "Jacob et al., Quantization and training of neural networks, CVPR 2018, equation 4",
    .in = (const struct op_port[]){{.name = "a", .shape = "[..., M, K]: u8 or i8", .plain = true},
                                   {.name = "a_scale", .shape = "[] or [M]"},
                                   {.name = "a_zero_point", .shape = "as a_scale"},
                                   {.name = "b", .shape = "[..., K, N]: u8 or i8", .plain = true},
                                   {.name = "b_scale", .shape = "[] or [N]"},
                                   {.name = "b_zero_point", .shape = "as b_scale"},
                                   {.name = "y_scale", .shape = "[]"},
                                   {.name = "y_zero_point", .shape = "[]"},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[..., M, N]", .plain = true}, {0}},
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
