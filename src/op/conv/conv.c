/* SPDX-License-Identifier: MIT */
/* Convolution (cross-correlation, as is usual in this field) of 1 to 3 spatial axes: descriptor, definition, gradient,
 * and the choice of its fast form. Its gradients are operators of their own, input_gradient.c and weight_gradient.c;
 * product.h is the general fast form. */
#include "op/common.h"
#include "op/conv/conv.h"
#include "op/conv/product.h"
#include "op/conv/winograd.h"
#include "op/onnx.h"

const struct op_attribute conv_attributes[] = {
    {OP_ATTRIBUTE(struct conv_options, kernel), .onnx = "kernel_shape", .kind = OP_LIST, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "taps per axis; not given: the weight's"},
    {OP_ATTRIBUTE(struct conv_options, stride), .onnx = "strides", .kind = OP_LIST, .standard = 1, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels from window to window, per axis"},
    {OP_ATTRIBUTE(struct conv_options, pad), .onnx = "pads", .kind = OP_LIST, .standard = 0, .minimum = 0,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "zeros before each axis, then after each axis, pixels"},
    {OP_ATTRIBUTE(struct conv_options, dilation), .onnx = "dilations", .kind = OP_LIST, .standard = 1, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels from tap to tap, per axis"},
    {OP_ATTRIBUTE(struct conv_options, size), .kind = OP_LIST, .minimum = 0, .maximum = INT32_MAX,
     .doc = "spatial size of x, pixels; only the input gradient needs it"},
    {OP_ATTRIBUTE(struct conv_options, groups), .onnx = "group", .kind = OP_INTEGER, .standard = 1, .minimum = 1,
     .maximum = INT32_MAX, .doc = "parts of the channels that do not see each other"},
    {OP_ATTRIBUTE(struct conv_options, auto_pad), .onnx = "auto_pad", .kind = OP_CHOICE,
     .choices = window_auto_pad_choices, .doc = "how pads follow from sizes, in place of pad"},
    {0},
};

static int infer(const struct op_infer *infer)
{
    struct conv_geometry geometry;
    const fov_shape *weight = &infer->in[1].shape;
    int status = op_check_layer(infer, false);
    if (status != FOV_OK) {
        return status;
    }
    if (conv_geometry(&geometry, infer->options, &infer->in[0].shape, weight, infer->error) != 0) {
        return FOV_E_SHAPE;
    }
    if (infer->in_count > 2 && infer->in[2].shape.rank >= 0) {
        const fov_shape *bias = &infer->in[2].shape;
        if (bias->rank != 1 || bias->dim[0] != geometry.filters) {
            char text[SHAPE_TEXT_SIZE];
            return error_set(infer->error, FOV_E_SHAPE, "bias %s must be [%lld], one number per filter",
                             shape_text(bias, text), (long long)geometry.filters);
        }
    }
    infer->out[0].shape = conv_y_shape(&geometry);
    return 0;
}

static void gradient(struct op_gradient *gradient)
{
    struct conv_options options = conv_complete_options(gradient->options, &gradient->in_tensor[0].shape,
                                                        &gradient->in_tensor[1].shape);
    fov_value dy = gradient->out_gradient[0];
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "conv_input_gradient", dy, gradient->in[1], &options);
    }
    if (gradient->wanted[1]) {
        gradient->in_gradient[1] = op_emit2(gradient->emitter, "conv_weight_gradient", gradient->in[0], dy, &options);
    }
    if (gradient->in_count > 2 && gradient->wanted[2]) {
        gradient->in_gradient[2] = op_emit1(gradient->emitter, "sum_channels", dy, NULL);
    }
}

static void cost(struct op_cost *cost)
{
    struct conv_geometry geometry;
    if (conv_geometry(&geometry, cost->options, &cost->in[0].shape, &cost->in[1].shape, NULL) == 0) {
        cost->multiply_adds = conv_multiply_adds(&geometry);
        window_cost(&geometry.window, cost);
    }
}

struct sums {
    const double *x, *weight;
    double       *y;
};

static void add_to_y(void *context, size_t x, size_t weight, size_t y)
{
    struct sums *sums = context;
    sums->y[y] += sums->x[x] * sums->weight[weight];
}

/* y[n][f] at a pixel = bias[f] + sum over channels and taps of x * weight; conv_each_pair visits these products. */
static void textbook(const struct op_textbook *textbook)
{
    struct conv_geometry geometry;
    if (conv_geometry(&geometry, textbook->options, &textbook->in[0].shape, &textbook->in[1].shape, NULL) != 0) {
        return;
    }
    struct sums sums = {textbook->in[0].data, textbook->in[1].data, textbook->out[0].data};
    if (textbook->in_count > 2 && textbook->in[2].data != NULL) {
        size_t count = (size_t)(geometry.batch * geometry.filters * geometry.out_pixels);
        for (size_t i = 0; i < count; i++) {
            sums.y[i] = textbook->in[2].data[i / (size_t)geometry.out_pixels % (size_t)geometry.filters];
        }
    }
    conv_each_pair(&geometry, add_to_y, &sums);
}

static bool absorb(struct op_substitution *node)
{
    struct conv_options *options = node->options;
    return window_take_pad(node, options->auto_pad, &options->pad);
}

void conv_add_residual(const struct op_run *run, size_t pixel, size_t pixels, size_t channel, size_t channels)
{
    size_t stride = op_pixel_stride(run->residual), y_stride = op_pixel_stride(&run->out[0]);
    float *y = (float *)run->out[0].data + pixel * y_stride + channel;
    struct kernel_operand sums = {y, y_stride, 1};
    struct kernel_operand residual = {(const float *)run->residual->data + pixel * stride + channel, stride, 1};
    run->kernel->binary[BINARY_add](pixels, channels, sums, residual, y, y_stride);
    for (size_t at = 0; run->activation != UNARY_identity && at < pixels; at++, y += y_stride) {
        run->kernel->unary[run->activation](channels, y, y, run->alpha, run->beta);
    }
}

static int compile(struct op_compile *compile)
{
    struct conv_geometry geometry;
    int status = conv_forward_geometry(&geometry, compile);
    if (status != 0) {
        return status;
    }
    if (conv_is_depthwise(&geometry)) {
        return conv_depthwise_compile(compile, &geometry);
    }
    if (conv_planes_compile(compile, &geometry, false) || conv_winograd_compile(compile, &geometry, false) ||
        conv_grouped_compile(compile, &geometry)) {
        return 0;
    }
    return conv_product_compile(compile, &geometry);
}

static unsigned reads_rows(const void *options, const struct op_tensor *in, int in_count)
{
    struct conv_geometry geometry;
    (void)in_count;
    return conv_geometry(&geometry, options, &in[0].shape, &in[1].shape, NULL) == 0 && conv_reads_rows(&geometry)
               ? 1U << 0
               : 0;
}

static const struct op_cpu cpu = {.layout = OP_WANTS_CHANNELS_LAST,
                                  .supports = op_all_f32,
                                  .compile = compile,
                                  .strided_in = 1U << 0,
                                  .strided_out = true,
                                  .runs_within = true,
                                  .reads_rows = reads_rows};
static const struct op_onnx onnx = {.type = "Conv", .since = 1};

const struct op op_conv = {
    .name = "conv",
    .family = OP_CONVOLUTION,
    .exact = true,
    .summary = "Convolution (cross-correlation) of 1 to 3 spatial axes, with groups, pads, strides and dilation.",
    .formula = "y[n, f, o] = bias[f] + sum over c, t of x[n, c, o * stride + t * dilation - pad] * weight[f, c, t]",
    .source = "LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 86 (1998), section II",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, spatial...]"},
                                   {.name = "weight", .shape = "[filters, C / groups, kernel...]", .plain = true},
                                   {.name = "bias", .shape = "[filters]", .optional = true, .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, filters, spatial...]"}, {0}},
    .attributes = conv_attributes,
    .options_size = sizeof(struct conv_options),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = conv_cases,
    .fuses_activation = true,
    .fuses_residual = true,
    .folds_affine = true,
    .absorb = absorb,
};
