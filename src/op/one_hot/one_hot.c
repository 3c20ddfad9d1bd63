/* SPDX-License-Identifier: MIT */
/* OneHot: each index becomes a line that is on in one place and off elsewhere; an index outside the line leaves it
 * off. */
#include "op/index.h"

#include <math.h>

enum { INDICES, DEPTH, VALUES };

struct one_hot_options {
    int64_t axis;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct one_hot_options, axis), .onnx = "axis", .kind = OP_INTEGER, .standard = -1,
     .minimum = -FOV_MAX_RANK, .maximum = FOV_MAX_RANK - 1, .doc = "place of the new dimension; from the end if < 0"},
    {0},
};

static int infer(const struct op_infer *infer)
{
    const struct one_hot_options *options = infer->options;
    const fov_shape *indices = &infer->in[INDICES].shape, *values = &infer->in[VALUES].shape;
    struct index_values depth;
    fov_shape y = {.rank = indices->rank + 1};
    int axis, status = index_values_infer(infer, DEPTH, &depth);
    if (status != FOV_OK) {
        return status;
    }
    if (depth.count != 1 || !(depth.at[0] >= 0 && depth.at[0] < 0x1p40) || y.rank > FOV_MAX_RANK) {
        return error_set(infer->error, FOV_E_SHAPE, "depth is %g, and the result would have rank %d",
                         depth.count > 0 ? depth.at[0] : 0.0, y.rank);
    }
    if (values->rank != 1 || values->dim[0] != 2) {
        return error_set(infer->error, FOV_E_SHAPE, "values must be two numbers, off and on");
    }
    status = shape_axis(&y, options->axis, &axis, infer->error);
    for (int d = 0; status == FOV_OK && d < y.rank; d++) {
        y.dim[d] = d < axis ? indices->dim[d] : d == axis ? (int64_t)depth.at[0] : indices->dim[d - 1];
        if (d > 0 && y.dim[d] < 0) {
            return error_set(infer->error, FOV_E_UNSUPPORTED, "the open batch would become dimension %d", d);
        }
    }
    infer->out[0].dtype = infer->in[VALUES].dtype;
    infer->out[0].shape = y;
    return status;
}

/* Of `values`: dy summed over the places that are off, and over those that are on. */
static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value dy = gradient->out_gradient[0];
    if (!gradient->wanted[VALUES]) {
        return;
    }
    fov_shape one = {1, {1}};
    fov_value like = op_emit_reshape(emitter, op_emit_scalar(emitter, dy, 0), &one); /* a vector of one element */
    fov_value off_on[] = {like, op_emit_reshape(emitter, op_emit_scalar(emitter, dy, 1), &one)};
    int64_t first = 0;
    fov_value mask = op_emit3(emitter, "one_hot", gradient->in[INDICES], gradient->in[DEPTH],
                              op_emit(emitter, "concat", off_on, 2, &first), gradient->options);
    fov_value all = op_emit2(emitter, "sum_to", dy, like, NULL);
    fov_value on = op_emit2(emitter, "sum_to", op_emit2(emitter, "mul", dy, mask, NULL), like, NULL);
    fov_value parts[] = {op_emit2(emitter, "sub", all, on, NULL), on};
    gradient->in_gradient[VALUES] = op_emit(emitter, "concat", parts, 2, &first);
}

static void textbook(const struct op_textbook *textbook)
{
    const struct one_hot_options *options = textbook->options;
    const struct op_textbook_tensor *y = &textbook->out[0];
    const double *values = textbook->in[VALUES].data;
    int axis = index_axis(options->axis, y->shape.rank);
    size_t inner = shape_span(&y->shape, axis + 1, y->shape.rank), depth = (size_t)y->shape.dim[axis];
    size_t outer = shape_span(&y->shape, 0, axis);
    for (size_t o = 0; o < outer; o++) {
        for (size_t k = 0; k < depth; k++) {
            for (size_t i = 0; i < inner; i++) {
                double index = trunc(textbook->in[INDICES].data[o * inner + i]);
                index += index < 0 ? (double)depth : 0;
                y->data[(o * depth + k) * inner + i] = index == (double)k ? values[1] : values[0];
            }
        }
    }
}

static const struct op_onnx onnx = {.type = "OneHot", .since = 9};

static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; index != VALUES && i < count; i++) {
        data[i] = index == DEPTH ? 4 : (double)random_below(key, i, 10) - 5; /* some outside */
    }
}

static const struct one_hot_options first = {0}, second = {1};
static const struct op_case cases[] = {
    {.name = "labels",
     .in = {{1, {5}}, {0, {0}}, {1, {2}}},
     .in_dtype = {FOV_I64, FOV_I64, FOV_F32},
     .in_count = 3,
     .fill = fill},
    {.name = "first axis",
     .in = {{2, {3, 4}}, {1, {1}}, {1, {2}}},
     .in_dtype = {FOV_I32, FOV_I64, FOV_F32},
     .in_count = 3,
     .options = &first,
     .fill = fill},
    {.name = "maps of classes",
     .in = {{3, {2, 3, 4}}, {0, {0}}, {1, {2}}},
     .in_dtype = {FOV_I64, FOV_I64, FOV_I32},
     .integers = 5,
     .in_count = 3,
     .options = &second,
     .fill = fill},
    {0},
};

const struct op op_one_hot = {
    .name = "one_hot",
    .family = OP_SHAPE,
    .summary = "Numbers as lines that are on in one place.",
    .formula = "y[..., k, ...] = values[1] where indices[...] = k, else values[0]",
    .in = (const struct op_port[]){{.name = "indices", .shape = "[any]", .plain = true},
                                   {.name = "depth", .shape = "[]", .plain = true, .values = true},
                                   {.name = "values", .shape = "[2]: off, on", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[any with depth put in]"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct one_hot_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
