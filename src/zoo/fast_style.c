/* SPDX-License-Identifier: MIT */
/* A network that paints a picture in one style, in a single pass: Johnson, Alahi, Fei-Fei, "Perceptual losses for
 * real-time style transfer and super-resolution", ECCV 2016, with instance norm (Ulyanov, Vedaldi, Lempitsky 2016) and,
 * for the way back up, nearest neighbours and a convolution, as in PyTorch's example fast_neural_style, whose names and
 * numbers these are. Its weights work on pixels of 0..255; the multiplications at both ends convert from and to 0..1,
 * as everywhere here. */
#include "zoo/blocks.h"

enum { RESIDUALS = 5, WIDTH = 32 };

/* A convolution padded by mirroring the map at its border. */
static fov_value reflect_conv(struct zoo_build *b, fov_value x, const char *scope, int filters, int kernel, int stride)
{
    int side = kernel / 2;
    fov_graph *g = b->graph;
    x = fov_pad(g, x, .before = {0, 0, side, side}, .behind = {0, 0, side, side}, .mode = FOV_PAD_REFLECT);
    zoo_push(b, "%s", scope);
    x = fov_conv2d(g, x, .filters = filters, .kernel = kernel, .stride = stride, .name = "conv2d");
    zoo_pop(b);
    return x;
}

static fov_value norm(struct zoo_build *b, fov_value x, const char *name)
{
    return fov_instance_norm_opt(b->graph, x, &(fov_instance_norm_options){.name = name});
}

static fov_value residual(struct zoo_build *b, fov_value x, int number)
{
    int channels = zoo_channels(b, x);
    zoo_push(b, "res%d", number);
    fov_value y = fov_relu(b->graph, norm(b, reflect_conv(b, x, "conv1", channels, 3, 1), "in1"));
    y = norm(b, reflect_conv(b, y, "conv2", channels, 3, 1), "in2");
    zoo_pop(b);
    return fov_add(b->graph, y, x);
}

static fov_value enlarge(struct zoo_build *b, fov_value x)
{
    fov_shape size = fov_value_shape(b->graph, x);
    return fov_resize2d(b->graph, x, .height = 2 * (int)size.dim[2], .width = 2 * (int)size.dim[3],
                        .mode = FOV_RESIZE_NEAREST);
}

static fov_value times(fov_graph *g, fov_value x, float factor)
{
    return fov_mul(g, x, fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &factor));
}

static fov_value build(struct zoo_build *b, fov_value picture)
{
    fov_graph *g = b->graph;
    fov_value x = times(g, picture, 255.0F);
    x = fov_relu(g, norm(b, reflect_conv(b, x, "conv1", WIDTH, 9, 1), "in1"));
    x = fov_relu(g, norm(b, reflect_conv(b, x, "conv2", 2 * WIDTH, 3, 2), "in2"));
    x = fov_relu(g, norm(b, reflect_conv(b, x, "conv3", 4 * WIDTH, 3, 2), "in3"));
    for (int i = 1; i <= RESIDUALS; i++) {
        x = residual(b, x, i);
    }
    x = fov_relu(g, norm(b, reflect_conv(b, enlarge(b, x), "deconv1", 2 * WIDTH, 3, 1), "in4"));
    x = fov_relu(g, norm(b, reflect_conv(b, enlarge(b, x), "deconv2", WIDTH, 3, 1), "in5"));
    x = reflect_conv(b, x, "deconv3", b->input.channels, 9, 1);
    return times(g, x, 1.0F / 255.0F);
}

const struct zoo_network zoo_fast_style = {
    .name = "fast-style",
    .summary = "A network that paints a picture in the style it has learned, at once",
    .family = "style",
    .year = 2016,
    .paper = "Johnson, Alahi, Fei-Fei: Perceptual losses for real-time style transfer and super-resolution",
    .reference = "PyTorch's fast_neural_style",
    .task = "style",
    .standard = {.channels = 3, .height = 256, .width = 256, .classes = 3},
    .head = build,
};
