/* SPDX-License-Identifier: MIT */
/* The gradient of broadcasting: sums over the dimensions that were repeated. Computed as a reduction: op/reduce.h. */
#include "op/reduce.h"

static const struct op_port in[] = {{.name = "x", .shape = "[...]"},
                                    {.name = "like", .shape = "[...]: broadcasts to x's shape; only its shape is read",
                                     .shape_only = true},
                                    {0}};
static const struct op_port out[] = {{.name = "y", .shape = "as like"}, {0}};

static int infer(const struct op_infer *infer)
{
    fov_shape both;
    int status = shape_broadcast(&infer->in[0].shape, &infer->in[1].shape, &both, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    if (!shape_fits(&both, &infer->in[0].shape)) {
        char x[SHAPE_TEXT_SIZE], like[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "x is %s, it cannot be summed to the larger shape %s",
                         shape_text(&infer->in[0].shape, x), shape_text(&infer->in[1].shape, like));
    }
    infer->out[0].shape = infer->in[1].shape;
    return FOV_OK;
}

/* The sum's gradient reaches every element that was summed. */
static void gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] =
            op_emit2(gradient->emitter, "broadcast_to", gradient->out_gradient[0], gradient->in[0], NULL);
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0];
    size_t count = op_count(&x->shape);
    for (size_t i = 0; i < count; i++) {
        y->data[op_broadcast_index(&x->shape, i, &y->shape)] += x->data[i];
    }
}

/* ---- on the CPU ------------------------------------------------------------------------------------------------ */

static void run(const struct op_run *run)
{
    reduction_run(run, run->state);
}

static int prepare(const struct op_compile *compile, void *memory)
{
    reduction_prepare(memory, REDUCE_SUM, &compile->in[0], &compile->out[0]);
    return FOV_OK;
}

static int compile(struct op_compile *compile)
{
    struct reduction reduction;
    prepare(compile, &reduction);
    compile->run = run;
    compile->prepare = prepare;
    return reduction_compile(compile, &reduction);
}

static bool supports(const void *options, const struct op_tensor *tensors, int count)
{
    (void)count;
    return op_all_f32(options, tensors, 1); /* of `like` only the shape is read */
}

static const struct op_cpu cpu = {
    .layout = OP_FOLLOWS, .layout_for = op_layout_for_broadcast, .supports = supports, .compile = compile};

static const struct op_case cases[] = {
    {.name = "to a scalar", .in = {{4, {2, 3, 4, 5}}, {0, {0}}}, .in_count = 2},
    {.name = "to a scalar, large", .in = {{2, {300, 701}}, {1, {1}}}, .in_count = 2, .no_gradient = true},
    {.name = "same shape", .in = {{2, {3, 5}}, {2, {3, 5}}}, .in_count = 2},
    {.name = "leading dimension dropped", .in = {{2, {3, 5}}, {1, {5}}}, .in_count = 2},
    {.name = "columns", .in = {{2, {7, 33}}, {2, {1, 33}}}, .in_count = 2},
    {.name = "rows", .in = {{2, {7, 33}}, {2, {7, 1}}}, .in_count = 2},
    {.name = "channels [C, 1, 1]", .in = {{4, {3, 5, 2, 4}}, {3, {5, 1, 1}}}, .in_count = 2},
    {.name = "channels [1, C, 1, 1]", .in = {{4, {1, 5, 3, 3}}, {4, {1, 5, 1, 1}}}, .in_count = 2},
    {.name = "pixels of each channel", .in = {{4, {3, 5, 2, 4}}, {4, {3, 5, 1, 1}}}, .in_count = 2},
    {.name = "channels of each pixel", .in = {{4, {2, 5, 3, 4}}, {4, {2, 1, 3, 4}}}, .in_count = 2},
    {.name = "channels, large", .in = {{4, {2, 33, 64, 65}}, {3, {33, 1, 1}}}, .in_count = 2, .no_gradient = true},
    {.name = "columns, large", .in = {{2, {700, 301}}, {1, {301}}}, .in_count = 2, .no_gradient = true},
    {.name = "middle axes", .in = {{5, {2, 3, 2, 3, 2}}, {5, {1, 3, 1, 3, 1}}}, .in_count = 2},
    {0},
};

const struct op op_sum_to = {
    .name = "sum_to",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Sums over the dimensions in which another tensor is 1 or missing.",
    .formula = "y[j] = sum of x[i] over all i that broadcasting like's shape maps to j",
    .in = in,
    .out = out,
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};
