/* SPDX-License-Identifier: MIT */
/* ConstantOfShape: a tensor filled with one value, of a shape given as an input. */
#include "op/index.h"

struct constant_options {
    double value;
    int    dtype;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct constant_options, value), .kind = OP_NUMBER, .doc = "of every element"},
    {OP_ATTRIBUTE(struct constant_options, dtype), .kind = OP_CHOICE, .choices = index_dtypes,
     .doc = "element type of the result"},
    {0},
};

static int infer(const struct op_infer *infer)
{
    struct index_values values;
    int status = index_values_infer(infer, 0, &values);
    if (status != FOV_OK) {
        return status;
    }
    if (values.count > FOV_MAX_RANK || infer->in[0].shape.rank != 1) {
        return error_set(infer->error, FOV_E_SHAPE, "shape must be a list of at most %d dimensions", FOV_MAX_RANK);
    }
    fov_shape y = {.rank = values.count};
    for (int d = 0; d < y.rank; d++) {
        y.dim[d] = op_size_value(values.at[d]);
        if (y.dim[d] < 0 && !(d == 0 && values.at[d] == OP_OPEN_BATCH)) {
            return error_set(infer->error, FOV_E_SHAPE, "shape's dimension %d is %g", d, values.at[d]);
        }
    }
    infer->out[0].shape = y;
    infer->out[0].dtype = (fov_dtype)((const struct constant_options *)infer->options)->dtype;
    return FOV_OK;
}

static void textbook(const struct op_textbook *textbook)
{
    size_t count = op_count(&textbook->out[0].shape);
    for (size_t i = 0; i < count; i++) {
        textbook->out[0].data[i] = ((const struct constant_options *)textbook->options)->value;
    }
}

static int import_constant(struct op_import *node)
{
    struct constant_options options = {0, FOV_F32};
    fov_shape shape;
    fov_dtype dtype;
    const double *value = node->tensor(node->reader, "value", &dtype, &shape);
    if (value != NULL) {
        if (op_count(&shape) != 1) {
            return node->fail(node->reader, FOV_E_INPUT, "ConstantOfShape's value has %zu elements, it must have 1",
                              op_count(&shape));
        }
        options = (struct constant_options){value[0], (int)dtype};
    }
    return index_import_node(node, "constant_of_shape", node->in, node->in_count, &options);
}

static int export_constant(struct op_export *node)
{
    const struct constant_options *options = node->options;
    node->begin(node->writer, "ConstantOfShape", NULL);
    node->input(node->writer, 0);
    node->attribute_tensor(node->writer, "value", (fov_dtype)options->dtype, options->value);
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {
    .type = "ConstantOfShape", .since = 9, .import = import_constant, .export = export_constant};

static void fill(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    (void)key;
    for (size_t i = 0; i < count; i++) {
        data[i] = (double)(3 - i % 3);
    }
}

static const struct constant_options whole = {7, FOV_I64}, half = {0.5, FOV_F32}, yes = {1, FOV_BOOL};
static const struct op_case cases[] = {
    {.name = "zeros", .in = {{1, {3}}}, .in_dtype = {FOV_I64}, .in_count = 1, .fill = fill},
    {.name = "integers", .in = {{1, {2}}}, .in_dtype = {FOV_I64}, .in_count = 1, .options = &whole, .fill = fill},
    {.name = "numbers", .in = {{1, {4}}}, .in_dtype = {FOV_I64}, .in_count = 1, .options = &half, .fill = fill},
    {.name = "scalar", .in = {{1, {0}}}, .in_dtype = {FOV_I64}, .in_count = 1, .options = &yes, .fill = fill},
    {0},
};

const struct op op_constant_of_shape = {
    .name = "constant_of_shape",
    .family = OP_SHAPE,
    .summary = "A tensor of one value, of a given shape.",
    .formula = "y[i] = value",
    .in = (const struct op_port[]){{.name = "shape", .shape = "[rank]", .plain = true, .values = true}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[shape]"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct constant_options),
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
