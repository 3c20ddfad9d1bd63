/* SPDX-License-Identifier: MIT */
/* Crops or pads axes to given sizes around their middle: an axis that is too long is cut at both ends, one that is too
 * short gets zeros at both. If the difference is odd, the end is cut or padded by one more. Cropping back a padded axis
 * takes the same elements, so the gradient is the operator itself, with x's sizes. */
#include "op/index.h"

enum { X, SIZES };

struct crop_options {
    struct op_list axes;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct crop_options, axes), .onnx = "axes", .kind = OP_LIST, .minimum = -FOV_MAX_RANK,
     .maximum = FOV_MAX_RANK - 1, .doc = "which axes the sizes are for; from the end if < 0; none: all"},
    {0},
};

/** The axis that sizes[i] is for. */
static int axis_of(const struct crop_options *options, int i, int rank)
{
    return index_axis(options->axes.count > 0 ? options->axes.at[i] : i, rank);
}

static int infer(const struct op_infer *infer)
{
    const struct crop_options *options = infer->options;
    const fov_shape *x = &infer->in[X].shape;
    struct index_values sizes;
    bool chosen[FOV_MAX_RANK];
    int count, status = index_values_infer(infer, SIZES, &sizes);
    struct index_values none = {.at = NULL};
    status = status != FOV_OK ? status
                              : index_axes(&none, &options->axes, x->rank, chosen, &count, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    count = count > 0 ? count : x->rank;
    if (sizes.count != count || infer->in[SIZES].shape.rank != 1) {
        return error_set(infer->error, FOV_E_SHAPE, "there are %d sizes for %d axes", sizes.count, count);
    }
    for (int i = 0; i < count; i++) {
        int axis = axis_of(options, i, x->rank);
        int64_t size = op_size_value(sizes.at[i]);
        if (size < 0 && size != x->dim[axis]) { /* an open batch may keep its unknown size */
            return error_set(infer->error, FOV_E_SHAPE, "axis %d cannot have size %.0f", axis, sizes.at[i]);
        }
        if (x->dim[axis] < 0 && size >= 0) {
            return error_set(infer->error, FOV_E_UNSUPPORTED, "axis %d is the open batch, which cannot be cut", axis);
        }
        infer->out[0].shape.dim[axis] = size;
    }
    return FOV_OK;
}

static void gradient(struct op_gradient *gradient)
{
    const struct crop_options *options = gradient->options;
    const struct op_emitter *emitter = gradient->emitter;
    if (!gradient->wanted[X]) {
        return;
    }
    fov_value sizes = op_emit1(emitter, "shape", gradient->in[X], NULL);
    if (options->axes.count > 0) {
        sizes = op_emit2(emitter, "gather", sizes, index_constant(emitter, options->axes.at, options->axes.count),
                         NULL);
    }
    gradient->in_gradient[X] =
        op_emit2(emitter, "center_crop_pad", gradient->out_gradient[0], sizes, gradient->options);
}

/** Along an axis, y[to + i] = x[from + i] for i < length. */
struct part {
    int64_t from, to, length;
};

static struct part part_of(int64_t x, int64_t y)
{
    return (struct part){x > y ? (x - y) / 2 : 0, y > x ? (y - x) / 2 : 0, x < y ? x : y};
}

static void textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *x = &textbook->in[X], *y = &textbook->out[0];
    size_t count = op_count(&y->shape);
    for (size_t i = 0; i < count; i++) {
        int64_t at[FOV_MAX_RANK];
        bool inside = true;
        index_coordinates(&y->shape, i, at);
        for (int d = 0; d < x->shape.rank; d++) {
            struct part part = part_of(x->shape.dim[d], y->shape.dim[d]);
            inside = inside && at[d] >= part.to && at[d] < part.to + part.length;
            at[d] += part.from - part.to;
        }
        y->data[i] = inside ? x->data[index_of(&x->shape, at)] : 0;
    }
}

/* Fills y with zeros if any axis is padded, then copies the middle as one block. */
static void run(const struct op_run *run)
{
    const struct op_tensor *x = &run->in[X], *y = &run->out[0];
    ptrdiff_t from[FOV_MAX_RANK], to[FOV_MAX_RANK];
    struct move move = {.element = fov_dtype_size(x->dtype)};
    bool padded = false;
    uint64_t zero = 0;
    move_strides(x, from);
    move_strides(y, to);
    for (int d = 0; d < x->shape.rank; d++) {
        struct part part = part_of(x->shape.dim[d], y->shape.dim[d]);
        padded = padded || part.length < y->shape.dim[d];
        move.from_begin += part.from * from[d];
        move.to_begin += part.to * to[d];
        move_loop(&move, (size_t)part.length, from[d], to[d]);
    }
    if (padded) {
        move_fill(run, y->data, op_count(&y->shape), &zero, move.element);
    }
    move_run(run, &move, x->data, y->data);
}

static int compile(struct op_compile *compile)
{
    compile->run = run;
    return FOV_OK;
}

static const struct op_cpu cpu = {.layout = OP_FOLLOWS, .supports = op_any_dtype, .compile = compile};

static const struct op_onnx onnx = {.type = "CenterCropPad", .since = 18};

static void fill(int index, double *data, size_t count, struct random_key key)
{
    static const double sizes[] = {4, 3, 5};
    (void)key;
    for (size_t i = 0; index == SIZES && i < count; i++) {
        data[i] = sizes[i];
    }
}

static const struct crop_options last_two = {{2, {-2, -1}}}, middle = {{1, {1}}};
static const struct op_case cases[] = {
    {.name = "all axes", .in = {{3, {5, 2, 8}}, {1, {3}}}, .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2, .fill = fill},
    {.name = "images, larger and smaller", .options = &last_two, .in = {{4, {2, 3, 7, 2}}, {1, {2}}},
     .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2, .fill = fill},
    {.name = "one axis of whole numbers", .options = &middle, .in = {{3, {2, 9, 3}}, {1, {1}}},
     .in_dtype = {FOV_I64, FOV_I32}, .in_count = 2, .integers = 50, .fill = fill},
    {0},
};

const struct op op_center_crop_pad = {
    .name = "center_crop_pad",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "Cuts or pads axes to given sizes, around their middle.",
    .formula = "y[i] = x[i + (size of x - size of y) / 2], 0 outside x",
    .in = (const struct op_port[]){{.name = "x", .shape = "[...]"},
                                   {.name = "sizes", .shape = "[axes]", .plain = true, .values = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "x with those sizes"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct crop_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
