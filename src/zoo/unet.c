/* SPDX-License-Identifier: MIT */
/* U-Net: Ronneberger, Fischer, Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015,
 * figure 1. `unet@paper` is as printed: convolutions are not padded, so that 572 x 572 pixels give 388 x 388.
 * `unet` is today's usual form, padded and with batch norm: a map per class, [N, classes, H, W]; H and W are multiples
 * of 16. With a backbone, the encoder is another network's features (unet_backbone.c). */
#include "graph/graph.h"
#include "zoo/unet.h"
#include <stdio.h>

enum { LEVELS = 4 };

#define WIDTH                                                                                                         \
    {                                                                                                                 \
        ATTRIBUTE(struct unet_options, width), .kind = ATTRIBUTE_INTEGER, .standard = 64, .minimum = 1,               \
                                               .maximum = 512,                                                        \
                                               .doc = "channels of the first level; each one below has twice as many" \
    }
static const struct attribute paper_attributes[] = {WIDTH, {.name = NULL}};
static const struct attribute attributes[] = {
    WIDTH,
    {ATTRIBUTE(struct unet_options, backbone), .kind = ATTRIBUTE_NAME,
     .doc = "a network whose features are the way down, by name or from a file: resnet18"},
    {.name = NULL},
};

static int width_of(const struct zoo_build *b)
{
    const struct unet_options *options = zoo_options(b);
    return (int)options->width;
}

/* Twice: conv 3 x 3, batch norm, ReLU */
static fov_value double_conv(struct zoo_build *b, fov_value x, int filters, const char *scope)
{
    zoo_push(b, "%s", scope);
    for (int i = 0; i < 2; i++) {
        char conv[16], norm[16];
        snprintf(conv, sizeof conv, "conv%d", i + 1);
        snprintf(norm, sizeof norm, "bn%d", i + 1);
        x = zoo_conv(b, x, .filters = filters, .kernel = 3, .activation = ZOO_RELU, .name = conv, .norm = norm);
    }
    zoo_pop(b);
    return x;
}

static fov_value unet_build(struct zoo_build *b, fov_value x)
{
    const struct unet_options *options = zoo_options(b);
    fov_graph *g = b->graph;
    fov_value level[LEVELS];
    int width = width_of(b);
    char scope[16], up[16];

    if (options->backbone[0] != '\0') {
        return unet_on_backbone(b, x, options->backbone);
    }
    int step = 1 << LEVELS, height = b->input.height, breadth = b->input.width;
    if (height % step != 0 || breadth % step != 0) {
        return fov_graph_fail(g, NULL, FOV_E_SHAPE,
                              "its pictures are halved four times: sides of %d x %d pixels are no multiples of %d, as "
                              "%d x %d would be",
                              height, breadth, step, (height + step - 1) / step * step,
                              (breadth + step - 1) / step * step);
    }
    for (int i = 0; i < LEVELS; i++) { /* down: half the height and width, twice the channels */
        snprintf(scope, sizeof scope, "down%d", i);
        level[i] = double_conv(b, x, width << i, scope);
        x = fov_max_pool2d(g, level[i], .kernel = 2);
    }
    x = double_conv(b, x, width << LEVELS, "bottom");
    for (int i = LEVELS - 1; i >= 0; i--) { /* up again, beside the encoder's map of the same size */
        snprintf(up, sizeof up, "up%d", i);
        snprintf(scope, sizeof scope, "merge%d", i);
        x = fov_conv_transpose2d(g, x, .filters = width << i, .kernel = 2, .stride = 2, .name = up);
        x = double_conv(b, fov_concat(g, (fov_value[]){level[i], x}, 2, 1), width << i, scope);
    }
    return fov_conv2d(g, x, .filters = b->input.classes, .kernel = 1, .name = "output");
}

/* ---- as printed -------------------------------------------------------------------------------------------------- */

/* Twice: conv 3 x 3 without padding, ReLU. Each convolution removes a frame of one pixel. */
static fov_value double_valid(struct zoo_build *b, fov_value x, int filters, const char *scope)
{
    zoo_push(b, "%s", scope);
    x = zoo_conv(b, x, .filters = filters, .kernel = 3, .valid = true, .bias = true, .no_norm = true,
                 .activation = ZOO_RELU, .name = "conv1");
    x = zoo_conv(b, x, .filters = filters, .kernel = 3, .valid = true, .bias = true, .no_norm = true,
                 .activation = ZOO_RELU, .name = "conv2");
    zoo_pop(b);
    return x;
}

/* The middle of x, as large as `small`. */
static fov_value cropped(fov_graph *g, fov_value x, fov_value small)
{
    fov_shape from = fov_value_shape(g, x), to = fov_value_shape(g, small);
    for (int axis = 2; axis < 4; axis++) {
        x = fov_slice(g, x, axis, (from.dim[axis] - to.dim[axis]) / 2, to.dim[axis], 1);
    }
    return x;
}

static fov_value unet_paper_build(struct zoo_build *b, fov_value x)
{
    static const char *const up[LEVELS] = {"up0", "up1", "up2", "up3"},
                             *const down[] = {"down0", "down1", "down2", "down3"},
                             *const merge[] = {"merge0", "merge1", "merge2", "merge3"};
    fov_graph *g = b->graph;
    fov_value level[LEVELS];
    int width = width_of(b);
    for (int i = 0; i < LEVELS; i++) {
        level[i] = double_valid(b, x, width << i, down[i]);
        level[i] = i == LEVELS - 1 ? fov_dropout(g, level[i], 0.5F) : level[i]; /* at the end of the encoder */
        x = fov_max_pool2d(g, level[i], .kernel = 2);
    }
    x = fov_dropout(g, double_valid(b, x, width << LEVELS, "bottom"), 0.5F);
    for (int i = LEVELS - 1; i >= 0; i--) {
        x = fov_conv_transpose2d(g, x, .filters = width << i, .kernel = 2, .stride = 2, .name = up[i]);
        x = fov_concat(g, (fov_value[]){cropped(g, level[i], x), x}, 2, 1);
        x = double_valid(b, x, width << i, merge[i]);
    }
    return fov_conv2d(g, x, .filters = b->input.classes, .kernel = 1, .name = "output");
}

#define UNET                                                                    \
    .family = "U-Net", .year = 2015, .task = "segment", .deviation = {1, 1, 1}, \
    .paper = "Ronneberger, Fischer, Brox: U-Net: convolutional networks for biomedical image segmentation"

const struct zoo_network zoo_unet = {
    .name = "unet",
    .summary = "U-Net (Ronneberger et al. 2015), padded, with batch norm: a map of classes the size of the picture",
    .standard = {.channels = 3, .height = 256, .width = 256, .classes = 2},
    .attributes = attributes,
    .options_size = sizeof(struct unet_options),
    .head = unet_build,
    UNET,
};
const struct zoo_network zoo_unet_paper = {
    .name = "unet@paper",
    .summary = "U-Net as printed: no padding, 572 x 572 pixels give 388 x 388",
    .accuracy = "ISBI EM warping error 0.000353; PhC-U373 IoU 92.03 %",
    .standard = {.channels = 1, .height = 572, .width = 572, .classes = 2},
    .attributes = paper_attributes,
    .options_size = sizeof(struct unet_options),
    .head = unet_paper_build,
    UNET,
};
