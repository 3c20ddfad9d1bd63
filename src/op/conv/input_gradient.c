/* SPDX-License-Identifier: MIT */
/* The gradient of a convolution with respect to its input; as a layer, the transposed convolution. It sums over the
 * same products as conv.c, only to the pixels of x. Fast forms: product.h, with phases where the stride is not 1;
 * winograd.h; patches.c for small layers in large batches; depthwise_gradient.c. */
#include "op/common.h"
#include "op/conv/conv.h"
#include "op/conv/product.h"
#include "op/conv/winograd.h"

/** The geometry of the convolution whose gradient this is, and the shape of x, from dy and weight. */
static int geometry_of(struct conv_geometry *geometry, const struct conv_options *options, const fov_shape *dy,
                       const fov_shape *weight, fov_shape *x, struct error *error)
{
    int status = conv_x_shape(options, dy, weight, x, error);
    if (status == 0) {
        status = conv_geometry(geometry, options, x, weight, error);
    }
    return status == 0 ? conv_check_dy(geometry, dy, error) : status;
}

static int infer(const struct op_infer *infer)
{
    struct conv_geometry geometry;
    fov_shape x;
    int status = geometry_of(&geometry, infer->options, &infer->in[0].shape, &infer->in[1].shape, &x, infer->error);
    infer->out[0].shape = x;
    return status;
}

/* dx is linear in dy and in weight: with g the gradient that reaches dx, d(dy) = conv(g, weight) and d(weight) is the
 * weight gradient of g and dy. */
static void gradient(struct op_gradient *gradient)
{
    fov_value g = gradient->out_gradient[0];
    struct conv_options options = conv_complete_options(gradient->options, &gradient->out_tensor[0].shape,
                                                        &gradient->in_tensor[1].shape);
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "conv", g, gradient->in[1], &options);
    }
    if (gradient->wanted[1]) {
        gradient->in_gradient[1] = op_emit2(gradient->emitter, "conv_weight_gradient", g, gradient->in[0], &options);
    }
}

static void cost(struct op_cost *cost)
{
    struct conv_geometry geometry;
    fov_shape x;
    if (geometry_of(&geometry, cost->options, &cost->in[0].shape, &cost->in[1].shape, &x, NULL) == 0) {
        cost->multiply_adds = conv_multiply_adds(&geometry);
    }
}

struct sums {
    const double *dy, *weight;
    double       *dx;
};

static void add_to_dx(void *context, size_t x, size_t weight, size_t y)
{
    struct sums *sums = context;
    sums->dx[x] += sums->dy[y] * sums->weight[weight];
}

static void textbook(const struct op_textbook *textbook)
{
    struct conv_geometry geometry;
    fov_shape x;
    struct sums sums = {textbook->in[0].data, textbook->in[1].data, textbook->out[0].data};
    if (geometry_of(&geometry, textbook->options, &textbook->in[0].shape, &textbook->in[1].shape, &x, NULL) == 0) {
        conv_each_pair(&geometry, add_to_dx, &sums);
    }
}

int conv_input_compile(struct op_compile *compile)
{
    struct conv_geometry geometry;
    fov_shape x;
    int status = geometry_of(&geometry, compile->options, &compile->in[0].shape, &compile->in[1].shape, &x,
                             compile->error);
    if (status != 0) {
        return status;
    }
    if (conv_is_depthwise(&geometry)) {
        return conv_depthwise_input_compile(compile, &geometry);
    }
    if (conv_planes_compile(compile, &geometry, true) || conv_winograd_compile(compile, &geometry, true)) {
        return 0;
    }
    return conv_patches_pay(compile->kernel, &geometry) ? conv_patches_compile(compile, &geometry)
                                                        : conv_product_gradient_compile(compile, &geometry);
}

/** Whether the form for these sizes adds a residual and multiplies by an activation's derivative: all but the
 *  depthwise form do. */
static bool fuses_here(const void *options, const struct op_tensor *in, int in_count)
{
    struct conv_geometry geometry;
    fov_shape x;
    (void)in_count;
    return geometry_of(&geometry, options, &in[0].shape, &in[1].shape, &x, NULL) == 0 && !conv_is_depthwise(&geometry);
}

/* Reads dy as rows made on demand only if the convolution is depthwise: then one pass over dy makes this and the
   weight's gradient. */
static unsigned reads_rows(const void *options, const struct op_tensor *in, int in_count)
{
    struct conv_geometry geometry;
    fov_shape x;
    (void)in_count;
    return geometry_of(&geometry, options, &in[0].shape, &in[1].shape, &x, NULL) == 0 && conv_is_depthwise(&geometry) &&
                   conv_reads_rows(&geometry)
               ? 1U << 0
               : 0;
}

static const struct op_cpu cpu = {
    .layout = OP_WANTS_CHANNELS_LAST, .supports = op_all_f32, .compile = conv_input_compile, .reads_rows = reads_rows};

const struct op op_conv_input_gradient = {
    .name = "conv_input_gradient",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Gradient of a convolution with respect to its input.",
    .formula =
        "dx[n, c, i] = sum over f, t, o with o * stride + t * dilation - pad = i of dy[n, f, o] * weight[f, c, t]",
    .source = "Dumoulin & Visin, A guide to convolution arithmetic for deep learning (2016), section 4",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[N, filters, spatial...]"},
                                   {.name = "weight", .shape = "[filters, C / groups, kernel...]", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "[N, C, size...]"}, {0}},
    .attributes = conv_attributes,
    .options_size = sizeof(struct conv_options),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .textbook = textbook,
    .cpu = &cpu,
    .fuses_residual = true,
    .fuses_activation_gradient = true,
    .fuses_here = fuses_here,
    .cases = conv_input_gradient_cases,
};
