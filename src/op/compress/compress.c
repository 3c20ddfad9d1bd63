/* SPDX-License-Identifier: MIT */
/* Compress: keeps the entries along an axis, or of the flattened tensor, where a condition holds; and its gradient. The
 * number of entries kept decides the result's shape, so the condition must be known at shape inference. */
#include "op/forward.h"
#include "op/index.h"

struct compress_options {
    bool    has_axis;
    int64_t axis;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct compress_options, has_axis), .kind = OP_FLAG, .doc = "picks along axis; else x is one line"},
    {OP_ATTRIBUTE(struct compress_options, axis), .kind = OP_INTEGER, .minimum = -FOV_MAX_RANK,
     .maximum = FOV_MAX_RANK - 1, .doc = "dimension to pick along; from the end if < 0"},
    {0},
};

/** x viewed as [outer][size][inner]. */
struct extent {
    size_t outer, size, inner;
};
static struct extent extent_of(const struct compress_options *options, const fov_shape *x)
{
    int axis = index_axis(options->axis, x->rank);
    return options->has_axis ? (struct extent){shape_span(x, 0, axis), (size_t)x->dim[axis],
                                               shape_span(x, axis + 1, x->rank)}
                             : (struct extent){1, op_count(x), 1};
}

static int infer_compress(const struct op_infer *infer)
{
    const struct compress_options *options = infer->options;
    const fov_shape *x = &infer->in[0].shape;
    struct index_values condition;
    size_t line;
    int axis = 0, status = index_values_infer(infer, 1, &condition);
    if (status == FOV_OK && options->has_axis) {
        status = shape_axis(x, options->axis, &axis, infer->error);
    }
    if (status != FOV_OK) {
        return status;
    }
    int64_t size = options->has_axis ? x->dim[axis] : -1, kept = 0;
    if (!options->has_axis && shape_count(x, &line)) {
        size = (int64_t)line;
    }
    if (size < 0) {
        return error_set(infer->error, FOV_E_UNSUPPORTED,
                         "what is picked from must have a known size, not the open batch");
    }
    if (condition.count > size || infer->in[1].shape.rank != 1) {
        return error_set(infer->error, FOV_E_SHAPE, "the condition is for %d entries, there are %lld", condition.count,
                         (long long)size);
    }
    for (int i = 0; i < condition.count; i++) {
        kept += condition.at[i] != 0;
    }
    if (options->has_axis) {
        infer->out[0].shape.dim[axis] = kept;
    } else {
        infer->out[0].shape = (fov_shape){1, {kept}};
    }
    return FOV_OK;
}

static int infer_gradient(const struct op_infer *infer)
{
    infer->out[0].shape = infer->in[2].shape;
    return op_check_result(infer, 0, infer_compress, (const int[]){2, 1}, 2);
}

static void compress_gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit3(gradient->emitter, "compress_gradient", gradient->out_gradient[0],
                                            gradient->in[1], gradient->in[0], gradient->options);
    }
}

static void gradient_gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "compress", gradient->out_gradient[0], gradient->in[1],
                                            gradient->options);
    }
}

static void compress_textbook(const struct op_textbook *textbook)
{
    const double *x = textbook->in[0].data, *condition = textbook->in[1].data;
    double *y = textbook->out[0].data;
    struct extent e = extent_of(textbook->options, &textbook->in[0].shape);
    size_t conditions = op_count(&textbook->in[1].shape);
    for (size_t o = 0; o < e.outer; o++) {
        for (size_t k = 0; k < conditions; k++) {
            for (size_t i = 0; condition[k] != 0 && i < e.inner; i++) {
                *y++ = x[(o * e.size + k) * e.inner + i];
            }
        }
    }
}

static void gradient_textbook(const struct op_textbook *textbook)
{
    const double *dy = textbook->in[0].data, *condition = textbook->in[1].data;
    double *dx = textbook->out[0].data; /* zero */
    struct extent e = extent_of(textbook->options, &textbook->out[0].shape);
    size_t conditions = op_count(&textbook->in[1].shape);
    for (size_t o = 0; o < e.outer; o++) {
        for (size_t k = 0; k < conditions; k++) {
            for (size_t i = 0; condition[k] != 0 && i < e.inner; i++) {
                dx[(o * e.size + k) * e.inner + i] = *dy++;
            }
        }
    }
}

static int import_compress(struct op_import *node)
{
    struct compress_options options = {node->has(node->reader, "axis"), 0};
    options.axis = options.has_axis ? node->integer(node->reader, "axis", 0) : 0;
    return index_import_node(node, "compress", node->in, node->in_count, &options);
}

static int export_compress(struct op_export *node)
{
    const struct compress_options *options = node->options;
    node->begin(node->writer, "Compress", NULL);
    node->input(node->writer, 0);
    node->input(node->writer, 1);
    if (options->has_axis) {
        node->attribute_integer(node->writer, "axis", options->axis);
    }
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {
    .type = "Compress", .since = 9, .import = import_compress, .export = export_compress};

static void fill(int index, double *data, size_t count, struct random_key key)
{
    (void)key;
    for (size_t i = 0; index == 1 && i < count; i++) {
        data[i] = i % 3 != 1;
    }
}

static const struct compress_options rows = {true, 0}, columns = {true, -1}, line = {false, 0};
static const struct op_case cases[] = {
    {.name = "rows",
     .in = {{2, {4, 3}}, {1, {4}}},
     .in_dtype = {FOV_F32, FOV_BOOL},
     .in_count = 2,
     .options = &rows,
     .fill = fill},
    {.name = "columns, a short condition",
     .in = {{3, {2, 3, 5}}, {1, {3}}},
     .in_dtype = {FOV_F32, FOV_BOOL},
     .in_count = 2,
     .options = &columns,
     .fill = fill},
    {.name = "one line",
     .in = {{2, {3, 3}}, {1, {7}}},
     .in_dtype = {FOV_F32, FOV_BOOL},
     .in_count = 2,
     .options = &line,
     .fill = fill},
    {0},
};
static const struct op_case gradient_cases[] = {
    {.name = "rows",
     .in = {{2, {3, 3}}, {1, {4}}, {2, {4, 3}}},
     .in_dtype = {FOV_F32, FOV_BOOL, FOV_F32},
     .in_count = 3,
     .options = &rows,
     .fill = fill},
    {0},
};

const struct op op_compress = {
    .name = "compress",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "The entries along an axis where a condition holds.",
    .formula = "y = x[..., i, ...] for all i with condition[i], in order",
    .in = (const struct op_port[]){{.name = "x", .shape = "[..., size, ...]"},
                                   {.name = "condition", .shape = "[at most size]", .plain = true, .values = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[..., kept, ...]"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct compress_options),
    .infer = infer_compress,
    .gradient = compress_gradient,
    .textbook = compress_textbook,
    .onnx = &onnx,
    .cases = cases,
};

const struct op op_compress_gradient = {
    .name = "compress_gradient",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Gradient of compress: what was kept, back at its place among zeros.",
    .formula = "dx[..., i, ...] = dy's next entry where condition[i], else 0",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[..., kept, ...]"},
                                   {.name = "condition", .shape = "[at most size]", .plain = true, .values = true},
                                   {.name = "like", .shape = "[..., size, ...]", .shape_only = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as like"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct compress_options),
    .infer = infer_gradient,
    .gradient = gradient_gradient,
    .textbook = gradient_textbook,
    .cases = gradient_cases,
};
