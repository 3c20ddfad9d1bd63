/* SPDX-License-Identifier: MIT */
/* Chooses between two tensors, element by element; condition and both tensors broadcast. Elements are only copied, so
 * one implementation serves all types. */
#include "op/common.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <string.h>

static const struct op_port in[] = {{.name = "condition", .shape = "bool [...]"},
                                    {.name = "a", .shape = "[...]"},
                                    {.name = "b", .shape = "[...]"},
                                    {0}};
static const struct op_port out[] = {{.name = "y", .shape = "[...]: all three broadcast"}, {0}};

static int infer(const struct op_infer *infer)
{
    fov_shape both;
    int status = op_check_same_dtype(infer, 2, "b", 1, "a");
    if (status == FOV_OK && infer->in[0].dtype != FOV_BOOL) {
        status = error_set(infer->error, FOV_E_USAGE, "condition is %s, it must be bool",
                           fov_dtype_name(infer->in[0].dtype));
    }
    infer->out[0].dtype = infer->in[1].dtype;
    status = status != FOV_OK ? status
                              : shape_broadcast(&infer->in[1].shape, &infer->in[2].shape, &both, infer->error);
    return status != FOV_OK
               ? status
               : shape_broadcast(&infer->in[0].shape, &both, &infer->out[0].shape, infer->error);
}

static void textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *in_tensors = textbook->in, *y = &textbook->out[0];
    size_t count = op_count(&y->shape);
    for (size_t i = 0; i < count; i++) {
        bool chosen = in_tensors[0].data[op_broadcast_index(&y->shape, i, &in_tensors[0].shape)] != 0;
        const struct op_textbook_tensor *from = chosen ? &in_tensors[1] : &in_tensors[2];
        y->data[i] = from->data[op_broadcast_index(&y->shape, i, &from->shape)];
    }
}

/* The gradient goes to the tensor that was chosen. */
static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value dy = gradient->out_gradient[0], zero = op_emit_scalar(emitter, dy, 0);
    for (int i = 1; i < 3; i++) {
        if (gradient->wanted[i]) {
            fov_value flow = op_emit3(emitter, "where", gradient->in[0], i == 1 ? dy : zero, i == 1 ? zero : dy, NULL);
            gradient->in_gradient[i] = op_emit_sum_to(emitter, flow, &gradient->out_tensor[0].shape, gradient->in[i],
                                                      &gradient->in_tensor[i].shape);
        }
    }
}

/* ---- on the CPU ------------------------------------------------------------------------------------------------ */

struct state {
    struct op_walk walk; /* strides of the three inputs along y */
};

struct work {
    const struct state *state;
    const unsigned char *condition;
    const char          *a, *b;
    char                *y;
    size_t               element, columns, count;
};

/* Computes a chunk of y's elements, a piece of a row at a time. */
static void run_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    const struct op_walk *walk = &work->state->walk;
    int inner = walk->rank - 1;
    size_t i = op_chunk_begin(chunk, OP_CHUNK), end = i + op_chunk_length(chunk, OP_CHUNK, work->count);
    while (i < end) {
        size_t row = i / work->columns, column = i % work->columns;
        size_t stop = end - i < work->columns - column ? end - i : work->columns - column;
        size_t at[3], step[3];
        for (int t = 0; t < 3; t++) {
            step[t] = walk->stride[t][inner];
            at[t] = op_walk_offset(walk, t, inner, row) + column * step[t];
        }
        for (size_t k = 0; k < stop; k++) {
            const char *from = work->condition[at[0] + k * step[0]] != 0
                                   ? work->a + (at[1] + k * step[1]) * work->element
                                   : work->b + (at[2] + k * step[2]) * work->element;
            if (work->element == sizeof(float)) {
                memcpy(work->y + (i + k) * sizeof(float), from, sizeof(float)); /* one move */
            } else {
                memcpy(work->y + (i + k) * work->element, from, work->element);
            }
        }
        i += stop;
    }
}

static void run(const struct op_run *run)
{
    const struct state *state = run->state;
    struct work work = {.state = state,
                        .condition = run->in[0].data,
                        .a = run->in[1].data,
                        .b = run->in[2].data,
                        .y = run->out[0].data,
                        .element = fov_dtype_size(run->out[0].dtype),
                        .columns = state->walk.size[state->walk.rank - 1],
                        .count = op_count(&run->out[0].shape)};
    pool_run(run->pool, run_chunk, &work, op_chunks(work.count, OP_CHUNK));
}

static int prepare(const struct op_compile *compile, void *memory)
{
    struct state *state = memory;
    const struct op_tensor *tensors[] = {&compile->in[0], &compile->in[1], &compile->in[2]};
    op_walk_make(&state->walk, &compile->out[0], tensors, 3);
    return FOV_OK;
}

static int compile(struct op_compile *compile)
{
    compile->state = sizeof(struct state);
    compile->prepare = prepare;
    compile->run = run;
    return FOV_OK;
}

static const struct op_cpu cpu = {
    .layout = OP_FOLLOWS, .layout_for = op_layout_for_broadcast, .supports = op_any_dtype, .compile = compile};

static const struct op_onnx onnx = {.type = "Where", .since = 9};

fov_value fov_where(fov_graph *graph, fov_value condition, fov_value a, fov_value b)
{
    fov_value three[] = {condition, a, b};
    return op_build(graph, "where", three, 3, NULL, NULL);
}

static const struct op_case cases[] = {
    {.name = "vectors", .in = {{1, {37}}, {1, {37}}, {1, {37}}}, .in_dtype = {FOV_BOOL}, .in_count = 3},
    {.name = "scalars", .in = {{2, {3, 5}}, {0, {0}}, {0, {0}}}, .in_dtype = {FOV_BOOL}, .in_count = 3},
    {.name = "images", .in = {{4, {2, 3, 2, 5}}, {4, {2, 3, 2, 5}}, {4, {2, 3, 2, 5}}}, .in_dtype = {FOV_BOOL},
     .in_count = 3},
    {.name = "mask of pixels", .in = {{4, {2, 1, 2, 5}}, {4, {2, 3, 2, 5}}, {0, {0}}}, .in_dtype = {FOV_BOOL},
     .in_count = 3},
    {.name = "channels", .in = {{4, {2, 3, 2, 5}}, {3, {3, 1, 1}}, {4, {2, 3, 2, 5}}}, .in_dtype = {FOV_BOOL},
     .in_count = 3},
    {.name = "all ways", .in = {{2, {5, 1}}, {3, {2, 1, 1}}, {2, {1, 9}}}, .in_dtype = {FOV_BOOL}, .in_count = 3},
    {.name = "integers", .in = {{2, {5, 9}}, {1, {9}}, {2, {5, 1}}}, .in_dtype = {FOV_BOOL, FOV_I64, FOV_I64},
     .in_count = 3, .integers = 9},
    {.name = "several chunks", .in = {{2, {3, 12001}}, {1, {12001}}, {2, {3, 12001}}}, .in_dtype = {FOV_BOOL},
     .in_count = 3, .no_gradient = true},
    {0},
};

const struct op op_where = {
    .name = "where",
    .family = OP_ELEMENTWISE,
    .exact = true,
    .summary = "Chooses from two tensors, element by element.",
    .formula = "y = a where condition, else b",
    .in = in,
    .out = out,
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
