/* SPDX-License-Identifier: MIT */
/* Range: numbers from start towards limit in steps of delta. */
#include "op/index.h"

#include <math.h>

enum { START, LIMIT, DELTA };

static int infer(const struct op_infer *infer)
{
    struct index_values value[3];
    for (int i = START; i <= DELTA; i++) {
        int status = index_values_infer(infer, i, &value[i]);
        if (status != FOV_OK) {
            return status;
        }
        if (value[i].count != 1) {
            return error_set(infer->error, FOV_E_SHAPE, "start, limit and delta must be one number each");
        }
    }
    double start = value[START].at[0], limit = value[LIMIT].at[0], delta = value[DELTA].at[0];
    if (delta == 0 || isnan(start) || isnan(limit) || isnan(delta)) {
        return error_set(infer->error, FOV_E_USAGE, "a range from %g to %g in steps of %g has no end", start, limit,
                         delta);
    }
    double count = ceil((limit - start) / delta);
    if (limit == OP_OPEN_BATCH && start == 0 && delta == 1) {
        count = FOV_BATCH;
    } else if (start == OP_OPEN_BATCH || limit == OP_OPEN_BATCH || delta == OP_OPEN_BATCH || !(count <= 0x1p40)) {
        return error_set(infer->error, FOV_E_UNSUPPORTED, "a range from %g to %g in steps of %g is too long or open",
                         start, limit, delta);
    } else {
        count = count > 0 ? count : 0;
    }
    infer->out[0].dtype = infer->in[START].dtype;
    infer->out[0].shape = (fov_shape){1, {(int64_t)count}};
    return FOV_OK;
}

static void textbook(const struct op_textbook *textbook)
{
    size_t count = op_count(&textbook->out[0].shape);
    for (size_t i = 0; i < count; i++) {
        textbook->out[0].data[i] = textbook->in[START].data[0] + (double)i * textbook->in[DELTA].data[0];
    }
}

static const struct op_onnx onnx = {.type = "Range", .since = 11};

static void fill_up(int index, double *data, size_t count, struct random_key key)
{
    static const double values[] = {1, 8, 2};
    (void)key;
    for (size_t i = 0; i < count; i++) {
        data[i] = values[index];
    }
}

static void fill_down(int index, double *data, size_t count, struct random_key key)
{
    static const double values[] = {10, 4, -2};
    (void)key;
    for (size_t i = 0; i < count; i++) {
        data[i] = values[index];
    }
}

static void fill_none(int index, double *data, size_t count, struct random_key key)
{
    static const double values[] = {4, 1, 1};
    (void)key;
    for (size_t i = 0; i < count; i++) {
        data[i] = values[index];
    }
}

static const struct op_case cases[] = {
    {.name = "numbers", .in = {{0, {0}}, {0, {0}}, {0, {0}}}, .in_count = 3, .fill = fill_up},
    {.name = "integers, down", .in = {{0, {0}}, {0, {0}}, {0, {0}}}, .in_dtype = {FOV_I64, FOV_I64, FOV_I64},
     .in_count = 3, .fill = fill_down},
    {.name = "nothing", .in = {{0, {0}}, {0, {0}}, {0, {0}}}, .in_dtype = {FOV_I32, FOV_I32, FOV_I32}, .in_count = 3,
     .fill = fill_none},
    {0},
};

const struct op op_range = {
    .name = "range",
    .family = OP_SHAPE,
    .summary = "Numbers from start towards limit.",
    .formula = "y[i] = start + i delta, i < (limit - start) / delta",
    .in = (const struct op_port[]){{.name = "start", .shape = "[]", .plain = true, .values = true},
                                   {.name = "limit", .shape = "[]", .plain = true, .values = true},
                                   {.name = "delta", .shape = "[]", .plain = true, .values = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[(limit - start) / delta]"}, {0}},
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
