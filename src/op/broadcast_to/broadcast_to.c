/* SPDX-License-Identifier: MIT */
/* Repeats a tensor along the dimensions in which it is 1 or missing: the gradient of sums. Elements are only copied, so
 * the code is the same for all dtypes. */
#include "op/common.h"

#include <string.h>

static const struct op_port in[] = {{.name = "x", .shape = "[...]"},
                                    {.name = "like", .shape = "[...]: only its shape is read", .shape_only = true},
                                    {0}};
static const struct op_port out[] = {{.name = "y", .shape = "as like"}, {0}};

static int infer(const struct op_infer *infer)
{
    fov_shape both;
    int status = shape_broadcast(&infer->in[0].shape, &infer->in[1].shape, &both, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    if (!shape_fits(&both, &infer->in[1].shape)) {
        char x[SHAPE_TEXT_SIZE], like[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "x is %s, it cannot be repeated to fill %s",
                         shape_text(&infer->in[0].shape, x), shape_text(&infer->in[1].shape, like));
    }
    infer->out[0].shape = infer->in[1].shape;
    return FOV_OK;
}

static void gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit_sum_to(gradient->emitter, gradient->out_gradient[0],
                                                  &gradient->out_tensor[0].shape, gradient->in[0],
                                                  &gradient->in_tensor[0].shape);
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0];
    size_t count = op_count(&y->shape);
    for (size_t i = 0; i < count; i++) {
        y->data[i] = x->data[op_broadcast_index(&y->shape, i, &x->shape)];
    }
}

struct state {
    struct op_walk walk; /* of x over y */
    size_t         rows, columns, stride, rows_per_chunk;
};

struct work {
    const struct state        *state;
    const struct kernel_table *kernel;
    const char                *x;
    char                      *y;
    size_t                     element; /* bytes */
};

static void run_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    const struct state *state = work->state;
    size_t element = work->element, row = op_chunk_begin(chunk, state->rows_per_chunk);
    size_t end = row + op_chunk_length(chunk, state->rows_per_chunk, state->rows);
    for (; row < end; row++) {
        const char *from = work->x + op_walk_offset(&state->walk, 0, state->walk.rank - 1, row) * element;
        char *to = work->y + row * state->columns * element;
        if (state->stride == 1) {
            memcpy(to, from, state->columns * element);
        } else if (element == sizeof(float) && state->stride == 0) {
            float value;
            memcpy(&value, from, sizeof value);
            work->kernel->fill(state->columns, value, (float *)(void *)to);
        } else {
            for (size_t i = 0; i < state->columns; i++) {
                memcpy(to + i * element, from + i * state->stride * element, element);
            }
        }
    }
}

static void run(const struct op_run *run)
{
    const struct state *state = run->state;
    struct work work = {state, run->kernel, run->in[0].data, run->out[0].data, fov_dtype_size(run->in[0].dtype)};
    pool_run(run->pool, run_chunk, &work, op_chunks(state->rows, state->rows_per_chunk));
}

static int prepare(const struct op_compile *compile, void *memory)
{
    struct state *state = memory;
    const struct op_tensor *tensors[] = {&compile->in[0]};
    op_walk_make(&state->walk, &compile->out[0], tensors, 1);
    int inner = state->walk.rank - 1;
    state->rows = op_walk_span(&state->walk, 0, inner);
    state->columns = state->walk.size[inner];
    state->stride = state->walk.stride[0][inner];
    state->rows_per_chunk = state->columns < OP_CHUNK ? OP_CHUNK / (state->columns + 1) + 1 : 1;
    return FOV_OK;
}

static int compile(struct op_compile *compile)
{
    compile->state = sizeof(struct state);
    compile->prepare = prepare;
    compile->run = run;
    return FOV_OK;
}

/* Where x is a vector and `like` an image, the result is channels-last, as images usually are. */
static enum op_layout_rule layout_for(const void *options, const struct op_tensor *tensors, int count)
{
    enum op_layout_rule rule = op_layout_for_broadcast(options, tensors, count);
    return rule == OP_FOLLOWS && op_is_vector(&tensors[0].shape) && tensors[1].shape.rank >= 3
               ? OP_WANTS_CHANNELS_LAST
               : rule;
}

static const struct op_cpu cpu = {
    .layout = OP_FOLLOWS, .layout_for = layout_for, .supports = op_any_dtype, .compile = compile};

static const struct op_case cases[] = {
    {.name = "scalar", .in = {{0, {0}}, {2, {3, 7}}}, .in_count = 2},
    {.name = "same shape", .in = {{2, {3, 5}}, {2, {3, 5}}}, .in_count = 2},
    {.name = "vector to rows", .in = {{1, {5}}, {2, {3, 5}}}, .in_count = 2},
    {.name = "column", .in = {{2, {3, 1}}, {2, {3, 5}}}, .in_count = 2},
    {.name = "channels", .in = {{3, {5, 1, 1}}, {4, {2, 5, 3, 4}}}, .in_count = 2},
    {.name = "pixels of each channel", .in = {{4, {3, 5, 1, 1}}, {4, {3, 5, 2, 4}}}, .in_count = 2},
    {.name = "scalar, large", .in = {{0, {0}}, {2, {7, 9001}}}, .in_count = 2, .no_gradient = true},
    {.name = "channels, large", .in = {{3, {33, 1, 1}}, {4, {2, 33, 32, 35}}}, .in_count = 2, .no_gradient = true},
    {.name = "middle axes", .in = {{5, {1, 3, 1, 3, 1}}, {5, {2, 3, 2, 3, 2}}}, .in_count = 2},
    {0},
};

const struct op op_broadcast_to = {
    .name = "broadcast_to",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Repeats a tensor to the shape of another.",
    .formula = "y[i] = x[j], j where broadcasting maps i to",
    .in = in,
    .out = out,
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};
