/* SPDX-License-Identifier: MIT */
/* Sum over all but the last axis: the gradient of a dense layer's bias. */
#include "op/sum_channels/sum_channels.h"

static int infer(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[0].shape;
    if (x->rank < 1 || x->dim[x->rank - 1] < 0) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "input %s must be [..., features] with a known number of features",
                         shape_text(x, text));
    }
    infer->out[0].shape = (fov_shape){1, {x->dim[x->rank - 1]}};
    return 0;
}

/* Broadcasting aligns the last axis, so no reshape is needed. */
static void gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] =
            op_emit2(gradient->emitter, "broadcast_to", gradient->out_gradient[0], gradient->in[0], NULL);
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const fov_shape *x = &textbook->in[0].shape;
    size_t features = (size_t)x->dim[x->rank - 1], count = op_count(x);
    for (size_t i = 0; i < count; i++) {
        textbook->out[0].data[i % features] += textbook->in[0].data[i];
    }
}

static const struct op_cpu cpu = {.layout = OP_WANTS_PLAIN, .supports = op_all_f32, .compile = sum_columns_compile};

static const struct op_case cases[] = {
    {.name = "matrix", .in = {FOV_SHAPE(9, 17)}, .in_count = 1},
    {.name = "rank 3", .in = {FOV_SHAPE(2, 3, 5)}, .in_count = 1},
    {.name = "vector", .in = {FOV_SHAPE(6)}, .in_count = 1},
    {.name = "several chunks", .in = {FOV_SHAPE(5000, 13)}, .in_count = 1, .no_gradient = true},
    {0},
};

const struct op op_sum_features = {
    .name = "sum_features",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Sum over all but the last axis: the gradient of a dense layer's bias.",
    .formula = "y[f] = sum over rows of x[row, f]",
    .in = (const struct op_port[]){{.name = "x", .shape = "[..., features]"}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[features]", .plain = true}, {0}},
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};
