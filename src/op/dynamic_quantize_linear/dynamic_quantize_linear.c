/* SPDX-License-Identifier: MIT */
/* Quantisation to u8 whose scale and zero point follow from the values: their range, extended to include zero, becomes
 * 0 .. 255. */
#include "op/onnx.h"
#include "op/quantise.h"

#include <math.h>

static int infer(const struct op_infer *infer)
{
    infer->out[0].shape = infer->in[0].shape;
    infer->out[0].dtype = infer->out[2].dtype = FOV_U8;
    infer->out[1].dtype = FOV_F32;
    infer->out[1].shape = infer->out[2].shape = (fov_shape){.rank = 0};
    return op_check_float(infer, 0, "x");
}

static void textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *x = &textbook->in[0];
    size_t count = op_count(&x->shape);
    double low = 0, high = 0;
    for (size_t i = 0; i < count; i++) {
        low = x->data[i] < low || isnan(x->data[i]) ? x->data[i] : low; /* NaN stays: the scale is NaN then */
        high = x->data[i] > high || isnan(x->data[i]) ? x->data[i] : high;
    }
    /* In single precision, as the scale is stored. */
    double scale = (double)((float)(high - low) / 255.0f);
    scale = scale == 0 ? 1 : scale;
    double zero = quantise_round((double)(float)(-low / scale), 0, FOV_U8);
    for (size_t i = 0; i < count; i++) {
        textbook->out[0].data[i] = quantise_round((double)(float)(x->data[i] / scale), zero, FOV_U8);
    }
    if (textbook->out[1].data != NULL) {
        textbook->out[1].data[0] = scale;
    }
    if (textbook->out[2].data != NULL) {
        textbook->out[2].data[0] = zero;
    }
}

static const struct op_onnx onnx = {.type = "DynamicQuantizeLinear", .since = 11};
static const struct op_case cases[] = {
    {.name = "both signs", .in = {FOV_SHAPE(3, 17)}, .in_count = 1},
    {.name = "positive", .in = {FOV_SHAPE(2, 3, 4)}, .in_count = 1, .positive = true},
    {0},
};

const struct op op_dynamic_quantize_linear = {
    .name = "dynamic_quantize_linear",
    .family = OP_ELEMENTWISE,
    .summary = "Quantises to u8 with the scale and zero point that the values themselves ask for.",
    .formula = "scale = (max(x, 0) - min(x, 0)) / 255; zero = rint(-min / scale); y = clamp(rint(x / scale) + zero)",
    .in = (const struct op_port[]){{.name = "x", .shape = "[...]", .plain = true}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "as x: u8", .plain = true},
                                    {.name = "scale", .shape = "[]", .detached = true},
                                    {.name = "zero_point", .shape = "[]: u8"},
                                    {0}},
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
