/* SPDX-License-Identifier: MIT */
/* The gradient of a convolution with respect to its weight. It sums over the same products as conv.c, only to the taps
 * of the weight. Fast forms: outer.h, winograd_weight.h, depthwise_gradient.c. */
#include "op/common.h"
#include "op/conv/conv.h"
#include "op/conv/outer.h"
#include "op/conv/winograd_weight.h"

/** The geometry of the convolution whose gradient this is, and the shape of the weight, from x and dy. */
static int geometry_of(struct conv_geometry *geometry, const struct conv_options *options, const fov_shape *x,
                       const fov_shape *dy, fov_shape *weight, struct error *error)
{
    int status = conv_weight_shape(options, x, dy, weight, error);
    if (status == 0) {
        status = conv_geometry(geometry, options, x, weight, error);
    }
    return status == 0 ? conv_check_dy(geometry, dy, error) : status;
}

static int infer(const struct op_infer *infer)
{
    struct conv_geometry geometry;
    fov_shape weight;
    int status =
        geometry_of(&geometry, infer->options, &infer->in[0].shape, &infer->in[1].shape, &weight, infer->error);
    infer->out[0].shape = weight;
    return status;
}

/* dweight is linear in x and in dy: with g the gradient that reaches dweight, d(x) is the input gradient of dy through
 * g, and d(dy) = conv(x, g). */
static void gradient(struct op_gradient *gradient)
{
    fov_value g = gradient->out_gradient[0];
    struct conv_options options = conv_complete_options(gradient->options, &gradient->in_tensor[0].shape,
                                                        &gradient->out_tensor[0].shape);
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "conv_input_gradient", gradient->in[1], g, &options);
    }
    if (gradient->wanted[1]) {
        gradient->in_gradient[1] = op_emit2(gradient->emitter, "conv", gradient->in[0], g, &options);
    }
}

static void cost(struct op_cost *cost)
{
    struct conv_geometry geometry;
    fov_shape weight;
    if (geometry_of(&geometry, cost->options, &cost->in[0].shape, &cost->in[1].shape, &weight, NULL) == 0) {
        cost->multiply_adds = conv_multiply_adds(&geometry);
    }
}

struct sums {
    const double *x, *dy;
    double       *dweight;
};

static void add_to_dweight(void *context, size_t x, size_t weight, size_t y)
{
    struct sums *sums = context;
    sums->dweight[weight] += sums->x[x] * sums->dy[y];
}

static void textbook(const struct op_textbook *textbook)
{
    struct conv_geometry geometry;
    fov_shape weight;
    struct sums sums = {textbook->in[0].data, textbook->in[1].data, textbook->out[0].data};
    if (geometry_of(&geometry, textbook->options, &textbook->in[0].shape, &textbook->in[1].shape, &weight, NULL) == 0) {
        conv_each_pair(&geometry, add_to_dweight, &sums);
    }
}

static int compile(struct op_compile *compile)
{
    struct conv_geometry geometry;
    fov_shape weight;
    int status = geometry_of(&geometry, compile->options, &compile->in[0].shape, &compile->in[1].shape, &weight,
                             compile->error);
    if (status != 0) {
        return status;
    }
    if (conv_is_depthwise(&geometry)) {
        return conv_depthwise_weight_compile(compile, &geometry);
    }
    if (conv_planes_weight_compile(compile, &geometry) || conv_winograd_weight_compile(compile, &geometry) ||
        conv_outer_rows_compile(compile, &geometry)) {
        return 0;
    }
    return conv_outer_compile(compile, &geometry);
}

static unsigned reads_rows(const void *options, const struct op_tensor *in, int in_count)
{
    struct conv_geometry geometry;
    fov_shape weight;
    (void)in_count;
    if (geometry_of(&geometry, options, &in[0].shape, &in[1].shape, &weight, NULL) != 0 ||
        !conv_reads_rows(&geometry)) {
        return 0;
    }
    return conv_is_depthwise(&geometry) ? 1U << 0 | 1U << 1 : 1U << 0;
}

static const struct op_cpu cpu = {
    .layout = OP_WANTS_CHANNELS_LAST, .supports = op_all_f32, .compile = compile, .reads_rows = reads_rows};

const struct op op_conv_weight_gradient = {
    .name = "conv_weight_gradient",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Gradient of a convolution with respect to its weight.",
    .formula = "dweight[f, c, t] = sum over n, o of x[n, c, o * stride + t * dilation - pad] * dy[n, f, o]",
    .source = "Dumoulin & Visin, A guide to convolution arithmetic for deep learning (2016)",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, spatial...]"},
                                   {.name = "dy", .shape = "[N, filters, spatial...]"},
                                   {0}},
    .out =
        (const struct op_port[]){{.name = "dweight", .shape = "[filters, C / groups, kernel...]", .plain = true}, {0}},
    .attributes = conv_attributes,
    .options_size = sizeof(struct conv_options),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = conv_weight_gradient_cases,
};
