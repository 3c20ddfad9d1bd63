/* SPDX-License-Identifier: MIT */
/* Sum over all dimensions but the channels: the gradient of a bias that is added to every pixel of its channel.
 * sum_features.c does the same for dense layers. */
#include "op/sum_channels/sum_channels.h"

#include <string.h>

static int infer(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[0].shape;
    if (x->rank < 2 || x->dim[1] < 0) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "input %s must be [N, C, ...] with a known number of channels",
                         shape_text(x, text));
    }
    infer->out[0].shape = (fov_shape){1, {x->dim[1]}};
    return 0;
}

/* Every element of a channel gets the channel's gradient. */
static void gradient(struct op_gradient *gradient)
{
    const fov_shape *x = &gradient->in_tensor[0].shape;
    fov_shape column = {x->rank, {1, x->dim[1]}};
    for (int i = 2; i < x->rank; i++) {
        column.dim[i] = 1;
    }
    if (gradient->wanted[0]) {
        fov_value spread = op_emit_reshape(gradient->emitter, gradient->out_gradient[0], &column);
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "broadcast_to", spread, gradient->in[0], NULL);
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const fov_shape *x = &textbook->in[0].shape;
    size_t channels = (size_t)x->dim[1], pixels = shape_span(x, 2, x->rank), count = op_count(x);
    for (size_t i = 0; i < count; i++) {
        textbook->out[0].data[i / pixels % channels] += textbook->in[0].data[i];
    }
}

/** The gradient of max pooling puts each number back into its own channel and, where no window can lie in the padding
 *  alone, loses none. So the sum over the pooling's dy is the same, and has fewer terms: reads that instead. */
static bool absorb(struct op_substitution *node)
{
    struct op_producer pool;
    if (!node->producer(node->plan, node->in[0], &pool) || strcmp(pool.op->name, "max_pool_gradient") != 0 ||
        *(const int *)op_option(pool.op, pool.options, "auto_pad") != 0) {
        return false;
    }
    const struct op_list *pad = op_option(pool.op, pool.options, "pad");
    const struct op_list *kernel = op_option(pool.op, pool.options, "kernel");
    const struct op_list *dilation = op_option(pool.op, pool.options, "dilation");
    for (int i = 0; i < pad->count; i++) {
        int axis = kernel->count != 0 ? i % kernel->count : 0;
        if (pad->at[i] >= op_list_get(kernel, axis, 1) ||
            (pad->at[i] > 0 && op_list_get(dilation, axis, 1) != 1)) { /* dilated taps may all miss the image */
            return false;
        }
    }
    node->in[0] = pool.in[0];
    return true;
}

/** Channels-last, or batch-innermost where x is stored so. */
static enum op_layout_rule layout_for(const void *options, const struct op_tensor *in, int in_count)
{
    (void)options, (void)in_count;
    return in[0].layout == OP_BATCH_INNERMOST ? OP_WANTS_BATCH_INNERMOST : OP_WANTS_CHANNELS_LAST;
}

static const struct op_cpu cpu = {.layout_for = layout_for, .supports = op_all_f32, .compile = sum_columns_compile};

static const struct op_case cases[] = {
    {.name = "image", .in = {FOV_SHAPE(3, 5, 4, 7)}, .in_count = 1},
    {.name = "matrix", .in = {FOV_SHAPE(9, 17)}, .in_count = 1},
    {.name = "line", .in = {FOV_SHAPE(2, 33, 5)}, .in_count = 1},
    {.name = "volume", .in = {FOV_SHAPE(1, 3, 2, 3, 4)}, .in_count = 1},
    {.name = "one channel", .in = {FOV_SHAPE(2, 1, 3, 3)}, .in_count = 1},
    {.name = "several chunks", .in = {FOV_SHAPE(2, 3, 113, 97)}, .in_count = 1, .no_gradient = true},
    {0},
};

const struct op op_sum_channels = {
    .name = "sum_channels",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Sum over all but the channels: the gradient of a bias.",
    .formula = "y[c] = sum over n and pixels of x[n, c, pixel]",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, ...]"}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[C]", .plain = true}, {0}},
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .absorb = absorb,
    .cpu = &cpu,
    .cases = cases,
};
