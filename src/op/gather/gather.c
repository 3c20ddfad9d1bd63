/* SPDX-License-Identifier: MIT */
/* Gather: entries along an axis, picked by number; and its gradient, which adds what comes back to each entry. An index
 * outside the axis is the caller's fault; it reads zeros and its gradient is dropped. */
#include "op/forward.h"
#include "op/index.h"

#include <fovea/operators.h>
#include <string.h>

struct gather_options {
    int64_t axis;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct gather_options, axis), .onnx = "axis", .kind = OP_INTEGER, .minimum = -FOV_MAX_RANK,
     .maximum = FOV_MAX_RANK - 1, .doc = "dimension of x that is picked from; from the end if < 0"},
    {0},
};

static int infer_gather(const struct op_infer *infer)
{
    const struct gather_options *options = infer->options;
    const fov_shape *x = &infer->in[0].shape, *indices = &infer->in[1].shape;
    fov_shape y = {.rank = x->rank - 1 + indices->rank};
    int axis, status = shape_axis(x, options->axis, &axis, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    if (!op_is_integer(infer->in[1].dtype)) {
        return error_set(infer->error, FOV_E_USAGE, "indices are %s, they must be whole numbers",
                         fov_dtype_name(infer->in[1].dtype));
    }
    if (y.rank > FOV_MAX_RANK) {
        return error_set(infer->error, FOV_E_SHAPE, "the result would have %d dimensions, at most %d are possible",
                         y.rank, FOV_MAX_RANK);
    }
    for (int d = 0; d < y.rank; d++) {
        y.dim[d] = d < axis                   ? x->dim[d]
                   : d < axis + indices->rank ? indices->dim[d - axis]
                                              : x->dim[d - indices->rank + 1];
        if (d > 0 && y.dim[d] < 0) {
            return error_set(infer->error, FOV_E_UNSUPPORTED, "the open batch would become dimension %d", d);
        }
    }
    infer->out[0].shape = y;
    return index_check_known(infer, axis, 1);
}

static int infer_gradient(const struct op_infer *infer)
{
    infer->out[0].shape = infer->in[2].shape;
    return op_check_result(infer, 0, infer_gather, (const int[]){2, 1}, 2);
}

static void gather_gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit3(gradient->emitter, "gather_gradient", gradient->out_gradient[0],
                                            gradient->in[1], gradient->in[0], gradient->options);
    }
}

static void gradient_gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "gather", gradient->out_gradient[0], gradient->in[1],
                                            gradient->options);
    }
}

/** x as [outer][size][inner], the picked entries as [outer][count][inner]. */
struct extent {
    size_t outer, size, inner, count;
};
static struct extent extent_of(const void *options, const fov_shape *x, const fov_shape *indices)
{
    int axis = index_axis(((const struct gather_options *)options)->axis, x->rank);
    return (struct extent){shape_span(x, 0, axis), (size_t)x->dim[axis], shape_span(x, axis + 1, x->rank),
                           op_count(indices)};
}

/* An index counted from the front; SIZE_MAX: it is outside the axis. */
static size_t entry(int64_t index, size_t size)
{
    index += index < 0 ? (int64_t)size : 0;
    return index >= 0 && (size_t)index < size ? (size_t)index : SIZE_MAX;
}

static void gather_textbook(const struct op_textbook *textbook)
{
    const double *x = textbook->in[0].data, *indices = textbook->in[1].data;
    double *y = textbook->out[0].data; /* zeroed by the caller */
    struct extent e = extent_of(textbook->options, &textbook->in[0].shape, &textbook->in[1].shape);
    for (size_t o = 0; o < e.outer; o++) {
        for (size_t k = 0; k < e.count; k++) {
            size_t from = entry(index_clamp(indices[k]), e.size);
            for (size_t i = 0; from != SIZE_MAX && i < e.inner; i++) {
                y[(o * e.count + k) * e.inner + i] = x[(o * e.size + from) * e.inner + i];
            }
        }
    }
}

static void gradient_textbook(const struct op_textbook *textbook)
{
    const double *dy = textbook->in[0].data, *indices = textbook->in[1].data;
    double *dx = textbook->out[0].data; /* zeroed by the caller */
    struct extent e = extent_of(textbook->options, &textbook->out[0].shape, &textbook->in[1].shape);
    for (size_t o = 0; o < e.outer; o++) {
        for (size_t k = 0; k < e.count; k++) {
            size_t to = entry(index_clamp(indices[k]), e.size);
            for (size_t i = 0; to != SIZE_MAX && i < e.inner; i++) {
                dx[(o * e.size + to) * e.inner + i] += dy[(o * e.count + k) * e.inner + i];
            }
        }
    }
}

/* ---- on the CPU -------------------------------------------------------------------------------------------------- */

struct job {
    const struct op_run *run;
    struct extent        extent;
};

static void gather_row(void *context, size_t row, int worker)
{
    (void)worker;
    const struct job *job = context;
    const struct extent *e = &job->extent;
    size_t bytes = e->inner * fov_dtype_size(job->run->in[0].dtype);
    char *to = (char *)job->run->out[0].data + row * bytes;
    size_t from = entry(index_load(&job->run->in[1], row % e->count), e->size);
    if (from == SIZE_MAX) {
        memset(to, 0, bytes);
    } else {
        memcpy(to, (const char *)job->run->in[0].data + (row / e->count * e->size + from) * bytes, bytes);
    }
}

static void gather_rows(void *context, size_t chunk, int worker)
{
    const struct job *job = context;
    size_t rows = job->extent.outer * job->extent.count, per_chunk = OP_CHUNK / (job->extent.inner + 1) + 1;
    size_t row = op_chunk_begin(chunk, per_chunk), end = row + op_chunk_length(chunk, per_chunk, rows);
    for (; row < end; row++) {
        gather_row(context, row, worker);
    }
}

static void run_gather(const struct op_run *run)
{
    struct job job = {run, extent_of(run->options, &run->in[0].shape, &run->in[1].shape)};
    size_t per_chunk = OP_CHUNK / (job.extent.inner + 1) + 1;
    pool_run(run->pool, gather_rows, &job, op_chunks(job.extent.outer * job.extent.count, per_chunk));
}

/* One outer index per call, its picks in order: the sums do not depend on threads. */
static void scatter_outer(void *context, size_t outer, int worker)
{
    (void)worker;
    const struct job *job = context;
    const struct extent *e = &job->extent;
    const float *dy = (const float *)job->run->in[0].data + outer * e->count * e->inner;
    float *dx = (float *)job->run->out[0].data + outer * e->size * e->inner;
    memset(dx, 0, e->size * e->inner * sizeof *dx);
    for (size_t k = 0; k < e->count; k++) {
        size_t to = entry(index_load(&job->run->in[1], k), e->size);
        for (size_t i = 0; to != SIZE_MAX && i < e->inner; i++) {
            dx[to * e->inner + i] += dy[k * e->inner + i];
        }
    }
}

static void run_gradient(const struct op_run *run)
{
    struct job job = {run, extent_of(run->options, &run->out[0].shape, &run->in[1].shape)};
    pool_run(run->pool, scatter_outer, &job, job.extent.outer);
}

static int compile_gather(struct op_compile *compile)
{
    compile->run = run_gather;
    return FOV_OK;
}

static int compile_gradient(struct op_compile *compile)
{
    compile->run = run_gradient;
    return FOV_OK;
}

static bool gradient_supports(const void *options, const struct op_tensor *in, int in_count)
{
    (void)options;
    (void)in_count;
    return in[0].dtype == FOV_F32;
}

static const struct op_cpu gather_cpu = {.layout = OP_WANTS_PLAIN, .supports = op_any_dtype, .compile = compile_gather};
static const struct op_cpu gradient_cpu = {
    .layout = OP_WANTS_PLAIN, .supports = gradient_supports, .compile = compile_gradient};

static const struct op_onnx onnx = {.type = "Gather", .since = 1};

fov_value fov_gather(fov_graph *graph, fov_value x, fov_value indices, int axis)
{
    struct gather_options options = {axis};
    fov_value in[] = {x, indices};
    return op_build(graph, "gather", in, 2, &options, NULL);
}

static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; index == 1 && i < count; i++) {
        data[i] = (double)random_below(key, i, 8) - 4; /* -4 .. 3: some from the end */
    }
}

static const struct gather_options channels = {1}, columns = {-1};
static const struct op_case cases[] = {
    {.name = "rows of a table", .in = {{2, {4, 5}}, {2, {2, 3}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2,
     .fill = fill},
    {.name = "channels", .in = {{4, {3, 4, 2, 3}}, {1, {6}}}, .in_dtype = {FOV_F32, FOV_I32}, .in_count = 2,
     .options = &channels, .fill = fill},
    {.name = "a column", .in = {{3, {3, 2, 4}}, {0, {0}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2,
     .options = &columns, .fill = fill},
    {.name = "integers", .in = {{2, {4, 5}}, {1, {3}}}, .in_dtype = {FOV_I64, FOV_I64}, .integers = 50, .in_count = 2,
     .fill = fill},
    {.name = "many", .in = {{2, {4, 300}}, {1, {130}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2, .fill = fill,
     .no_gradient = true},
    {0},
};
static const struct op_case gradient_cases[] = {
    {.name = "rows of a table",
     .in = {{3, {2, 3, 5}}, {2, {2, 3}}, {2, {4, 5}}},
     .in_dtype = {FOV_F32, FOV_I64, FOV_F32},
     .in_count = 3,
     .fill = fill},
    {.name = "channels",
     .in = {{4, {3, 6, 2, 3}}, {1, {6}}, {4, {3, 4, 2, 3}}},
     .in_dtype = {FOV_F32, FOV_I32, FOV_F32},
     .in_count = 3,
     .options = &channels,
     .fill = fill},
    {0},
};

const struct op op_gather = {
    .name = "gather",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "Entries along an axis, picked by number.",
    .formula = "y[..., i, ...] = x[..., indices[i], ...]",
    .in = (const struct op_port[]){{.name = "x", .shape = "[before, size, behind]"},
                                   {.name = "indices", .shape = "[any]", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[before, any, behind]"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct gather_options),
    .infer = infer_gather,
    .gradient = gather_gradient,
    .textbook = gather_textbook,
    .cpu = &gather_cpu,
    .onnx = &onnx,
    .cases = cases,
};

const struct op op_gather_gradient = {
    .name = "gather_gradient",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Gradient of gather: what comes back to each entry, added up.",
    .formula = "dx[..., j, ...] = sum over i with indices[i] = j of dy[..., i, ...]",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[before, any, behind]"},
                                   {.name = "indices", .shape = "[any]", .plain = true},
                                   {.name = "like", .shape = "[before, size, behind]", .shape_only = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as like"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct gather_options),
    .infer = infer_gradient,
    .gradient = gradient_gradient,
    .textbook = gradient_textbook,
    .cpu = &gradient_cpu,
    .cases = gradient_cases,
};
