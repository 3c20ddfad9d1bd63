/* SPDX-License-Identifier: MIT */
/* Reshape: the same elements under another shape, at no cost: the result is the input's memory. The difficult part is
 * the shape rule, which must follow an open batch through the reshape. The shape is an option, or an input whose values
 * are known (ONNX exporters compute it from other shapes). */
#include "op/index.h"
#include "op/view.h"

#include <fovea/operators.h>
#include <string.h>

static const struct op_port in[]  = {
    {.name = "x", .shape = "[...]"},
    {.name = "shape", .shape = "[rank]: in place of the option", .optional = true, .plain = true, .values = true},
    {0}};
static const struct op_port out[] = {{.name = "y", .shape = "[shape]"}, {0}};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct reshape_options, shape), .kind = OP_LIST, .minimum = -1, .maximum = 1e15,
     .doc = "result's dimensions; one may be -1: what is left over; 0: the input's"},
    {OP_ATTRIBUTE(struct reshape_options, allow_zero), .onnx = "allowzero", .kind = OP_FLAG,
     .doc = "0 in shape means no elements"},
    {OP_ATTRIBUTE(struct reshape_options, scalar), .kind = OP_FLAG, .doc = "result has rank 0; shape is not given"},
    {0},
};

/* Product of the known dimensions, SIZE_MAX if it overflows; *unknown: how many dimensions are not known. */
static size_t known_product(const fov_shape *shape, int *unknown)
{
    size_t product = 1;
    *unknown = 0;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 0) {
            ++*unknown;
        } else if (!size_multiply(product, (size_t)shape->dim[i], &product)) {
            return SIZE_MAX;
        }
    }
    return product;
}

static int misfit(const struct op_infer *infer, const fov_shape *wanted)
{
    char x[SHAPE_TEXT_SIZE], y[SHAPE_TEXT_SIZE];
    return error_set(infer->error, FOV_E_SHAPE, "%s cannot be reshaped to %s: the elements do not come out even",
                     shape_text(&infer->in[0].shape, x), shape_text(wanted, y));
}

enum { SAMPLES = -2 }; /* among requested dimensions: x's open number of samples */

static int wanted_shape(const struct op_infer *infer, int64_t dim[FOV_MAX_RANK], int *rank)
{
    const struct reshape_options *options = infer->options;
    struct index_values values;
    int status = index_values_infer(infer, 1, &values);
    if (status != FOV_OK) {
        return status;
    }
    *rank = values.at != NULL ? values.count : options->scalar ? 0 : options->shape.count;
    if (*rank > FOV_MAX_RANK) {
        return error_set(infer->error, FOV_E_SHAPE, "shape has %d dimensions, at most %d are possible", *rank,
                         FOV_MAX_RANK);
    }
    for (int i = 0; i < *rank; i++) {
        dim[i] = values.at != NULL ? index_clamp(values.at[i]) : options->shape.at[i];
        if (dim[i] < -1) {
            return error_set(infer->error, FOV_E_SHAPE, "shape has a dimension of %lld", (long long)dim[i]);
        }
        if (values.at != NULL && values.at[i] == OP_OPEN_BATCH) {
            dim[i] = SAMPLES;
        }
    }
    return FOV_OK;
}

/* Let x have K known elements per unit of N (N = 1 where the batch is known). The wanted shape has P known elements,
   perhaps an N that a 0 copies from x, and perhaps one hole (-1). The hole is K / P where N stands elsewhere in the
   shape, and N where P = K; a multiple such as 2 N cannot be expressed in a graph. */
static int infer_shape(const struct op_infer *infer)
{
    const struct reshape_options *options = infer->options;
    const fov_shape *x = &infer->in[0].shape;
    fov_shape wanted = {.rank = 0};
    int status = wanted_shape(infer, wanted.dim, &wanted.rank);
    if (status != FOV_OK) {
        return status;
    }
    int hole = -1, copied = 0;
    for (int i = 0; i < wanted.rank; i++) {
        if (wanted.dim[i] == SAMPLES) {
            wanted.dim[i] = FOV_BATCH;
            copied++;
        } else if (wanted.dim[i] == 0 && !options->allow_zero) {
            if (i >= x->rank) {
                return error_set(infer->error, FOV_E_SHAPE, "shape keeps dimension %d, but x has only %d", i, x->rank);
            }
            wanted.dim[i] = x->dim[i];
            copied += x->dim[i] < 0;
        } else if (wanted.dim[i] == -1) {
            if (hole >= 0) {
                return error_set(infer->error, FOV_E_SHAPE, "shape leaves two dimensions open, %d and %d", hole, i);
            }
            hole = i;
        }
    }
    int unknown, open;
    size_t k = known_product(x, &unknown);
    if (unknown > 1) {
        return error_set(infer->error, FOV_E_UNSUPPORTED, "x has %d unknown dimensions, reshape can follow one",
                         unknown);
    }
    size_t p = known_product(&wanted, &open);

    if (hole >= 0) {
        if (unknown == copied) {
            if (p == 0 || k % p != 0) {
                return misfit(infer, &wanted);
            }
            wanted.dim[hole] = (int64_t)(k / p);
        } else if (p == k) {
            wanted.dim[hole] = FOV_BATCH;
        } else {
            char shape[SHAPE_TEXT_SIZE];
            return error_set(infer->error, p == 0 || (k % p != 0 && p % k != 0) ? FOV_E_SHAPE : FOV_E_UNSUPPORTED,
                             "%s has %zu elements per sample, the given dimensions %zu: only N itself can stay open",
                             shape_text(x, shape), k, p);
        }
    } else if (unknown == copied ? p != k : k == 0 || p % k != 0) {
        return misfit(infer, &wanted); /* where the shape has a number in N's place, the plan checks it for its N */
    }
    infer->out[0].shape = wanted;
    return FOV_OK;
}

/* ---- ONNX: the shape is an attribute before opset 5, then an input ----------------------------------------------- */

static int import_reshape(struct op_import *node)
{
    struct reshape_options options;
    memset(&options, 0, sizeof options);
    if (node->opset < 5) {
        if (!node->list(node->reader, "shape", &options.shape)) {
            return node->fail(node->reader, FOV_E_INPUT, "Reshape has no shape");
        }
        options.scalar = options.shape.count == 0;
        return index_import_node(node, "reshape", node->in, 1, &options);
    }
    options.allow_zero = node->integer(node->reader, "allowzero", 0) != 0;
    fov_shape shape;
    const double *values = node->in_count > 1 ? node->constant(node->reader, 1, &shape) : NULL;
    bool fits = values != NULL && shape.rank == 1 && shape.dim[0] <= FOV_MAX_RANK;
    for (int i = 0; fits && i < shape.dim[0]; i++) {
        fits = values[i] >= -1 && values[i] <= 1e15;
    }
    if (!fits) { /* computed in the graph, or wrong: then the shape rule reports it */
        return index_import_node(node, "reshape", node->in, node->in_count, &options);
    }
    options.shape.count = (int)shape.dim[0];
    options.scalar = shape.dim[0] == 0;
    for (int i = 0; i < options.shape.count; i++) {
        options.shape.at[i] = (int64_t)values[i];
    }
    return index_import_node(node, "reshape", node->in, 1, &options);
}

static int export_reshape(struct op_export *node)
{
    const struct reshape_options *options = node->options;
    bool has_input = node->in_count > 1 && node->in[1].shape.rank >= 0;
    const char *shape =
        has_input ? NULL : node->integers(node->writer, options->shape.at, options->shape.count, false);
    node->begin(node->writer, "Reshape", NULL);
    node->input(node->writer, 0);
    has_input ? node->input(node->writer, 1) : node->input_name(node->writer, shape);
    if (options->allow_zero) {
        node->attribute_integer(node->writer, "allowzero", 1);
    }
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Reshape", .since = 1, .import = import_reshape, .export = export_reshape};

fov_value fov_reshape(fov_graph *graph, fov_value x, fov_shape shape)
{
    struct reshape_options options;
    memset(&options, 0, sizeof options);
    if (shape.rank < 0 || shape.rank > FOV_MAX_RANK) {
        return fov_graph_fail(graph, fov_graph_node_name(graph, NULL, "reshape"), FOV_E_USAGE,
                              "the shape has rank %d, it must be 0 .. %d", shape.rank, FOV_MAX_RANK);
    }
    options.scalar = shape.rank == 0;
    options.shape.count = shape.rank;
    for (int i = 0; i < shape.rank; i++) {
        options.shape.at[i] = shape.dim[i];
    }
    return op_build(graph, "reshape", &x, 1, &options, NULL);
}

static const struct reshape_options merged = {.shape = {2, {3, -1}}}, split = {.shape = {3, {2, 3, -1}}},
                                    kept = {.shape = {2, {0, -1}}}, to_scalar = {.scalar = true},
                                    as_vector = {.shape = {1, {-1}}};

static void fill_shape(int index, double *data, size_t count, struct random_key key)
{
    (void)key;
    for (size_t i = 0; index == 1 && i < count; i++) {
        data[i] = i == 1 ? -1 : 2;
    }
}

static const struct op_case cases[] = {
    {.name = "shape as input", .in = {{3, {2, 4, 3}}, {1, {3}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2,
     .fill = fill_shape},
    {.name = "merge", .in = {{4, {3, 2, 2, 5}}}, .in_count = 1, .options = &merged},
    {.name = "split", .in = {{2, {2, 21}}}, .in_count = 1, .options = &split},
    {.name = "keep the first", .in = {{3, {1, 4, 3}}}, .in_count = 1, .options = &kept},
    {.name = "one element to a scalar", .in = {{2, {1, 1}}}, .in_count = 1, .options = &to_scalar},
    {.name = "scalar to a vector", .in = {{0, {0}}}, .in_count = 1, .options = &as_vector},
    {0},
};

const struct op op_reshape = {
    .name = "reshape",
    .family = OP_SHAPE,
    .summary = "The same elements under another shape.",
    .formula = "y[i] = x[i], i counting elements in plain order",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct reshape_options),
    .infer = infer_shape,
    .gradient = view_gradient,
    .textbook = view_textbook,
    .cpu = &view_cpu,
    .onnx = &onnx,
    .cases = cases,
    .view = true,
};
