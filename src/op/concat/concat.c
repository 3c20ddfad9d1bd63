/* SPDX-License-Identifier: MIT */
/* Concat: joins tensors along an axis (Inception's branches, U-Net's skips). In either layout it is the same strided
 * copy: tensors are [outer][axis][inner], and for each outer index the inputs' [axis][inner] parts follow each other.
 * Elements are only copied: any dtype. */
#include "op/common.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <string.h>

struct concat_options {
    int64_t axis;
};

static const struct op_port in[] = {{.name = "x", .shape = "[..., a_i, ...]", .variadic = true}, {0}};
static const struct op_port out[] = {{.name = "y", .shape = "[..., sum of a_i, ...]"}, {0}};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct concat_options, axis), .onnx = "axis", .kind = OP_INTEGER, .standard = 1,
     .minimum = -FOV_MAX_RANK, .maximum = FOV_MAX_RANK - 1,
     .doc = "dimension that grows; 1 = channels; from the end if < 0"},
    {0},
};

static int64_t axis_of(const void *options)
{
    return ((const struct concat_options *)options)->axis;
}

/* The axis counted from the front, for shapes that infer has accepted. */
static int resolved_axis(const void *options, int rank)
{
    int64_t axis = axis_of(options);
    return (int)(axis < 0 ? axis + rank : axis);
}

static int infer(const struct op_infer *infer)
{
    int axis;
    fov_shape y = infer->in[0].shape;
    int status = shape_axis(&y, axis_of(infer->options), &axis, infer->error);
    for (int i = 1; status == FOV_OK && i < infer->in_count; i++) {
        const fov_shape *x = &infer->in[i].shape;
        fov_shape compared = *x;
        if (x->rank == y.rank) {
            compared.dim[axis] = y.dim[axis];
        }
        if (!shape_fits(&compared, &y)) {
            char first[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
            return error_set(infer->error, FOV_E_SHAPE,
                             "input 0 is %s and input %d is %s: all dimensions but %d must agree",
                             shape_text(&infer->in[0].shape, first), i, shape_text(x, other), axis);
        }
        if (infer->in[i].dtype != infer->in[0].dtype) {
            return error_set(infer->error, FOV_E_USAGE, "input 0 is %s and input %d is %s",
                             fov_dtype_name(infer->in[0].dtype), i, fov_dtype_name(infer->in[i].dtype));
        }
        if (x->dim[axis] < 0 || y.dim[axis] < 0) {
            return error_set(infer->error, FOV_E_UNSUPPORTED,
                             "the sizes along axis %d must be known, not the open batch", axis);
        }
        if (x->dim[axis] > INT64_MAX - y.dim[axis]) {
            return error_set(infer->error, FOV_E_SHAPE, "the joined dimension does not fit 63 bits");
        }
        for (int d = 0; d < y.rank; d++) {
            if (y.dim[d] < 0) {
                y.dim[d] = x->dim[d]; /* a dimension that is open in one input may be known from another */
            }
        }
        y.dim[axis] += x->dim[axis];
    }
    infer->out[0].shape = y;
    return status;
}

/* The gradient of each input is its slice of dy. */
static void gradient(struct op_gradient *gradient)
{
    int axis = resolved_axis(gradient->options, gradient->in_tensor[0].shape.rank);
    int64_t begin = 0;
    for (int i = 0; i < gradient->in_count; i++) {
        int64_t length = gradient->in_tensor[i].shape.dim[axis];
        if (gradient->in_count == 1) {
            gradient->in_gradient[0] = gradient->out_gradient[0];
        } else if (gradient->wanted[i]) {
            gradient->in_gradient[i] =
                op_emit_slice(gradient->emitter, gradient->out_gradient[0], axis, begin, length, 1);
        }
        begin += length;
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *y = &textbook->out[0];
    int axis = resolved_axis(textbook->options, y->shape.rank);
    size_t outer = shape_span(&y->shape, 0, axis), inner = shape_span(&y->shape, axis + 1, y->shape.rank);
    size_t size = (size_t)y->shape.dim[axis], begin = 0;
    for (int t = 0; t < textbook->in_count; t++) {
        const struct op_textbook_tensor *x = &textbook->in[t];
        size_t own = (size_t)x->shape.dim[axis];
        for (size_t o = 0; o < outer; o++) {
            for (size_t a = 0; a < own; a++) {
                for (size_t i = 0; i < inner; i++) {
                    y->data[(o * size + begin + a) * inner + i] = x->data[(o * own + a) * inner + i];
                }
            }
        }
        begin += own;
    }
}

/* ---- on the CPU ------------------------------------------------------------------------------------------------ */

struct state {
    size_t outer, rows_per_chunk, row_chunks;
    size_t stride;                /* bytes from row to row of y: a row is all elements of one outer index */
    size_t own[OP_MAX_PORTS];     /* bytes of a row of each input */
    size_t from[OP_MAX_PORTS];    /* bytes from row to row of each input */
    size_t begin[OP_MAX_PORTS];   /* byte in y's row at which the input's row begins */
};

struct work {
    const struct op_run *run;
};

static void copy_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct op_run *run = ((const struct work *)context)->run;
    const struct state *state = run->state;
    size_t t = chunk / state->row_chunks, block = chunk % state->row_chunks;
    size_t row = op_chunk_begin(block, state->rows_per_chunk);
    size_t end = row + op_chunk_length(block, state->rows_per_chunk, state->outer);
    const char *from = run->in[t].data;
    char *to = (char *)run->out[0].data + state->begin[t];
    for (; from != to && row < end; row++) { /* from == to: the producer has written it in place (as_concat) */
        memcpy(to + row * state->stride, from + row * state->from[t], state->own[t]);
    }
}

static void run(const struct op_run *run)
{
    const struct state *state = run->state;
    struct work work = {run};
    pool_run(run->pool, copy_chunk, &work, state->row_chunks * (size_t)run->in_count);
}

static int prepare(const struct op_compile *compile, void *memory)
{
    struct state *state = memory;
    int axis = resolved_axis(compile->options, compile->out[0].shape.rank);
    size_t inner;
    op_axis_split(&compile->out[0], axis, &state->outer, &inner);
    size_t size = fov_dtype_size(compile->out[0].dtype), bytes = 0;
    bool strided = axis == 1 && compile->out[0].layout == OP_CHANNELS_LAST; /* rows are pixels */
    for (int i = 0; i < compile->in_count; i++) {
        state->own[i] = (size_t)compile->in[i].shape.dim[axis] * inner * size;
        state->from[i] = strided ? op_pixel_stride(&compile->in[i]) * size : state->own[i];
        state->begin[i] = bytes;
        bytes += state->own[i];
    }
    state->stride = strided ? op_pixel_stride(&compile->out[0]) * size : bytes;
    state->rows_per_chunk = OP_CHUNK * sizeof(float) / (bytes + 1) + 1;
    state->row_chunks = op_chunks(state->outer, state->rows_per_chunk);
    return FOV_OK;
}

static int compile(struct op_compile *compile)
{
    compile->state = sizeof(struct state);
    compile->prepare = prepare;
    compile->run = run;
    return FOV_OK;
}

static const struct op_cpu cpu = {.layout = OP_FOLLOWS, .supports = op_any_dtype, .compile = compile};

/* Joins of channels can be written in place; prepare handles any pixel strides. */
static bool as_concat(const void *options, const struct op_tensor *parts, int count)
{
    return count > 0 && parts[0].shape.rank >= 2 && resolved_axis(options, parts[0].shape.rank) == 1;
}

static const struct op_onnx onnx = {.type = "Concat", .since = 4};

fov_value fov_concat(fov_graph *graph, const fov_value *values, int count, int axis)
{
    struct concat_options options = {axis};
    if (count < 1 || count > OP_MAX_PORTS || values == NULL) {
        return fov_graph_fail(graph, fov_graph_node_name(graph, NULL, "concat"), FOV_E_USAGE,
                              "%d tensors were given, it joins 1 .. %d", count, OP_MAX_PORTS);
    }
    return op_build(graph, "concat", values, count, &options, NULL);
}

static const struct concat_options first = {0}, last = {-1};

static const struct op_case cases[] = {
    {.name = "channels of three", .in = {{4, {3, 2, 4, 3}}, {4, {3, 5, 4, 3}}, {4, {3, 1, 4, 3}}}, .in_count = 3},
    {.name = "channels, batch 1", .in = {{4, {1, 3, 2, 2}}, {4, {1, 2, 2, 2}}}, .in_count = 2},
    {.name = "batch", .in = {{4, {1, 3, 2, 5}}, {4, {2, 3, 2, 5}}}, .in_count = 2, .options = &first},
    {.name = "last axis", .in = {{3, {2, 3, 4}}, {3, {2, 3, 1}}}, .in_count = 2, .options = &last},
    {.name = "matrices", .in = {{2, {3, 7}}, {2, {3, 4}}}, .in_count = 2},
    {.name = "large", .in = {{4, {3, 9, 40, 31}}, {4, {3, 5, 40, 31}}}, .in_count = 2, .no_gradient = true},
    {.name = "one", .in = {{2, {3, 7}}}, .in_count = 1},
    {0},
};

const struct op op_concat = {
    .name = "concat",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "Joins tensors along an axis.",
    .formula = "y = x_0, x_1, ... side by side",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct concat_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
    .as_concat = as_concat,
};
