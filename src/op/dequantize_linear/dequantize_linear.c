/* SPDX-License-Identifier: MIT */
/* Small integers back to real numbers, with one scale, one per index of an axis, or one per block. */
#include "op/onnx.h"
#include "op/quantise.h"

struct dequantize_options {
    int64_t axis, block_size;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct dequantize_options, axis), .onnx = "axis", .kind = OP_INTEGER, .standard = 1,
     .minimum = -FOV_MAX_RANK, .maximum = FOV_MAX_RANK - 1,
     .doc = "along which scales differ, where there are several"},
    {OP_ATTRIBUTE(struct dequantize_options, block_size), .onnx = "block_size", .kind = OP_INTEGER, .minimum = 0,
     .maximum = INT32_MAX, .doc = "neighbours along axis that share a scale; 0: all", .since = 21},
    {0},
};

enum { X, SCALE, ZERO };

static int infer(const struct op_infer *infer)
{
    const struct dequantize_options *options = infer->options;
    infer->out[0].shape = infer->in[X].shape;
    infer->out[0].dtype = infer->in[SCALE].dtype;
    if (!op_is_integer(infer->in[X].dtype)) {
        return error_set(infer->error, FOV_E_USAGE, "x is %s, it must be integers", fov_dtype_name(infer->in[X].dtype));
    }
    int status = op_check_float(infer, SCALE, "scale");
    return status != FOV_OK
               ? status
               : quantise_check(infer, X, SCALE, ZERO, options->axis, options->block_size);
}

static void textbook(const struct op_textbook *textbook)
{
    const struct dequantize_options *options = textbook->options;
    const struct op_textbook_tensor *x = &textbook->in[X], *scale = &textbook->in[SCALE];
    const double *zero = textbook->in_count > ZERO ? textbook->in[ZERO].data : NULL;
    for (size_t i = 0; i < op_count(&x->shape); i++) {
        size_t k = quantise_index(&x->shape, &scale->shape, options->axis, options->block_size, i);
        textbook->out[0].data[i] = (x->data[i] - (zero != NULL ? zero[k] : 0)) * scale->data[k];
    }
}

static const struct op_onnx onnx = {.type = "DequantizeLinear", .since = 10};

static const struct dequantize_options channels = {.axis = 1}, blocks = {.axis = 0, .block_size = 3},
                                       pairs = {.axis = -1, .block_size = 2};
static const struct op_case cases[] = {
    {.name = "one scale",
     .in = {FOV_SHAPE(3, 17), {0, {0}}, {0, {0}}},
     .in_dtype = {FOV_U8, FOV_F32, FOV_U8},
     .in_count = 3,
     .integers = 200,
     .positive = true,
     .options = &channels},
    {.name = "per channel",
     .in = {FOV_SHAPE(2, 3, 4), FOV_SHAPE(3), FOV_SHAPE(3)},
     .in_dtype = {FOV_I8, FOV_F32, FOV_I8},
     .in_count = 3,
     .integers = 100,
     .positive = true,
     .options = &channels},
    {.name = "i32 in blocks",
     .in = {FOV_SHAPE(5, 2), FOV_SHAPE(2, 2)},
     .in_dtype = {FOV_I32, FOV_F32},
     .in_count = 2,
     .integers = 1000,
     .positive = true,
     .options = &blocks},
    {.name = "a vector in blocks",
     .in = {FOV_SHAPE(8), FOV_SHAPE(4), FOV_SHAPE(4)},
     .in_dtype = {FOV_U8, FOV_F32, FOV_U8},
     .in_count = 3,
     .integers = 200,
     .positive = true,
     .options = &pairs},
    {0},
};

const struct op op_dequantize_linear = {
    .name = "dequantize_linear",
    .family = OP_ELEMENTWISE,
    .summary = "Small integers as the real numbers they stand for.",
    .formula = "y = (x - zero_point) scale",
    .source = "Jacob et al., Quantization and training of neural networks, CVPR 2018, equation 1",
    .in = (const struct op_port[]){{.name = "x", .shape = "[...]: integers", .plain = true},
                                   {.name = "scale", .shape = "[], [axis], or a number per block; not learned"},
                                   {.name = "zero_point", .shape = "as scale", .optional = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "as x", .plain = true}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct dequantize_options),
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
