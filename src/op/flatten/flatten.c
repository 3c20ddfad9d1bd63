/* SPDX-License-Identifier: MIT */
/* Flatten: images become rows, for the dense layers. It costs nothing: the result is the input's memory. */
#include "op/common.h"
#include "op/onnx.h"
#include "op/view.h"

#include <fovea/operators.h>

struct flatten_options {
    int64_t axis;
};

static const struct op_port in[]  = {{.name = "x", .shape = "[N, ...]"}, {0}};
static const struct op_port out[] = {{.name = "y", .shape = "[product before axis, product from axis on]"}, {0}};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct flatten_options, axis), .onnx = "axis", .kind = OP_INTEGER, .standard = 1,
     .minimum = -FOV_MAX_RANK, .maximum = FOV_MAX_RANK,
     .doc = "first dimension of the second group; from the end if < 0"},
    {0},
};

/* Product of dimensions from .. to - 1; an unknown batch stays unknown if nothing is merged with it. */
static int merge(const struct op_infer *infer, int from, int to, int64_t *result)
{
    const fov_shape *x = &infer->in[0].shape;
    size_t product = 1;
    int unknown = 0;
    for (int i = from; i < to; i++) {
        if (x->dim[i] < 0) {
            unknown++;
        } else if (!size_multiply(product, (size_t)x->dim[i], &product) || product > INT64_MAX) {
            return error_set(infer->error, FOV_E_SHAPE, "x has more elements than memory has addresses");
        }
    }
    if (unknown > 1 || (unknown == 1 && product != 1)) {
        char shape[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_UNSUPPORTED,
                         "x %s: the unknown batch would be merged with %zu other elements", shape_text(x, shape),
                         product);
    }
    *result = unknown == 1 ? FOV_BATCH : (int64_t)product;
    return FOV_OK;
}

static int infer(const struct op_infer *infer)
{
    const struct flatten_options *options = infer->options;
    int rank = infer->in[0].shape.rank;
    int64_t axis = options->axis < 0 ? options->axis + rank : options->axis;
    if (axis < 0 || axis > rank) {
        return error_set(infer->error, FOV_E_SHAPE, "axis %lld is outside x, which has %d dimensions",
                         (long long)options->axis, rank);
    }
    fov_shape *y = &infer->out[0].shape;
    int64_t before, behind;
    int status = merge(infer, 0, (int)axis, &before);
    status = status != FOV_OK ? status : merge(infer, (int)axis, rank, &behind);
    if (status == FOV_OK) {
        *y = (fov_shape){2, {before, behind}};
    }
    return status;
}

static const struct op_onnx onnx = {.type = "Flatten", .since = 1};

fov_value fov_flatten(fov_graph *graph, fov_value x)
{
    return op_build(graph, "flatten", &x, 1, NULL, NULL);
}

static const struct flatten_options all = {0}, third = {2}, last = {-1};

static const struct op_case cases[] = {
    {.name = "image, batch 1", .in = {{4, {1, 3, 2, 5}}}, .in_count = 1},
    {.name = "image, batch 3", .in = {{4, {3, 2, 5, 3}}}, .in_count = 1},
    {.name = "vector", .in = {{1, {7}}}, .in_count = 1},
    {.name = "axis 0", .in = {{3, {2, 3, 4}}}, .in_count = 1, .options = &all},
    {.name = "axis 2", .in = {{4, {2, 3, 2, 2}}}, .in_count = 1, .options = &third},
    {.name = "axis -1", .in = {{3, {2, 3, 4}}}, .in_count = 1, .options = &last},
    {0},
};

const struct op op_flatten = {
    .name = "flatten",
    .family = OP_SHAPE,
    .summary = "Merges dimensions to a matrix, one row per sample.",
    .formula = "y[n][i] = x[n, ...], i counting elements in plain order",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct flatten_options),
    .infer = infer,
    .gradient = view_gradient,
    .textbook = view_textbook,
    .cpu = &view_cpu,
    .onnx = &onnx,
    .cases = cases,
    .view = true,
};
