/* SPDX-License-Identifier: MIT */
/* GatherElements: for each element of the indices, the element of x at the same coordinates, except along the axis,
 * where the index itself is the coordinate; and its gradient, which adds up what comes back to each element. The
 * gradient of top-k is made of it. */
#include "op/forward.h"
#include "op/index.h"

#include <string.h>

struct gather_elements_options {
    int64_t axis;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct gather_elements_options, axis), .onnx = "axis", .kind = OP_INTEGER, .minimum = -FOV_MAX_RANK,
     .maximum = FOV_MAX_RANK - 1, .doc = "dimension along which the indices count; from the end if < 0"},
    {0},
};

static int infer_gather(const struct op_infer *infer)
{
    const struct gather_elements_options *options = infer->options;
    int axis, status = shape_axis(&infer->in[0].shape, options->axis, &axis, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    infer->out[0].shape = infer->in[1].shape;
    return index_check_elements(infer, axis);
}

static int infer_gradient(const struct op_infer *infer)
{
    infer->out[0].shape = infer->in[2].shape;
    return op_check_result(infer, 0, infer_gather, (const int[]){2, 1}, 2);
}

static void gather_gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit3(gradient->emitter, "gather_elements_gradient", gradient->out_gradient[0],
                                            gradient->in[1], gradient->in[0], gradient->options);
    }
}

static void gradient_gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "gather_elements", gradient->out_gradient[0],
                                            gradient->in[1], gradient->options);
    }
}

/* Where in x the i-th picked element lies; SIZE_MAX when its index is outside the axis. */
static size_t place(const void *options, const fov_shape *picked, size_t i, int64_t index, const fov_shape *x)
{
    int axis = index_axis(((const struct gather_elements_options *)options)->axis, x->rank);
    int64_t at[FOV_MAX_RANK];
    index_coordinates(picked, i, at);
    at[axis] = index < 0 ? index + x->dim[axis] : index;
    return at[axis] >= 0 && at[axis] < x->dim[axis] ? index_of(x, at) : SIZE_MAX;
}

static void gather_textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *x = &textbook->in[0], *indices = &textbook->in[1], *y = &textbook->out[0];
    size_t count = op_count(&y->shape);
    for (size_t i = 0; i < count; i++) {
        size_t from = place(textbook->options, &y->shape, i, index_clamp(indices->data[i]), &x->shape);
        y->data[i] = from != SIZE_MAX ? x->data[from] : 0;
    }
}

static void gradient_textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *dy = &textbook->in[0], *indices = &textbook->in[1], *dx = &textbook->out[0];
    size_t count = op_count(&dy->shape);
    for (size_t i = 0; i < count; i++) {
        size_t to = place(textbook->options, &dy->shape, i, index_clamp(indices->data[i]), &dx->shape);
        if (to != SIZE_MAX) {
            dx->data[to] += dy->data[i];
        }
    }
}

/* ---- on the CPU: any dtype, exactly ------------------------------------------------------------------------------ */

static void gather_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct op_run *run = context;
    const fov_shape *y = &run->out[0].shape;
    size_t element = fov_dtype_size(run->in[0].dtype), begin = op_chunk_begin(chunk, OP_CHUNK);
    size_t end = begin + op_chunk_length(chunk, OP_CHUNK, op_count(y));
    for (size_t i = begin; i < end; i++) {
        size_t from = place(run->options, y, i, index_load(&run->in[1], i), &run->in[0].shape);
        char *to = (char *)run->out[0].data + i * element;
        if (from == SIZE_MAX) {
            memset(to, 0, element);
        } else {
            memcpy(to, (const char *)run->in[0].data + from * element, element);
        }
    }
}

static void run_gather(const struct op_run *run)
{
    pool_run(run->pool, gather_chunk, (void *)run, op_chunks(op_count(&run->out[0].shape), OP_CHUNK));
}

static int compile_gather(struct op_compile *compile)
{
    compile->run = run_gather;
    return FOV_OK;
}

static const struct op_cpu gather_cpu = {.layout = OP_WANTS_PLAIN, .supports = op_any_dtype, .compile = compile_gather};

static const struct op_onnx onnx = {.type = "GatherElements", .since = 11};

static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; index == 1 && i < count; i++) {
        data[i] = (double)random_below(key, i, 6) - 3;
    }
}

static const struct gather_elements_options channels = {1}, columns = {-1};
static const struct op_case cases[] = {
    {.name = "rows", .in = {{2, {3, 5}}, {2, {4, 5}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2, .fill = fill},
    {.name = "channels", .in = {{4, {3, 3, 2, 3}}, {4, {3, 2, 2, 3}}}, .in_dtype = {FOV_F32, FOV_I32}, .in_count = 2,
     .options = &channels, .fill = fill},
    {.name = "columns", .in = {{3, {3, 2, 4}}, {3, {2, 2, 1}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2,
     .options = &columns, .fill = fill},
    {0},
};
static const struct op_case gradient_cases[] = {
    {.name = "rows",
     .in = {{2, {4, 5}}, {2, {4, 5}}, {2, {3, 5}}},
     .in_dtype = {FOV_F32, FOV_I64, FOV_F32},
     .in_count = 3,
     .fill = fill},
    {0},
};

const struct op op_gather_elements = {
    .name = "gather_elements",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "Elements picked one by one along an axis.",
    .formula = "y[i, j, ...] = x[i, indices[i, j, ...], ...], the axis being the second here",
    .in = (const struct op_port[]){{.name = "x", .shape = "[...]"},
                                   {.name = "indices", .shape = "[of x's rank]", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "as indices"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct gather_elements_options),
    .infer = infer_gather,
    .gradient = gather_gradient,
    .textbook = gather_textbook,
    .cpu = &gather_cpu,
    .onnx = &onnx,
    .cases = cases,
};

const struct op op_gather_elements_gradient = {
    .name = "gather_elements_gradient",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Gradient of gather_elements: what comes back to each element, added up.",
    .formula = "dx[i, j, ...] = sum of dy[i, k, ...] over k with indices[i, k, ...] = j",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[of x's rank]"},
                                   {.name = "indices", .shape = "as dy", .plain = true},
                                   {.name = "like", .shape = "[...]: the result's shape", .shape_only = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as like"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct gather_elements_options),
    .infer = infer_gradient,
    .gradient = gradient_gradient,
    .textbook = gradient_textbook,
    .cases = gradient_cases,
};
