/* SPDX-License-Identifier: MIT */
/* NonZero: where a tensor is not zero. Their number decides the result's shape, so x must be known when shapes are
 * inferred. */
#include "op/index.h"

static int infer(const struct op_infer *infer)
{
    struct index_values x;
    int64_t count = 0;
    int status = index_values_infer(infer, 0, &x);
    for (int i = 0; status == FOV_OK && i < x.count; i++) {
        count += x.at[i] != 0;
    }
    infer->out[0].dtype = FOV_I64;
    infer->out[0].shape = (fov_shape){2, {infer->in[0].shape.rank, count}};
    return status;
}

static void textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0];
    size_t count = op_count(&x->shape), found = 0, all = (size_t)y->shape.dim[1];
    for (size_t i = 0; i < count; i++) {
        int64_t at[FOV_MAX_RANK];
        if (x->data[i] == 0) {
            continue;
        }
        index_coordinates(&x->shape, i, at);
        for (int d = 0; d < x->shape.rank; d++) {
            y->data[(size_t)d * all + found] = (double)at[d];
        }
        found++;
    }
}

static const struct op_onnx onnx = {.type = "NonZero", .since = 9};

static void fill(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = (double)random_below(key, i, 3) - 1;
    }
}

static const struct op_case cases[] = {
    {.name = "matrix", .in = {{2, {3, 4}}}, .in_count = 1, .fill = fill},
    {.name = "line of flags", .in = {{1, {6}}}, .in_dtype = {FOV_BOOL}, .in_count = 1, .fill = fill},
    {.name = "scalar", .in = {{0, {0}}}, .in_dtype = {FOV_I64}, .in_count = 1, .fill = fill},
    {0},
};

const struct op op_non_zero = {
    .name = "non_zero",
    .family = OP_SHAPE,
    .summary = "Where a tensor is not zero.",
    .formula = "y[:, j] = coordinates of the j-th element of x that is not 0",
    .in = (const struct op_port[]){{.name = "x", .shape = "[...]", .plain = true, .values = true}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[rank, places]"}, {0}},
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
