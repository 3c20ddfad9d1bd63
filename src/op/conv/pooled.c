/* SPDX-License-Identifier: MIT */
/* conv_max_pool: convolution, bias, the maximum of each 2 x 2 block, and the index of the maximum among the four. It
 * means the same as the two operators one after the other. Gradients: pooled_gradient.c. Fast form: images.c. */
#include "op/conv/pooled.h"

#include <math.h>

#include "op/common.h"

/* All attributes but the last are those of conv.c. */
#define OF_CONV(member) .name = #member, .offset = offsetof(struct pooled_options, conv.member)
const struct op_attribute pooled_attributes[] = {
    {OF_CONV(kernel), .kind = OP_LIST, .minimum = 1, .maximum = WINDOW_SIZE_LIMIT,
     .doc = "taps per axis; not given: the weight's"},
    {OF_CONV(stride), .kind = OP_LIST, .standard = 1, .minimum = 1, .maximum = WINDOW_SIZE_LIMIT,
     .doc = "pixels from window to window, per axis"},
    {OF_CONV(pad), .kind = OP_LIST, .standard = 0, .minimum = 0, .maximum = WINDOW_SIZE_LIMIT,
     .doc = "zeros before each axis, then after each axis, pixels"},
    {OF_CONV(dilation), .kind = OP_LIST, .standard = 1, .minimum = 1, .maximum = WINDOW_SIZE_LIMIT,
     .doc = "pixels from tap to tap, per axis"},
    {OF_CONV(size), .kind = OP_LIST, .minimum = 1, .maximum = INT32_MAX,
     .doc = "spatial size of x, pixels; only the input gradient needs it"},
    {OF_CONV(groups), .kind = OP_INTEGER, .standard = 1, .minimum = 1, .maximum = INT32_MAX, .doc = "always 1"},
    {OF_CONV(auto_pad), .kind = OP_CHOICE, .choices = window_auto_pad_choices,
     .doc = "how pads follow from sizes, in place of pad"},
    {OP_ATTRIBUTE(struct pooled_options, rectify), .kind = OP_FLAG, .doc = "relu between convolution and pooling"},
    {0},
};

int pooled_geometry(struct pooled_geometry *geometry, const struct pooled_options *options, const fov_shape *x,
                    const fov_shape *weight, struct error *error)
{
    char text[SHAPE_TEXT_SIZE];
    int status = conv_geometry(&geometry->conv, &options->conv, x, weight, error);
    if (status != 0) {
        return status;
    }
    if (x->rank != 4 || options->conv.groups != 1) {
        return error_set(error, FOV_E_UNSUPPORTED,
                         "input %s and %lld groups: pooling at once takes [N, C, H, W] and 1 group",
                         shape_text(x, text), (long long)options->conv.groups);
    }
    geometry->height = geometry->conv.window.out[1] / 2;
    geometry->width = geometry->conv.window.out[2] / 2;
    if (geometry->height < 1 || geometry->width < 1) {
        return error_set(
            error, FOV_E_SHAPE, "input %s: the convolution leaves %lld x %lld pixels, too few for a 2 x 2 block",
            shape_text(x, text), (long long)geometry->conv.window.out[1], (long long)geometry->conv.window.out[2]);
    }
    return 0;
}

fov_shape pooled_shape(const struct pooled_geometry *geometry)
{
    return (fov_shape){4, {geometry->conv.batch, geometry->conv.filters, geometry->height, geometry->width}};
}

static int infer(const struct op_infer *infer)
{
    struct pooled_geometry geometry;
    int status = pooled_geometry(&geometry, infer->options, &infer->in[0].shape, &infer->in[1].shape, infer->error);
    if (status != 0) {
        return status;
    }
    const fov_shape *bias = &infer->in[2].shape;
    if (infer->in_count > 2 && bias->rank >= 0 && (bias->rank != 1 || bias->dim[0] != geometry.conv.filters)) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "bias %s must be [%lld], one number per filter",
                         shape_text(bias, text), (long long)geometry.conv.filters);
    }
    infer->out[0].shape = pooled_shape(&geometry);
    if (infer->out_count > 1) {
        infer->out[1].shape = infer->out[0].shape;
        infer->out[1].dtype = FOV_U8;
    }
    return 0;
}

/* The derivative of relu follows from its result. */
static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    struct pooled_options options = *(const struct pooled_options *)gradient->options;
    fov_value dy = gradient->out_gradient[0];
    if (options.rectify) {
        dy = op_emit2(emitter, "mul", dy, op_emit1(emitter, "step", gradient->out[0], NULL), NULL);
    }
    options.conv = conv_complete_options(&options.conv, &gradient->in_tensor[0].shape, &gradient->in_tensor[1].shape);
    options.rectify = false;
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] =
            op_emit3(emitter, "conv_max_pool_input_gradient", dy, gradient->out[1], gradient->in[1], &options);
    }
    if (gradient->wanted[1]) {
        gradient->in_gradient[1] =
            op_emit3(emitter, "conv_max_pool_weight_gradient", gradient->in[0], dy, gradient->out[1], &options);
    }
    if (gradient->in_count > 2 && gradient->wanted[2]) {
        gradient->in_gradient[2] = op_emit1(emitter, "sum_channels", dy, NULL);
    }
}

static void cost(struct op_cost *cost)
{
    struct pooled_geometry geometry;
    if (pooled_geometry(&geometry, cost->options, &cost->in[0].shape, &cost->in[1].shape, NULL) == 0) {
        cost->multiply_adds = conv_multiply_adds(&geometry.conv);
        window_cost(&geometry.conv.window, cost);
    }
}

/** The convolution at one output pixel. */
static double sum_at(const struct conv_geometry *geometry, const double *x, const double *weight, int64_t n,
                     int64_t filter, int64_t out_y, int64_t out_x)
{
    const struct window *window = &geometry->window;
    double sum = 0;
    for (int64_t c = 0; c < geometry->channels; c++) {
        for (int64_t tap = 0; tap < geometry->taps; tap++) {
            int64_t pixel = window_pixel(window->in, 0, window_meets(window, 1, out_y, tap / window->kernel[2]),
                                         window_meets(window, 2, out_x, tap % window->kernel[2]));
            if (pixel >= 0) {
                sum += x[(n * geometry->channels + c) * geometry->in_pixels + pixel] *
                       weight[(filter * geometry->channels + c) * geometry->taps + tap];
            }
        }
    }
    return sum;
}

static void textbook(const struct op_textbook *textbook)
{
    const struct pooled_options *options = textbook->options;
    struct pooled_geometry geometry;
    if (pooled_geometry(&geometry, options, &textbook->in[0].shape, &textbook->in[1].shape, NULL) != 0) {
        return;
    }
    int64_t pixels = geometry.height * geometry.width, count = geometry.conv.batch * geometry.conv.filters * pixels;
    const double *bias = textbook->in_count > 2 ? textbook->in[2].data : NULL;
    for (int64_t i = 0; i < count; i++) {
        int64_t n = i / pixels / geometry.conv.filters, filter = i / pixels % geometry.conv.filters;
        int64_t y = i % pixels / geometry.width, x = i % geometry.width;
        double greatest = 0;
        int winner = -1;
        for (int tap = 0; tap < 4; tap++) {
            double sum = sum_at(&geometry.conv, textbook->in[0].data, textbook->in[1].data, n, filter, 2 * y + tap / 2,
                                2 * x + tap % 2);
            /* The first of equal sums wins; a NaN wins over all that follow. */
            if (winner < 0 || sum > greatest || (isnan(sum) && !isnan(greatest))) {
                greatest = sum;
                winner = tap;
            }
        }
        greatest += bias != NULL ? bias[filter] : 0;
        textbook->out[0].data[i] = options->rectify && greatest < 0 ? 0 : greatest;
        if (textbook->out_count > 1 && textbook->out[1].data != NULL) {
            textbook->out[1].data[i] = winner;
        }
    }
}

static bool supports(const void *options, const struct op_tensor *in, int in_count)
{
    struct pooled_geometry geometry;
    return op_all_f32(options, in, in_count) &&
           pooled_geometry(&geometry, options, &in[0].shape, &in[1].shape, NULL) == 0 && images_can(&geometry);
}

static int compile(struct op_compile *compile)
{
    struct pooled_geometry geometry;
    int status =
        pooled_geometry(&geometry, compile->options, &compile->in[0].shape, &compile->in[1].shape, compile->error);
    return status != 0 ? status : images_compile(compile, &geometry);
}

static const struct op_cpu cpu = {.layout = OP_WANTS_BATCH_INNERMOST, .supports = supports, .compile = compile};

#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
static const struct pooled_options digits = {.conv = {.kernel = LIST(5, 5), .groups = 1}},
                                   same = {.conv = {.kernel = LIST(3, 3), .pad = LIST(1, 1, 1, 1), .groups = 1}},
                                   rectified = {.conv = {.kernel = LIST(3, 2), .groups = 1}, .rectify = true},
                                   strided = {.conv = {.kernel = LIST(3, 4),
                                                       .stride = LIST(2, 3),
                                                       .pad = LIST(2, 1, 0, 3),
                                                       .groups = 1}};
/* Where two sums of a block are nearly equal, central differences fail; so only cases with few blocks, where that is
   unlikely, compare gradients. */
static const struct op_case cases[] = {
    {.name = "digits",
     .options = &digits,
     .in = {FOV_SHAPE(18, 1, 12, 12), FOV_SHAPE(10, 1, 5, 5), FOV_SHAPE(10)},
     .in_count = 3,
     .no_gradient = true},
    {.name = "few images", .options = &digits, .in = {FOV_SHAPE(3, 4, 8, 9), FOV_SHAPE(7, 4, 5, 5)}, .in_count = 2},
    {.name = "padded",
     .options = &same,
     .in = {FOV_SHAPE(17, 3, 7, 6), FOV_SHAPE(20, 3, 3, 3), FOV_SHAPE(20)},
     .in_count = 3,
     .no_gradient = true},
    {.name = "rectified", .options = &rectified, .in = {FOV_SHAPE(5, 2, 5, 5), FOV_SHAPE(3, 2, 3, 2)}, .in_count = 2},
    {.name = "whole groups",
     .options = &digits,
     .in = {FOV_SHAPE(32, 2, 13, 12), FOV_SHAPE(7, 2, 5, 5), FOV_SHAPE(7)},
     .in_count = 3,
     .no_gradient = true},
    {.name = "whole groups, padded",
     .options = &same,
     .in = {FOV_SHAPE(16, 3, 7, 6), FOV_SHAPE(5, 3, 3, 3)},
     .in_count = 2,
     .no_gradient = true},
    {.name = "strided",
     .options = &strided,
     .in = {FOV_SHAPE(16, 2, 11, 17), FOV_SHAPE(5, 2, 3, 4)},
     .in_count = 2,
     .no_gradient = true},
    {0},
};

const struct op op_conv_max_pool = {
    .name = "conv_max_pool",
    .family = OP_CONVOLUTION,
    .summary =
        "Convolution and the greatest of each 2 x 2 block; plans of small networks take it for conv and max_pool.",
    .formula = "y = max_pool(conv(x, weight, bias), kernel 2, stride 2), then max(y, 0) if rectify",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, H, W]"},
                                   {.name = "weight", .shape = "[filters, C, kernel...]", .plain = true},
                                   {.name = "bias", .shape = "[filters]", .optional = true, .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, filters, H' / 2, W' / 2]"},
                                    {.name = "index", .shape = "as y", .optional = true, .detached = true},
                                    {0}},
    .attributes = pooled_attributes,
    .options_size = sizeof(struct pooled_options),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .textbook = textbook,
    .cpu = &cpu,
    .substitute = pooled_substitute,
    .cases = cases,
    .fuses_activation = true,
};
