/* SPDX-License-Identifier: MIT */
/* Quantises real numbers to small integers, with a single scale, one per index of an axis, or one per block. */
#include "op/onnx.h"
#include "op/quantise.h"

struct quantize_options {
    int64_t axis, block_size;
    int     dtype;
};

static const char *const dtypes[] = {"zero_point", "u8", "i8", "u16", "i16", NULL};
static const fov_dtype targets[] = {FOV_U8, FOV_U8, FOV_I8, FOV_U16, FOV_I16};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct quantize_options, axis), .onnx = "axis", .kind = OP_INTEGER, .standard = 1,
     .minimum = -FOV_MAX_RANK, .maximum = FOV_MAX_RANK - 1,
     .doc = "along which scales differ, where there are several"},
    {OP_ATTRIBUTE(struct quantize_options, block_size), .onnx = "block_size", .kind = OP_INTEGER, .minimum = 0,
     .maximum = INT32_MAX, .doc = "neighbours along axis that share a scale; 0: all"},
    {OP_ATTRIBUTE(struct quantize_options, dtype), .kind = OP_CHOICE, .choices = dtypes,
     .doc = "of the result: that of the zero point (u8 without one), or this"},
    {0},
};

enum { X, SCALE, ZERO };

static int infer(const struct op_infer *infer)
{
    const struct quantize_options *options = infer->options;
    bool has_zero = infer->in_count > ZERO && infer->in[ZERO].shape.rank >= 0;
    infer->out[0].shape = infer->in[X].shape;
    infer->out[0].dtype = has_zero ? infer->in[ZERO].dtype : targets[options->dtype];
    if (!quantise_is_target(infer->out[0].dtype)) {
        return error_set(infer->error, FOV_E_UNSUPPORTED, "values cannot be quantised to %s",
                         fov_dtype_name(infer->out[0].dtype));
    }
    return quantise_check(infer, X, SCALE, ZERO, options->axis, options->block_size);
}

static void textbook(const struct op_textbook *textbook)
{
    const struct quantize_options *options = textbook->options;
    const struct op_textbook_tensor *x = &textbook->in[X], *scale = &textbook->in[SCALE];
    const double *zero = textbook->in_count > ZERO ? textbook->in[ZERO].data : NULL;
    for (size_t i = 0; i < op_count(&x->shape); i++) {
        size_t k = quantise_index(&x->shape, &scale->shape, options->axis, options->block_size, i);
        /* The quotient is rounded to single precision, as in all runtimes: this decides how ties are rounded. */
        double value = (double)(float)(x->data[i] / scale->data[k]);
        textbook->out[0].data[i] = quantise_round(value, zero != NULL ? zero[k] : 0, textbook->out[0].dtype);
    }
}

static int import_quantize(struct op_import *node)
{
    struct quantize_options options = {.axis = node->integer(node->reader, "axis", 1),
                                       .block_size = node->integer(node->reader, "block_size", 0)};
    static const int64_t onnx_types[] = {0, 2, 3, 4, 5}; /* TensorProto.DataType of dtypes */
    int64_t type = node->integer(node->reader, "output_dtype", 0);
    node->integer(node->reader, "saturate", 1); /* concerns 8-bit floats only */
    node->integer(node->reader, "precision", 0); /* ignored: the division here is at least single precision */
    while (options.dtype < 5 && onnx_types[options.dtype] != type) {
        options.dtype++;
    }
    if (options.dtype == 5) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "output_dtype is %lld, only 8 and 16-bit integers are known",
                          (long long)type);
    }
    node->result(node->reader, 0,
                 node->emitter->node(node->emitter->graph, "quantize_linear", node->in, node->in_count, &options,
                                     node->node_name));
    return FOV_OK;
}

static int export_quantize(struct op_export *node)
{
    const struct quantize_options *options = node->options;
    static const int64_t onnx_types[] = {0, 2, 3, 4, 5};
    if ((options->dtype > 1 || options->block_size != 0 || fov_dtype_size(node->out[0].dtype) > 1) &&
        node->opset < 21) {
        return node->fail(node->writer, FOV_E_UNSUPPORTED, "this quantisation needs opset 21, not %d", node->opset);
    }
    node->begin(node->writer, "QuantizeLinear", NULL);
    for (int i = 0; i < node->in_count; i++) {
        node->input(node->writer, i);
    }
    if (options->axis != 1 && node->opset >= 13) {
        node->attribute_integer(node->writer, "axis", options->axis);
    }
    if (options->block_size != 0) {
        node->attribute_integer(node->writer, "block_size", options->block_size);
    }
    if (options->dtype != 0 && node->opset >= 21) {
        node->attribute_integer(node->writer, "output_dtype", onnx_types[options->dtype]);
    }
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {
    .type = "QuantizeLinear", .since = 10, .import = import_quantize, .export = export_quantize};

static const struct quantize_options channels = {.axis = 1}, blocks = {.axis = 1, .block_size = 2},
                                     pairs = {.axis = 0, .block_size = 2}, as_i8 = {.dtype = 2};
static const struct op_case cases[] = {
    {.name = "one scale",
     .in = {FOV_SHAPE(3, 17), {0, {0}}, {0, {0}}},
     .in_dtype = {FOV_F32, FOV_F32, FOV_U8},
     .in_count = 3,
     .integers = 200,
     .positive = true,
     .options = &channels},
    {.name = "per channel",
     .in = {FOV_SHAPE(2, 3, 4), FOV_SHAPE(3), FOV_SHAPE(3)},
     .in_dtype = {FOV_F32, FOV_F32, FOV_I8},
     .in_count = 3,
     .integers = 100,
     .positive = true,
     .options = &channels},
    {.name = "blocks",
     .in = {FOV_SHAPE(2, 5, 3), FOV_SHAPE(2, 3, 3)},
     .in_count = 2,
     .positive = true,
     .options = &blocks},
    {.name = "a vector in blocks",
     .in = {FOV_SHAPE(7), FOV_SHAPE(4), FOV_SHAPE(4)},
     .in_dtype = {FOV_F32, FOV_F32, FOV_U8},
     .in_count = 3,
     .integers = 200,
     .positive = true,
     .options = &pairs},
    {.name = "no zero point", .in = {FOV_SHAPE(7), {0, {0}}}, .in_count = 2, .positive = true, .options = &as_i8},
    {0},
};

const struct op op_quantize_linear = {
    .name = "quantize_linear",
    .family = OP_ELEMENTWISE,
    .summary = "Real numbers as small integers: divided by a scale, rounded to even, shifted and kept in range.",
    .formula = "y = clamp(rint(x / scale) + zero_point)",
    .source = "Jacob et al., Quantization and training of neural networks, CVPR 2018, equation 1",
    .in = (const struct op_port[]){{.name = "x", .shape = "[...]", .plain = true},
                                   {.name = "scale", .shape = "[], [axis], or a number per block"},
                                   {.name = "zero_point", .shape = "as scale", .optional = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "as x", .plain = true}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct quantize_options),
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
