/* SPDX-License-Identifier: MIT */
/* GatherND: each row of the indices names a slice of x by its first coordinates; and its gradient, which adds up what
 * comes back to each slice. */
#include "op/forward.h"
#include "op/index.h"

#include <string.h>

struct gather_nd_options {
    int64_t batch_dims;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct gather_nd_options, batch_dims), .onnx = "batch_dims", .kind = OP_INTEGER, .minimum = 0,
     .maximum = FOV_MAX_RANK - 1, .doc = "leading dimensions that x and indices share"},
    {0},
};

static int infer_gather(const struct op_infer *infer)
{
    const struct gather_nd_options *options = infer->options;
    const fov_shape *x = &infer->in[0].shape, *indices = &infer->in[1].shape;
    char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
    int shared = (int)options->batch_dims;
    bool fits = indices->rank > shared && indices->dim[indices->rank - 1] >= 1 &&
                indices->dim[indices->rank - 1] <= x->rank - shared;
    for (int d = 0; fits && d < shared; d++) {
        fits = x->dim[d] == indices->dim[d] || x->dim[d] < 0 || indices->dim[d] < 0;
    }
    int named = fits ? (int)indices->dim[indices->rank - 1] : 0;
    fov_shape y = {.rank = indices->rank - 1 + x->rank - shared - named};
    if (!fits || y.rank > FOV_MAX_RANK) {
        return error_set(infer->error, FOV_E_SHAPE,
                         "indices %s do not name slices of x %s with %d shared dimensions: their last dimension is the "
                         "number of coordinates",
                         shape_text(indices, a), shape_text(x, b), shared);
    }
    if (!op_is_integer(infer->in[1].dtype)) {
        return error_set(infer->error, FOV_E_USAGE, "indices are %s, they must be whole numbers",
                         fov_dtype_name(infer->in[1].dtype));
    }
    for (int d = 0; d < y.rank; d++) {
        y.dim[d] = d < indices->rank - 1 ? indices->dim[d] : x->dim[d - (indices->rank - 1) + shared + named];
        if (d > 0 && y.dim[d] < 0) {
            return error_set(infer->error, FOV_E_UNSUPPORTED, "the open batch would become dimension %d", d);
        }
    }
    infer->out[0].shape = y;
    return index_check_known(infer, shared, named);
}

static int infer_gradient(const struct op_infer *infer)
{
    infer->out[0].shape = infer->in[2].shape;
    return op_check_result(infer, 0, infer_gather, (const int[]){2, 1}, 2);
}

static void gather_gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit3(gradient->emitter, "gather_nd_gradient", gradient->out_gradient[0],
                                            gradient->in[1], gradient->in[0], gradient->options);
    }
}

static void gradient_gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "gather_nd", gradient->out_gradient[0], gradient->in[1],
                                            gradient->options);
    }
}

/** Rows of indices, coordinates in each, elements of a slice, rows that share their batch coordinates. */
struct extent {
    size_t rows, coordinates, slice, rows_per_batch;
    int    shared;
};
static struct extent extent_of(const void *options, const fov_shape *x, const fov_shape *indices)
{
    int shared = (int)((const struct gather_nd_options *)options)->batch_dims, last = indices->rank - 1;
    size_t coordinates = (size_t)indices->dim[last];
    return (struct extent){shape_span(indices, 0, last), coordinates, shape_span(x, shared + (int)coordinates, x->rank),
                           shape_span(indices, shared, last), shared};
}

/* Extends a slice's number by one more coordinate, of a dimension of `size`. SIZE_MAX: a coordinate is outside x. */
static size_t step_in(size_t begin, int64_t index, int64_t size)
{
    index += index < 0 ? size : 0;
    return begin == SIZE_MAX || index < 0 || index >= size ? SIZE_MAX : begin * (size_t)size + (size_t)index;
}

static size_t slice_of(const struct extent *e, const fov_shape *x, const double *indices, size_t row)
{
    size_t begin = row / e->rows_per_batch;
    for (size_t c = 0; c < e->coordinates; c++) {
        begin = step_in(begin, index_clamp(indices[row * e->coordinates + c]), x->dim[e->shared + (int)c]);
    }
    return begin;
}

static void gather_textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *x = &textbook->in[0], *indices = &textbook->in[1], *y = &textbook->out[0];
    struct extent e = extent_of(textbook->options, &x->shape, &indices->shape);
    for (size_t row = 0; row < e.rows; row++) {
        size_t from = slice_of(&e, &x->shape, indices->data, row);
        for (size_t i = 0; from != SIZE_MAX && i < e.slice; i++) {
            y->data[row * e.slice + i] = x->data[from * e.slice + i];
        }
    }
}

static void gradient_textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *dy = &textbook->in[0], *indices = &textbook->in[1], *dx = &textbook->out[0];
    struct extent e = extent_of(textbook->options, &dx->shape, &indices->shape);
    for (size_t row = 0; row < e.rows; row++) {
        size_t to = slice_of(&e, &dx->shape, indices->data, row);
        for (size_t i = 0; to != SIZE_MAX && i < e.slice; i++) {
            dx->data[to * e.slice + i] += dy->data[row * e.slice + i];
        }
    }
}

/* ---- on the CPU: any dtype, exactly ------------------------------------------------------------------------------ */

static void run_gather(const struct op_run *run)
{
    const fov_shape *x = &run->in[0].shape;
    struct extent e = extent_of(run->options, x, &run->in[1].shape);
    size_t bytes = e.slice * fov_dtype_size(run->in[0].dtype);
    for (size_t row = 0; row < e.rows; row++) {
        size_t from = row / e.rows_per_batch;
        for (size_t c = 0; c < e.coordinates; c++) {
            from = step_in(from, index_load(&run->in[1], row * e.coordinates + c), x->dim[e.shared + (int)c]);
        }
        char *to = (char *)run->out[0].data + row * bytes;
        if (from == SIZE_MAX) {
            memset(to, 0, bytes);
        } else {
            memcpy(to, (const char *)run->in[0].data + from * bytes, bytes);
        }
    }
}

static int compile_gather(struct op_compile *compile)
{
    compile->run = run_gather;
    return FOV_OK;
}

static const struct op_cpu gather_cpu = {.layout = OP_WANTS_PLAIN, .supports = op_any_dtype, .compile = compile_gather};

static const struct op_onnx onnx = {.type = "GatherND", .since = 11};

static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; index == 1 && i < count; i++) {
        data[i] = (double)random_below(key, i, 4) - 2;
    }
}

static const struct gather_nd_options batched = {1};
static const struct op_case cases[] = {
    {.name = "elements", .in = {{2, {3, 2}}, {2, {4, 2}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2, .fill = fill},
    {.name = "slices", .in = {{3, {2, 3, 4}}, {3, {2, 2, 2}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2,
     .fill = fill},
    {.name = "by sample", .in = {{3, {3, 2, 4}}, {3, {3, 2, 1}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2,
     .options = &batched, .fill = fill},
    {0},
};
static const struct op_case gradient_cases[] = {
    {.name = "slices", .in = {{3, {2, 2, 4}}, {3, {2, 2, 2}}, {3, {2, 3, 4}}}, .in_dtype = {FOV_F32, FOV_I64, FOV_F32},
     .in_count = 3, .fill = fill},
    {0},
};

const struct op op_gather_nd = {
    .name = "gather_nd",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "Slices named by their first coordinates.",
    .formula = "y[i, ...] = x[indices[i, 0], indices[i, 1], ..., ...]",
    .in = (const struct op_port[]){{.name = "x", .shape = "[...]"},
                                   {.name = "indices", .shape = "[rows, coordinates]", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[rows, rest of x]"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct gather_nd_options),
    .infer = infer_gather,
    .gradient = gather_gradient,
    .textbook = gather_textbook,
    .cpu = &gather_cpu,
    .onnx = &onnx,
    .cases = cases,
};

const struct op op_gather_nd_gradient = {
    .name = "gather_nd_gradient",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Gradient of gather_nd: what comes back to each slice, added up.",
    .formula = "dx[j, ...] = sum over i with indices[i] = j of dy[i, ...]",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[rows, rest of x]"},
                                   {.name = "indices", .shape = "[rows, coordinates]", .plain = true},
                                   {.name = "like", .shape = "[...]: the result's shape", .shape_only = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as like"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct gather_nd_options),
    .infer = infer_gradient,
    .gradient = gradient_gradient,
    .textbook = gradient_textbook,
    .cases = gradient_cases,
};
