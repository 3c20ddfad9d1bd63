/* SPDX-License-Identifier: MIT */
/* Reverses sequences of different lengths in one tensor, each within its own length; elements after its end stay.
 * Reversing twice changes nothing, so the gradient is the operator itself. */
#include "op/index.h"

struct reverse_options {
    int64_t batch_axis, time_axis;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct reverse_options, batch_axis), .onnx = "batch_axis", .kind = OP_INTEGER, .standard = 1,
     .minimum = 0, .maximum = 1, .doc = "the axis of sequences, 0 or 1"},
    {OP_ATTRIBUTE(struct reverse_options, time_axis), .onnx = "time_axis", .kind = OP_INTEGER, .standard = 0,
     .minimum = 0, .maximum = 1, .doc = "the axis of steps, the other one"},
    {0},
};

static int infer(const struct op_infer *infer)
{
    const struct reverse_options *options = infer->options;
    const fov_shape *x = &infer->in[0].shape, *lengths = &infer->in[1].shape;
    char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
    if (options->batch_axis == options->time_axis) {
        return error_set(infer->error, FOV_E_USAGE, "batch_axis and time_axis are both %lld",
                         (long long)options->batch_axis);
    }
    if (!op_is_integer(infer->in[1].dtype)) {
        return error_set(infer->error, FOV_E_USAGE, "lengths are %s, they must be whole numbers",
                         fov_dtype_name(infer->in[1].dtype));
    }
    int64_t samples = x->rank >= 2 ? x->dim[options->batch_axis] : 0;
    if (x->rank < 2 || lengths->rank != 1 || (samples >= 0 && lengths->dim[0] >= 0 && lengths->dim[0] != samples)) {
        return error_set(infer->error, FOV_E_SHAPE, "lengths %s must be one number for each sequence of x %s",
                         shape_text(lengths, a), shape_text(x, b));
    }
    return FOV_OK;
}

static void gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "reverse_sequence", gradient->out_gradient[0],
                                            gradient->in[1], gradient->options);
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const struct reverse_options *options = textbook->options;
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0];
    size_t count = op_count(&x->shape);
    for (size_t i = 0; i < count; i++) {
        int64_t at[FOV_MAX_RANK];
        index_coordinates(&x->shape, i, at);
        int64_t steps = x->shape.dim[options->time_axis], step = at[options->time_axis];
        double given = textbook->in[1].data[at[options->batch_axis]];
        int64_t length = !(given > 0) ? 0 : given < (double)steps ? (int64_t)given : steps;
        at[options->time_axis] = step < length ? length - 1 - step : step;
        y->data[i] = x->data[index_of(&x->shape, at)];
    }
}

static const struct op_onnx onnx = {.type = "ReverseSequence", .since = 10};

static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        data[i] = index == 0 ? (double)(float)random_normal(key, i) : (double)random_below(key, i, 6);
    }
}

static const struct reverse_options rows = {.batch_axis = 0, .time_axis = 1}, columns = {.batch_axis = 1};
static const struct op_case cases[] = {
    {.name = "rows",
     .options = &rows,
     .in = {{2, {4, 5}}, {1, {4}}},
     .in_dtype = {FOV_F32, FOV_I64},
     .in_count = 2,
     .fill = fill},
    {.name = "columns of vectors",
     .options = &columns,
     .in = {{3, {5, 3, 2}}, {1, {3}}},
     .in_dtype = {FOV_F32, FOV_I64},
     .in_count = 2,
     .fill = fill},
    {0},
};

const struct op op_reverse_sequence = {
    .name = "reverse_sequence",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "Turns sequences round, each within its own length.",
    .formula = "y[t, n] = x[length[n] - 1 - t, n] for t < length[n], else x[t, n]",
    .in = (const struct op_port[]){{.name = "x", .shape = "[time, N, ...] or [N, time, ...]", .plain = true},
                                   {.name = "length", .shape = "[N]: whole numbers", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "as x", .plain = true}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct reverse_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
