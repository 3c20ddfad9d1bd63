/* SPDX-License-Identifier: MIT */
/* Transposed convolution ("deconvolution"): the input gradient of a convolution used as a layer, plus a bias. All of
 * its arithmetic is in input_gradient.c; this file computes its output size and adds the bias. */
#include "op/common.h"
#include "op/conv/conv.h"
#include "op/conv/product.h"
#include "op/conv/winograd.h"
#include "op/given.h"
#include "op/onnx.h"

#include <fovea/operators.h>
#include <math.h>
#include <string.h>

struct transpose_options {
    struct op_list kernel, stride, pad, dilation, output_padding, output_shape; /**< pixels */
    int64_t        groups;
    int            auto_pad;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct transpose_options, kernel), .onnx = "kernel_shape", .kind = OP_LIST, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "taps per axis; not given: the weight's"},
    {OP_ATTRIBUTE(struct transpose_options, stride), .onnx = "strides", .kind = OP_LIST, .standard = 1, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "output pixels from window to window, per axis"},
    {OP_ATTRIBUTE(struct transpose_options, pad), .onnx = "pads", .kind = OP_LIST, .standard = 0, .minimum = 0,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels cut off before each axis of y, then after each axis"},
    {OP_ATTRIBUTE(struct transpose_options, dilation), .onnx = "dilations", .kind = OP_LIST, .standard = 1,
     .minimum = 1, .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels from tap to tap, per axis"},
    {OP_ATTRIBUTE(struct transpose_options, output_padding), .onnx = "output_padding", .kind = OP_LIST, .standard = 0,
     .minimum = 0, .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels added at the end of each axis of y"},
    {OP_ATTRIBUTE(struct transpose_options, output_shape), .onnx = "output_shape", .kind = OP_LIST, .minimum = 1,
     .maximum = INT32_MAX, .doc = "spatial size of y, pixels; pads then follow from it"},
    {OP_ATTRIBUTE(struct transpose_options, groups), .onnx = "group", .kind = OP_INTEGER, .standard = 1, .minimum = 1,
     .maximum = INT32_MAX, .doc = "parts of the channels that do not see each other"},
    {OP_ATTRIBUTE(struct transpose_options, auto_pad), .onnx = "auto_pad", .kind = OP_CHOICE,
     .choices = window_auto_pad_choices, .doc = "how pads follow from sizes, in place of pad"},
    {0},
};

/** Computes, for one axis, the size of y (conv->size) and the pads (conv->pad): pixels of y cut off at its beginning
 *  and end. */
static int resolve_axis(const struct transpose_options *options, int axis, int rank, int64_t in, int64_t kernel,
                        struct conv_options *conv, struct error *error)
{
    int64_t stride = op_list_get(&options->stride, axis, 1), dilation = op_list_get(&options->dilation, axis, 1);
    int64_t extra = op_list_get(&options->output_padding, axis, 0);
    if (in > WINDOW_MOST_PIXELS || kernel > WINDOW_MOST_PIXELS) {
        return error_set(error, FOV_E_SHAPE, "%lld pixels and a kernel of %lld along axis %d are too large",
                         (long long)in, (long long)kernel, axis);
    }
    int64_t full = stride * (in - 1) + (kernel - 1) * dilation + 1; /* pixels that the windows cover */
    int64_t begin = 0, end = 0, size;
    if (extra >= stride && extra >= dilation) {
        return error_set(error, FOV_E_SHAPE,
                         "output_padding %lld must be less than the stride %lld or the dilation %lld", (long long)extra,
                         (long long)stride, (long long)dilation);
    }
    if (options->output_shape.count != 0 || options->auto_pad == WINDOW_SAME_UPPER ||
        options->auto_pad == WINDOW_SAME_LOWER) {
        size = op_list_get(&options->output_shape, axis, in * stride);
        int64_t total = full + extra - size;
        total = total < 0 ? 0 : total; /* a y larger than its windows has zeros at its end */
        begin = options->auto_pad == WINDOW_SAME_UPPER ? total / 2 : total - total / 2;
    } else {
        if (options->auto_pad != WINDOW_VALID) {
            begin = op_list_get(&options->pad, axis, 0);
            end = op_list_get(&options->pad, rank + axis, 0);
        }
        size = full + extra - begin - end;
    }
    if (size < 1) {
        return error_set(error, FOV_E_SHAPE, "pads %lld and %lld leave nothing of %lld pixels along axis %d",
                         (long long)begin, (long long)end, (long long)(full + extra), axis);
    }
    /* In the convolution from y to x, the end pad makes the number of windows exactly `in`. For an axis of y larger
       than its windows that pad would be negative, which options do not allow; it is 0 where rounding down by the
       stride gives the same number of windows. */
    int64_t last = full - size - begin;
    conv->pad.at[axis] = begin;
    conv->pad.at[rank + axis] = last < 0 && -last < stride ? 0 : last;
    conv->size.at[axis] = size;
    return 0;
}

/** The options of the convolution whose input gradient this is. Weight is [C, filters / groups, kernel...]. */
static int resolve(const struct transpose_options *options, const fov_shape *x, const fov_shape *weight,
                   struct conv_options *conv, struct error *error)
{
    char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
    int rank = x->rank - 2;
    if (rank < 1 || rank > WINDOW_AXES || weight->rank != x->rank) {
        return error_set(error, FOV_E_SHAPE,
                         "input %s must be [N, C, and 1 to 3 spatial sizes], and weight %s have the same rank",
                         shape_text(x, text), shape_text(weight, other));
    }
    if (x->dim[1] != weight->dim[0] || options->groups < 1 || x->dim[1] % options->groups != 0) {
        return error_set(error, FOV_E_SHAPE, "weight %s must begin with the %lld channels of the input, in %lld groups",
                         shape_text(weight, other), (long long)x->dim[1], (long long)options->groups);
    }
    if (x->dim[1] < 1 || weight->dim[1] < 1) {
        return error_set(error, FOV_E_SHAPE, "input %s and weight %s must have at least one channel",
                         shape_text(x, text), shape_text(weight, other));
    }
    int status = window_check_list("stride", &options->stride, rank, error);
    status = status != 0 ? status : window_check_list("dilation", &options->dilation, rank, error);
    status = status != 0 ? status : window_check_list("pad", &options->pad, 2 * rank, error);
    status = status != 0 ? status : window_check_list("output_padding", &options->output_padding, rank, error);
    struct op_list output = options->output_shape;
    struct transpose_options trimmed = *options;
    if (output.count == rank + 2) { /* some exporters write batch and channels, too */
        trimmed.output_shape.count = rank;
        memmove(trimmed.output_shape.at, output.at + 2, (size_t)rank * sizeof output.at[0]);
    }
    status = status != 0 ? status : window_check_list("output_shape", &trimmed.output_shape, rank, error);
    if (status != 0) {
        return status;
    }
    *conv = (struct conv_options){.kernel = window_spatial(weight),
                                  .stride = options->stride,
                                  .pad = {.count = 2 * rank},
                                  .dilation = options->dilation,
                                  .size = {.count = rank},
                                  .groups = options->groups};
    for (int axis = 0; axis < rank; axis++) {
        if (x->dim[2 + axis] < 1 || weight->dim[2 + axis] < 1) {
            return error_set(error, FOV_E_SHAPE, "input %s and weight %s: spatial sizes must be known and not empty",
                             shape_text(x, text), shape_text(weight, other));
        }
        if (options->kernel.count != 0 && op_list_get(&options->kernel, axis, -1) != weight->dim[2 + axis]) {
            return error_set(error, FOV_E_SHAPE, "weight %s does not have the kernel that the options name",
                             shape_text(weight, other));
        }
        status = resolve_axis(&trimmed, axis, rank, x->dim[2 + axis], weight->dim[2 + axis], conv, error);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

static int infer(const struct op_infer *infer)
{
    struct conv_options conv;
    const fov_shape *x = &infer->in[0].shape, *weight = &infer->in[1].shape;
    int status = op_check_layer(infer, false);
    status = status != 0 ? status : resolve(infer->options, x, weight, &conv, infer->error);
    if (status != 0) {
        return status;
    }
    int64_t filters = weight->dim[1] * conv.groups;
    if (infer->in_count > 2 && infer->in[2].shape.rank >= 0) {
        const fov_shape *bias = &infer->in[2].shape;
        if (bias->rank != 1 || bias->dim[0] != filters) {
            char text[SHAPE_TEXT_SIZE];
            return error_set(infer->error, FOV_E_SHAPE, "bias %s must be [%lld], one number per filter",
                             shape_text(bias, text), (long long)filters);
        }
    }
    infer->out[0].shape = (fov_shape){x->rank, {x->dim[0], filters}};
    for (int i = 0; i < conv.size.count; i++) {
        infer->out[0].shape.dim[2 + i] = conv.size.at[i];
    }
    return 0;
}

/** Cuts off the pixels at the end of dy that no window reaches, for which resolve set a negative pad, and that pad. */
static fov_value cut_to_windows(const struct op_emitter *emitter, fov_value dy, struct conv_options *conv)
{
    int rank = conv->size.count;
    for (int axis = 0; axis < rank; axis++) {
        int64_t *pad = &conv->pad.at[rank + axis];
        if (*pad < 0 && conv->size.at[axis] + *pad > 0) {
            conv->size.at[axis] += *pad;
            *pad = 0;
            dy = op_emit_slice(emitter, dy, 2 + axis, 0, conv->size.at[axis], 1);
        }
    }
    return dy;
}

static void gradient(struct op_gradient *gradient)
{
    struct conv_options conv;
    fov_value dy = gradient->out_gradient[0], whole = dy;
    if (resolve(gradient->options, &gradient->in_tensor[0].shape, &gradient->in_tensor[1].shape, &conv, NULL) != 0) {
        return;
    }
    if (gradient->wanted[0] || gradient->wanted[1]) {
        dy = cut_to_windows(gradient->emitter, dy, &conv);
    }
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "conv", dy, gradient->in[1], &conv);
    }
    if (gradient->wanted[1]) {
        gradient->in_gradient[1] = op_emit2(gradient->emitter, "conv_weight_gradient", dy, gradient->in[0], &conv);
    }
    if (gradient->in_count > 2 && gradient->wanted[2]) {
        gradient->in_gradient[2] = op_emit1(gradient->emitter, "sum_channels", whole, NULL);
    }
}

/** The geometry of the convolution from y to x: y is its image, x is its output. */
static int geometry_of(struct conv_geometry *geometry, const void *options, const fov_shape *x, const fov_shape *weight)
{
    struct conv_options conv;
    fov_shape y;
    int status = resolve(options, x, weight, &conv, NULL);
    status = status != 0 ? status : conv_x_shape(&conv, x, weight, &y, NULL);
    return status != 0 ? status : conv_geometry(geometry, &conv, &y, weight, NULL);
}

static void cost(struct op_cost *cost)
{
    struct conv_geometry geometry;
    if (geometry_of(&geometry, cost->options, &cost->in[0].shape, &cost->in[1].shape) == 0) {
        cost->multiply_adds = conv_multiply_adds(&geometry);
    }
}

struct sums {
    const double *x, *weight;
    double       *y;
};

/* The names are those of the convolution from y to x: this operator's y is its x. */
static void add_to_y(void *context, size_t its_x, size_t weight, size_t its_y)
{
    struct sums *sums = context;
    sums->y[its_x] += sums->x[its_y] * sums->weight[weight];
}

static void textbook(const struct op_textbook *textbook)
{
    struct conv_geometry geometry;
    struct sums sums = {textbook->in[0].data, textbook->in[1].data, textbook->out[0].data};
    if (geometry_of(&geometry, textbook->options, &textbook->in[0].shape, &textbook->in[1].shape) != 0) {
        return;
    }
    if (textbook->in_count > 2 && textbook->in[2].data != NULL) {
        size_t count = (size_t)(geometry.batch * geometry.channels * geometry.in_pixels);
        for (size_t i = 0; i < count; i++) {
            sums.y[i] = textbook->in[2].data[i / (size_t)geometry.in_pixels % (size_t)geometry.channels];
        }
    }
    conv_each_pair(&geometry, add_to_y, &sums);
}

/* ---- CPU: a form of the input gradient, whose state follows a small head ----------------------------------------- */

/** The head of the state, in front of the form's own. Products and Winograd's form add the bias and apply the
 *  activation themselves (by_itself); after the other forms it is done here. */
struct head {
    op_function *run, *pack;
    bool         by_itself;
};
enum { HEAD_BYTES = 64 };

static struct op_run inner_run(const struct op_run *run)
{
    struct op_run inner = *run;
    inner.state = (char *)run->state + HEAD_BYTES;
    if (!((const struct head *)run->state)->by_itself) { /* finish_chunk applies what is folded */
        inner.fold_factor = inner.fold_bias = NULL;
    }
    return inner;
}

static void pack(const struct op_run *run)
{
    const struct head *head = run->state;
    struct op_run inner = inner_run(run);
    head->pack(&inner);
}

/** Adds the bias (or applies the folded normalisation) and the activation; chunk = some pixels. */
static void finish_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct op_run *run = context;
    const fov_shape *y = &run->out[0].shape;
    size_t channels = (size_t)y->dim[1], pixels = (size_t)y->dim[0] * shape_span(y, 2, y->rank);
    size_t together = window_lines_per_chunk(channels);
    float *data = (float *)run->out[0].data + op_chunk_begin(chunk, together) * channels;
    size_t rows = op_chunk_length(chunk, together, pixels);
    if (run->fold_factor != NULL) {
        run->kernel->scale_shift(rows, channels, data, channels, run->fold_factor, run->fold_bias, NULL, 0, data,
                                 channels, run->activation, run->alpha, run->beta);
        return;
    }
    if (run->in_count > 2 && run->in[2].shape.rank >= 0) {
        struct kernel_operand a = {data, channels, 1}, bias = {run->in[2].data, 0, 1};
        run->kernel->binary[BINARY_add](rows, channels, a, bias, data, channels);
    }
    if (run->activation != UNARY_identity) {
        run->kernel->unary[run->activation](rows * channels, data, data, run->alpha, run->beta);
    }
}

static void run(const struct op_run *run)
{
    const struct head *head = run->state;
    struct op_run inner = inner_run(run), copy = *run;
    bool has_bias = op_bias(run, 2) != NULL;
    head->run(&inner);
    if (!head->by_itself && (has_bias || run->activation != UNARY_identity)) {
        const fov_shape *y = &run->out[0].shape;
        size_t pixels = (size_t)y->dim[0] * shape_span(y, 2, y->rank);
        pool_run(run->pool, finish_chunk, &copy, op_chunks(pixels, window_lines_per_chunk((size_t)y->dim[1])));
    }
}

/** Compiles the form of the input gradient into `inner`. */
static int compile_inner(const struct op_compile *compile, struct conv_options *conv, struct op_compile *inner)
{
    *inner = op_compile_alone(compile);
    int status = resolve(compile->options, &compile->in[0].shape, &compile->in[1].shape, conv, compile->error);
    inner->options = conv;
    return status != 0 ? status : conv_input_compile(inner);
}

static bool ends_by_itself(const struct op_compile *inner)
{
    return inner->run == conv_product_run || inner->run == conv_winograd_run;
}

static int prepare(const struct op_compile *compile, void *state)
{
    struct conv_options conv;
    struct op_compile inner;
    int status = compile_inner(compile, &conv, &inner);
    if (status != 0) {
        return status;
    }
    *(struct head *)state = (struct head){inner.run, inner.pack, ends_by_itself(&inner)};
    return inner.prepare != NULL ? inner.prepare(&inner, (char *)state + HEAD_BYTES) : 0;
}

static int compile(struct op_compile *compile)
{
    struct conv_options conv;
    struct op_compile inner;
    int status = compile_inner(compile, &conv, &inner);
    if (status != 0) {
        return status;
    }
    bool has_bias = compile->folds || (compile->in_count > 2 && compile->in[2].shape.rank >= 0);
    compile->run = run;
    compile->pack = inner.pack != NULL ? pack : NULL;
    compile->packed[1] = inner.packed[1];
    compile->prepare = prepare;
    compile->state = inner.state + HEAD_BYTES;
    compile->scratch = inner.scratch;
    compile->scratch_per_worker = inner.scratch_per_worker;
    compile->shown_rows = inner.shown_rows;
    /* The parts that the form reports (op_show) are final only if nothing is done to them afterwards. */
    compile->shows = inner.shows && (ends_by_itself(&inner) || (!has_bias && compile->activation == UNARY_identity));
    memcpy(compile->detail, inner.detail, sizeof compile->detail);
    return 0;
}

static const struct op_cpu cpu = {.layout = OP_WANTS_CHANNELS_LAST, .supports = op_all_f32, .compile = compile};
static int import_plain(struct op_import *node)
{
    struct transpose_options options = {.groups = node->integer(node->reader, "group", 1)};
    node->list(node->reader, "kernel_shape", &options.kernel);
    node->list(node->reader, "strides", &options.stride);
    node->list(node->reader, "pads", &options.pad);
    node->list(node->reader, "dilations", &options.dilation);
    node->list(node->reader, "output_padding", &options.output_padding);
    node->list(node->reader, "output_shape", &options.output_shape);
    options.auto_pad = window_auto_pad_read(node->text(node->reader, "auto_pad", "NOTSET"));
    if (options.auto_pad < 0) {
        return node->fail(node->reader, FOV_E_INPUT,
                          "auto_pad must be NOTSET, SAME_UPPER, SAME_LOWER or VALID, not \"%.40s\"",
                          node->text(node->reader, "auto_pad", ""));
    }
    node->result(node->reader, 0, node->emitter->node(node->emitter->graph, "conv_transpose", node->in, node->in_count,
                                                      &options, node->node_name));
    return 0;
}

/** Reads sizes from an input: up to three numbers, which must be known. */
static bool read_sizes(struct op_import *node, int input, struct op_list *sizes)
{
    fov_shape shape;
    const double *values = node->constant(node->reader, input, &shape);
    if (values == NULL || shape.rank != 1 || shape.dim[0] < 1 || shape.dim[0] > WINDOW_AXES) {
        return false;
    }
    sizes->count = (int)shape.dim[0];
    for (int i = 0; i < sizes->count; i++) {
        sizes->at[i] = values[i] >= 1 && values[i] <= WINDOW_SIZE_LIMIT ? (int64_t)values[i] : 0;
        if (sizes->at[i] == 0) {
            return false;
        }
    }
    return true;
}

/* Col2Im: adds columns [N, C taps, windows] to an image at the windows' places. That is a transposed convolution in
   which tap t of a channel has weight 1 at place t of the window and 0 elsewhere. */
static int import_columns(struct op_import *node)
{
    struct transpose_options options = {.groups = 1};
    struct op_list image;
    fov_shape x = node->shape(node->reader, node->in[0]), weight = {.rank = 2, .dim = {0, 1}};
    if (node->in_count < 3 || !read_sizes(node, 1, &image) || !read_sizes(node, 2, &options.kernel) ||
        image.count != options.kernel.count || x.rank != 3) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED,
                          "Col2Im takes [N, channels, windows], and sizes of image and block that are known");
    }
    node->list(node->reader, "strides", &options.stride);
    node->list(node->reader, "pads", &options.pad);
    node->list(node->reader, "dilations", &options.dilation);
    enum { MOST_TAPS = 64 };
    int axes = image.count;
    int64_t taps = 1, windows = 1;
    fov_shape columns = {2 + axes, {x.dim[0], x.dim[1]}};
    options.output_padding.count = axes;
    for (int i = 0; i < axes; i++) {
        int64_t stride = op_list_get(&options.stride, i, 1), dilation = op_list_get(&options.dilation, i, 1);
        int64_t begin = op_list_get(&options.pad, i, 0), end = op_list_get(&options.pad, axes + i, 0);
        if (stride < 1 || stride > WINDOW_SIZE_LIMIT || dilation < 1 || dilation > WINDOW_SIZE_LIMIT || begin < 0 ||
            begin > WINDOW_SIZE_LIMIT || end < 0 || end > WINDOW_SIZE_LIMIT) {
            return node->fail(node->reader, FOV_E_INPUT, "strides, pads or dilations along axis %d are out of range",
                              i);
        }
        int64_t room = image.at[i] + begin + end - (options.kernel.at[i] - 1) * dilation - 1;
        if (room < 0) {
            return node->fail(node->reader, FOV_E_SHAPE, "the block does not fit the image along axis %d", i);
        }
        columns.dim[2 + i] = room / stride + 1;
        options.output_padding.at[i] = room % stride;
        weight.dim[weight.rank++] = options.kernel.at[i];
        taps *= options.kernel.at[i];
        if (taps > MOST_TAPS || columns.dim[2 + i] > INT64_MAX / windows) {
            return node->fail(node->reader, FOV_E_UNSUPPORTED, "a block of more than %d pixels, or more windows than "
                              "fit memory", MOST_TAPS);
        }
        windows *= columns.dim[2 + i];
    }
    options.groups = x.dim[1] / taps;
    if (options.groups < 1 || x.dim[1] % taps != 0 || (x.dim[2] >= 0 && x.dim[2] != windows) ||
        x.dim[1] > INT32_MAX / taps) {
        char text[SHAPE_TEXT_SIZE];
        return node->fail(node->reader, FOV_E_SHAPE, "columns %s do not hold %lld taps of %lld windows",
                          shape_text(&x, text), (long long)taps, (long long)windows);
    }
    float identity[MOST_TAPS * MOST_TAPS] = {0};
    for (int64_t t = 0; t < taps; t++) {
        identity[t * taps + t] = 1;
    }
    const struct op_emitter *emitter = node->emitter;
    const int64_t times[2] = {options.groups, 1};
    fov_value square = emitter->constant(emitter->graph, FOV_F32, (fov_shape){2, {taps, taps}}, identity);
    fov_value repeats = emitter->constant(emitter->graph, FOV_I64, (fov_shape){1, {2}}, times);
    weight.dim[0] = x.dim[1];
    fov_value in[] = {op_emit_reshape(emitter, node->in[0], &columns),
                      op_emit_reshape(emitter, op_emit2(emitter, "tile", square, repeats, NULL), &weight)};
    node->result(node->reader, 0, emitter->node(emitter->graph, "conv_transpose", in, 2, &options, node->node_name));
    return 0;
}

static int import_transpose(struct op_import *node)
{
    return strcmp(node->type, "Col2Im") == 0 ? import_columns(node) : import_plain(node);
}

static const char *const also[] = {"Col2Im", NULL};
static const struct op_onnx onnx = {.type = "ConvTranspose", .since = 1, .import = import_transpose, .also = also};

#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
static const struct transpose_options
    usual = {.kernel = LIST(3, 3), .groups = 1},
    doubled = {.stride = LIST(2, 2), .pad = LIST(1, 1, 1, 1), .groups = 1},
    longer = {.stride = LIST(3, 2), .pad = LIST(1, 0, 1, 1), .output_padding = LIST(2, 1), .groups = 1},
    far = {.stride = LIST(1, 2), .dilation = LIST(4, 3), .pad = LIST(1, 0, 0, 1), .output_padding = LIST(3, 2), .groups = 1},
    gaps = {.stride = LIST(3, 3), .groups = 1},
    grouped = {.stride = LIST(2, 1), .groups = 2},
    depthwise = {.stride = LIST(2, 2), .pad = LIST(1, 1, 1, 1), .groups = 5},
    dilated = {.dilation = LIST(2, 2), .pad = LIST(1, 1, 0, 2), .groups = 1},
    shaped = {.stride = LIST(3, 2), .output_shape = LIST(10, 8), .output_padding = LIST(1, 1), .groups = 1},
    too_long = {.stride = LIST(1, 2), .output_shape = LIST(9, 12), .groups = 1},
    upper = {.stride = LIST(2, 2), .auto_pad = WINDOW_SAME_UPPER, .groups = 1},
    lower = {.stride = LIST(2, 3), .auto_pad = WINDOW_SAME_LOWER, .groups = 1},
    line = {.stride = LIST(2), .pad = LIST(1, 1), .groups = 1},
    volume = {.stride = LIST(2, 1, 2), .pad = LIST(0, 1, 0, 0, 1, 1), .groups = 1};

static const struct op_case cases[] = {
    {.name = "3x3",
     .options = &usual,
     .in = {FOV_SHAPE(2, 5, 4, 3), FOV_SHAPE(5, 7, 3, 3), FOV_SHAPE(7)},
     .in_count = 3},
    {.name = "4x4 stride 2",
     .options = &doubled,
     .in = {FOV_SHAPE(2, 6, 3, 4), FOV_SHAPE(6, 3, 4, 4), FOV_SHAPE(3)},
     .in_count = 3},
    {.name = "output padding",
     .options = &longer,
     .in = {FOV_SHAPE(1, 5, 3, 4), FOV_SHAPE(5, 4, 3, 3), FOV_SHAPE(4)},
     .in_count = 3},
    {.name = "stride beyond kernel",
     .options = &gaps,
     .in = {FOV_SHAPE(2, 4, 3, 3), FOV_SHAPE(4, 17, 2, 2), FOV_SHAPE(17)},
     .in_count = 3},
    {.name = "2 groups",
     .options = &grouped,
     .in = {FOV_SHAPE(2, 6, 3, 5), FOV_SHAPE(6, 4, 3, 2), FOV_SHAPE(8)},
     .in_count = 3},
    {.name = "depthwise",
     .options = &depthwise,
     .in = {FOV_SHAPE(2, 5, 4, 3), FOV_SHAPE(5, 1, 4, 4), FOV_SHAPE(5)},
     .in_count = 3},
    {.name = "dilated, no bias",
     .options = &dilated,
     .in = {FOV_SHAPE(1, 3, 4, 5), FOV_SHAPE(3, 2, 2, 3)},
     .in_count = 2},
    {.name = "output shape", .options = &shaped, .in = {FOV_SHAPE(1, 2, 3, 3), FOV_SHAPE(2, 2, 3, 3)}, .in_count = 2},
    {.name = "output shape beyond the windows",
     .options = &too_long,
     .in = {FOV_SHAPE(1, 2, 4, 5), FOV_SHAPE(2, 3, 3, 3)},
     .in_count = 2},
    {.name = "output padding beyond the stride",
     .options = &far,
     .in = {FOV_SHAPE(2, 3, 4, 3), FOV_SHAPE(3, 2, 3, 2), FOV_SHAPE(2)},
     .in_count = 3},
    {.name = "same upper", .options = &upper, .in = {FOV_SHAPE(1, 3, 3, 4), FOV_SHAPE(3, 2, 3, 3)}, .in_count = 2},
    {.name = "same lower", .options = &lower, .in = {FOV_SHAPE(1, 3, 3, 4), FOV_SHAPE(3, 2, 3, 4)}, .in_count = 2},
    {.name = "1-D", .options = &line, .in = {FOV_SHAPE(2, 3, 6), FOV_SHAPE(3, 5, 4), FOV_SHAPE(5)}, .in_count = 3},
    {.name = "3-D",
     .options = &volume,
     .in = {FOV_SHAPE(1, 3, 2, 3, 2), FOV_SHAPE(3, 4, 2, 3, 3), FOV_SHAPE(4)},
     .in_count = 3},
    {.name = "patches",
     .options = &usual,
     .in = {FOV_SHAPE(9, 6, 5, 4), FOV_SHAPE(6, 1, 3, 3), FOV_SHAPE(1)},
     .in_count = 3,
     .no_gradient = true},
    {0},
};

const struct op op_conv_transpose = {
    .name = "conv_transpose",
    .family = OP_CONVOLUTION,
    .exact = true,
    .summary = "Transposed convolution of 1 to 3 spatial axes: each pixel of x spreads a filter over y.",
    .formula = "y[n, f, i] = bias[f] + sum over c, t, o with o * stride + t * dilation - pad = i of x[n, c, o] * "
               "weight[c, f, t]",
    .source = "Dumoulin & Visin, A guide to convolution arithmetic for deep learning (2016), section 4",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, spatial...]"},
                                   {.name = "weight", .shape = "[C, filters / groups, kernel...]", .plain = true},
                                   {.name = "bias", .shape = "[filters]", .optional = true, .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, filters, spatial...]"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct transpose_options),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
    .fuses_activation = true,
    .folds_affine = true,
};

fov_value fov_conv_transpose2d_opt(fov_graph *graph, fov_value x, const fov_conv_transpose2d_options *options)
{
    static const fov_conv_transpose2d_options none = {0};
    const fov_conv_transpose2d_options *given = options != NULL ? options : &none;
    const char *node = graph == NULL ? NULL : fov_graph_node_name(graph, given->name, "conv_transpose2d");
    if (!op_is_given(graph, node, x)) {
        return (fov_value){0};
    }
    fov_shape shape = fov_value_shape(graph, x);
    if (shape.rank != 4) {
        char text[SHAPE_TEXT_SIZE];
        return fov_graph_fail(graph, node, FOV_E_SHAPE, "input %s must be [N, C, H, W]", shape_text(&shape, text));
    }
    if (given->filters < 1) {
        return fov_graph_fail(graph, node, FOV_E_USAGE, "filters is %d, it must be at least 1", given->filters);
    }
    struct transpose_options transpose = {
        .kernel = window_list2(given->kernel, given->kernel_size, 0),
        .stride = window_list2(given->stride, given->stride_size, 1),
        .pad = window_pads2(given->pad, given->pads),
        .dilation = window_list2(given->dilation, given->dilation_size, 1),
        .output_padding = window_list2(given->output_padding, given->output_padding_size, 0),
        .groups = given->groups != 0 ? given->groups : 1,
    };
    if (transpose.kernel.at[0] < 1 || transpose.kernel.at[1] < 1) {
        return fov_graph_fail(graph, node, FOV_E_USAGE, "kernel is %lld x %lld, it must be at least 1 x 1",
                              (long long)transpose.kernel.at[0], (long long)transpose.kernel.at[1]);
    }
    if (transpose.groups < 1 || shape.dim[1] < 1 || shape.dim[1] % transpose.groups != 0 ||
        given->filters % transpose.groups != 0) {
        return fov_graph_fail(graph, node, FOV_E_SHAPE, "groups %lld must divide the %lld channels and the %d filters",
                              (long long)transpose.groups, (long long)shape.dim[1], given->filters);
    }
    fov_shape weight = {
        4, {shape.dim[1], given->filters / transpose.groups, transpose.kernel.at[0], transpose.kernel.at[1]}};
    fov_shape bias = {1, {given->filters}};
    /* As in PyTorch, the fan in is computed from dimension 1 of the weight, although that is filters / groups here. */
    float bound = (float)(1 / sqrt((double)weight.dim[1] * (double)weight.dim[2] * (double)weight.dim[3]));
    fov_value in[3] = {x};
    in[1] = fov_graph_parameter(graph, node, "weight", weight, FOV_INITIAL_UNIFORM, bound, false);
    if (!given->no_bias) {
        in[2] = fov_graph_parameter(graph, node, "bias", bias, FOV_INITIAL_UNIFORM, bound, false);
    }
    return op_build(graph, "conv_transpose", in, given->no_bias ? 2 : 3, &transpose, node);
}
