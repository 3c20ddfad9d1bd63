/* SPDX-License-Identifier: MIT */
/* EyeLike: a matrix of the shape of another, with ones on one diagonal. */
#include "op/index.h"

struct eye_options {
    int64_t k;
    int     dtype; /**< fov_dtype; FOV_DTYPE_COUNT: that of x */
};

static const char *const dtypes[] = {"f32", "f64", "f16", "i64", "i32", "i16",  "i8",
                                     "u64", "u32", "u16", "u8",  "bool", "as x", NULL};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct eye_options, k), .onnx = "k", .kind = OP_INTEGER, .minimum = -1e12, .maximum = 1e12,
     .doc = "diagonal: 0 the main one, above it if > 0"},
    {OP_ATTRIBUTE(struct eye_options, dtype), .kind = OP_CHOICE, .standard = FOV_DTYPE_COUNT, .choices = dtypes,
     .doc = "element type of the result"},
    {0},
};

static int infer(const struct op_infer *infer)
{
    const struct eye_options *options = infer->options;
    if (infer->in[0].shape.rank != 2) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "x %s must be a matrix", shape_text(&infer->in[0].shape, text));
    }
    infer->out[0].shape = infer->in[0].shape;
    infer->out[0].dtype = options->dtype == FOV_DTYPE_COUNT ? infer->in[0].dtype : (fov_dtype)options->dtype;
    return FOV_OK;
}

static void textbook(const struct op_textbook *textbook)
{
    const fov_shape *y = &textbook->out[0].shape;
    int64_t k = ((const struct eye_options *)textbook->options)->k;
    for (int64_t row = 0; row < y->dim[0]; row++) {
        for (int64_t column = 0; column < y->dim[1]; column++) {
            textbook->out[0].data[row * y->dim[1] + column] = column - row == k;
        }
    }
}

static int import_eye(struct op_import *node)
{
    struct eye_options options = {node->integer(node->reader, "k", 0), FOV_DTYPE_COUNT};
    if (node->has(node->reader, "dtype")) {
        options.dtype = (int)op_dtype_of_onnx(node->integer(node->reader, "dtype", 0));
        if (options.dtype == FOV_DTYPE_COUNT) {
            return node->fail(node->reader, FOV_E_UNSUPPORTED, "EyeLike's dtype is not supported");
        }
    }
    return index_import_node(node, "eye_like", node->in, node->in_count, &options);
}

static int export_eye(struct op_export *node)
{
    const struct eye_options *options = node->options;
    node->begin(node->writer, "EyeLike", NULL);
    node->input(node->writer, 0);
    node->attribute_integer(node->writer, "k", options->k);
    if (options->dtype != FOV_DTYPE_COUNT) {
        node->attribute_integer(node->writer, "dtype", op_onnx_type((fov_dtype)options->dtype));
    }
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "EyeLike", .since = 9, .import = import_eye, .export = export_eye};

static const struct eye_options above = {1, FOV_DTYPE_COUNT}, below = {-2, FOV_I32};
static const struct op_case cases[] = {
    {.name = "square", .in = {{2, {3, 3}}}, .in_count = 1},
    {.name = "above", .in = {{2, {3, 5}}}, .in_dtype = {FOV_I64}, .in_count = 1, .options = &above},
    {.name = "below", .in = {{2, {4, 3}}}, .in_count = 1, .options = &below},
    {0},
};

const struct op op_eye_like = {
    .name = "eye_like",
    .family = OP_SHAPE,
    .summary = "Ones on a diagonal of a matrix as large as another.",
    .formula = "y[i, j] = 1 where j - i = k, else 0",
    .in = (const struct op_port[]){{.name = "x", .shape = "[rows, columns]", .shape_only = true}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[rows, columns]"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct eye_options),
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
