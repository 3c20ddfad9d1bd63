/* SPDX-License-Identifier: MIT */
/* The index of the extreme along an axis, for arg_max and arg_min. */
#include "op/arg.h"

#include <math.h>

const struct op_port arg_in[] = {{.name = "x", .shape = "[...]"}, {0}};
const struct op_port arg_out[] = {{.name = "index", .shape = "i64, as x, but 1 (or nothing) along the axis"}, {0}};

const struct op_attribute arg_attributes[] = {
    {OP_ATTRIBUTE(struct arg_options, axis), .onnx = "axis", .kind = OP_INTEGER, .minimum = -FOV_MAX_RANK,
     .maximum = FOV_MAX_RANK - 1, .doc = "along which is searched, from the end if < 0"},
    {OP_ATTRIBUTE(struct arg_options, keep_dims), .onnx = "keepdims", .kind = OP_FLAG, .standard = 1,
     .doc = "the axis stays, with size 1"},
    {OP_ATTRIBUTE(struct arg_options, select_last_index), .onnx = "select_last_index", .kind = OP_FLAG,
     .doc = "the last of equals, not the first"},
    {0},
};

int arg_infer(const struct op_infer *infer)
{
    const struct arg_options *options = infer->options;
    const fov_shape *x = &infer->in[0].shape;
    int axis;
    int status = shape_axis(x, options->axis, &axis, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    if (x->dim[axis] == 0) {
        return error_set(infer->error, FOV_E_SHAPE, "axis %d has no elements to choose from", axis);
    }
    fov_shape y = {.rank = 0};
    for (int i = 0; i < x->rank; i++) {
        if (i != axis || options->keep_dims) {
            y.dim[y.rank++] = i == axis ? 1 : x->dim[i];
        }
    }
    infer->out[0].dtype = FOV_I64;
    infer->out[0].shape = y;
    return FOV_OK;
}

static bool is_better(double candidate, double best, bool last)
{
    if (isnan(best)) {
        return last && isnan(candidate);
    }
    return isnan(candidate) || candidate > best || (last && candidate == best);
}

void arg_textbook(const struct op_textbook *textbook, double sign)
{
    const struct arg_options *options = textbook->options;
    const struct op_textbook_tensor *x = &textbook->in[0];
    int axis = (int)(options->axis < 0 ? options->axis + x->shape.rank : options->axis);
    size_t length = (size_t)x->shape.dim[axis], inner = shape_span(&x->shape, axis + 1, x->shape.rank);
    size_t lines = shape_span(&x->shape, 0, axis) * inner;
    for (size_t line = 0; line < lines; line++) {
        const double *first = x->data + line / inner * length * inner + line % inner;
        size_t best = 0;
        for (size_t k = 1; k < length; k++) {
            if (is_better(sign * first[k * inner], sign * first[best * inner], options->select_last_index)) {
                best = k;
            }
        }
        textbook->out[0].data[line] = (double)best; /* lines are numbered [outer][inner], which is y's plain order */
    }
}

/* Few values, so that some are equal. */
static void fill_ties(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = (double)random_below(key, i, 4) - 1;
    }
}

static const struct arg_options rows = {.axis = 1, .keep_dims = true}, rows_dropped = {.axis = -1},
                                last = {.axis = 1, .select_last_index = true}, samples = {.axis = 0};

const struct op_case arg_cases[] = {
    {.name = "first axis", .in = {{2, {5, 9}}}, .in_count = 1, .fill = fill_ties},
    {.name = "vector", .in = {{1, {37}}}, .in_count = 1, .options = &samples},
    {.name = "rows", .in = {{2, {5, 9}}}, .in_count = 1, .options = &rows, .fill = fill_ties},
    {.name = "rows, dropped", .in = {{2, {5, 9}}}, .in_count = 1, .options = &rows_dropped},
    {.name = "last of equals", .in = {{2, {5, 9}}}, .in_count = 1, .options = &last, .fill = fill_ties},
    {.name = "channels of an image", .in = {{4, {2, 5, 3, 4}}}, .in_count = 1, .options = &rows},
    {.name = "channels, dropped", .in = {{4, {2, 5, 3, 4}}}, .in_count = 1, .options = &last, .fill = fill_ties},
    {.name = "integers", .in = {{2, {5, 9}}}, .in_dtype = {FOV_I32}, .in_count = 1, .integers = 4, .options = &rows},
    {0},
};
