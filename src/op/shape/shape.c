/* SPDX-License-Identifier: MIT */
/* Shape and size: a tensor's dimensions as numbers. Only the shape is read, so the results, and all that is computed
 * from them, are known before anything runs: the arithmetic around exported reshapes disappears that way. */
#include "op/index.h"

struct shape_options {
    int64_t start, end;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct shape_options, start), .onnx = "start", .kind = OP_INTEGER,
     .doc = "first dimension to tell; from the end if < 0"},
    {OP_ATTRIBUTE(struct shape_options, end), .kind = OP_INTEGER, .standard = FOV_MAX_RANK,
     .doc = "one behind the last; from the end if < 0"},
    {0},
};

/* Dimensions begin .. end - 1, clamped as slices are. */
static void range_of(const struct shape_options *options, int rank, int *begin, int *end)
{
    int64_t first = options->start + (options->start < 0 ? rank : 0),
            last = options->end + (options->end < 0 ? rank : 0);
    *begin = (int)(first < 0 ? 0 : first > rank ? rank : first);
    *end = (int)(last < *begin ? *begin : last > rank ? rank : last);
}

static int infer_shape(const struct op_infer *infer)
{
    int begin, end;
    range_of(infer->options, infer->in[0].shape.rank, &begin, &end);
    infer->out[0].dtype = FOV_I64;
    infer->out[0].shape = (fov_shape){1, {end - begin}};
    return FOV_OK;
}

static int infer_size(const struct op_infer *infer)
{
    infer->out[0].dtype = FOV_I64;
    infer->out[0].shape = (fov_shape){.rank = 0};
    return FOV_OK;
}

static void shape_textbook(const struct op_textbook *textbook)
{
    int begin, end;
    range_of(textbook->options, textbook->in[0].shape.rank, &begin, &end);
    for (int d = begin; d < end; d++) {
        textbook->out[0].data[d - begin] = (double)textbook->in[0].shape.dim[d];
    }
}

static void size_textbook(const struct op_textbook *textbook)
{
    double count = 1;
    for (int d = 0; d < textbook->in[0].shape.rank; d++) {
        count *= (double)textbook->in[0].shape.dim[d];
    }
    textbook->out[0].data[0] = count;
}

static int import_shape(struct op_import *node)
{
    struct shape_options options = {node->integer(node->reader, "start", 0),
                                    node->integer(node->reader, "end", FOV_MAX_RANK)};
    return index_import_node(node, "shape", node->in, node->in_count, &options);
}

static int export_shape(struct op_export *node)
{
    const struct shape_options *options = node->options;
    bool is_part = options->start != 0 || options->end < FOV_MAX_RANK;
    if (is_part && node->opset < 15) { /* start and end exist since opset 15: write all sizes, then a slice of them */
        int begin, end;
        range_of(options, node->in[0].shape.rank, &begin, &end);
        int64_t first = begin, behind = end < begin ? begin : end;
        const char *from = node->integers(node->writer, &first, 1, false);
        const char *to = node->integers(node->writer, &behind, 1, false);
        const char *all = op_export_step(node, "Shape", node->in_name(node->writer, 0), NULL, OP_EXPORT_FRESH);
        op_export_step(node, "Slice", all, from, 0);
        node->input_name(node->writer, to);
        return FOV_OK;
    }
    node->begin(node->writer, "Shape", NULL);
    node->input(node->writer, 0);
    if (options->start != 0) {
        node->attribute_integer(node->writer, "start", options->start);
    }
    if (options->end < FOV_MAX_RANK) {
        node->attribute_integer(node->writer, "end", options->end);
    }
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx shape_onnx = {.type = "Shape", .since = 1, .import = import_shape, .export = export_shape};
static const struct op_onnx size_onnx = {.type = "Size", .since = 1};

static const struct shape_options last_two = {-2, FOV_MAX_RANK}, first = {0, 1}, none = {3, -4}, beyond = {-10, 10};
static const struct op_case shape_cases[] = {
    {.name = "all", .in = {{4, {3, 2, 4, 5}}}, .in_count = 1},
    {.name = "last two", .in = {{4, {3, 2, 4, 5}}}, .in_count = 1, .options = &last_two},
    {.name = "first", .in = {{2, {3, 2}}}, .in_count = 1, .options = &first},
    {.name = "none", .in = {{4, {3, 2, 4, 5}}}, .in_count = 1, .options = &none},
    {.name = "beyond", .in = {{3, {3, 2, 4}}}, .in_count = 1, .options = &beyond},
    {.name = "scalar", .in = {{0, {0}}}, .in_count = 1},
    {0},
};
static const struct op_case size_cases[] = {
    {.name = "image", .in = {{4, {3, 2, 4, 5}}}, .in_count = 1},
    {.name = "scalar", .in = {{0, {0}}}, .in_count = 1},
    {0},
};

static const struct op_port in[] = {{.name = "x", .shape = "[...]", .shape_only = true}, {0}};

const struct op op_shape = {
    .name = "shape",
    .family = OP_SHAPE,
    .summary = "The dimensions of a tensor, as numbers.",
    .formula = "y[i] = dimension start + i of x",
    .in = in,
    .out = (const struct op_port[]){{.name = "y", .shape = "[end - start]"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct shape_options),
    .infer = infer_shape,
    .zero_gradient = true,
    .textbook = shape_textbook,
    .onnx = &shape_onnx,
    .cases = shape_cases,
};

const struct op op_size = {
    .name = "size",
    .family = OP_SHAPE,
    .summary = "How many elements a tensor has.",
    .formula = "y = product of the dimensions of x",
    .in = in,
    .out = (const struct op_port[]){{.name = "y", .shape = "[]"}, {0}},
    .infer = infer_size,
    .zero_gradient = true,
    .textbook = size_textbook,
    .onnx = &size_onnx,
    .cases = size_cases,
};
