/* SPDX-License-Identifier: MIT */
/* U-Net: Ronneberger, Fischer, Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015,
 * figure 1, in today's usual form: padded convolutions, so that the result has the picture's size, and batch norm. Its
 * result has a map per class: [N, classes, H, W]; H and W are multiples of 16. */
#include "zoo/blocks.h"
#include <stdio.h>

enum { LEVELS = 4, WIDTH = 64 };

/* Twice: conv 3 x 3, batch norm, ReLU */
static fov_value double_conv(fov_graph *g, fov_value x, int filters, const char *scope)
{
    fov_scope_push(g, scope);
    for (int i = 0; i < 2; i++) {
        char conv[16], norm[16];
        snprintf(conv, sizeof conv, "conv%d", i + 1);
        snprintf(norm, sizeof norm, "bn%d", i + 1);
        x = zoo_conv2d_for_relu(g, x, .filters = filters, .kernel = 3, .pad = 1, .no_bias = true, .name = conv);
        x = fov_relu(g, fov_batch_norm_opt(g, x, &(fov_batch_norm_options){.name = norm}));
    }
    fov_scope_pop(g);
    return x;
}

static fov_value unet_build(struct zoo_build *b, fov_value x)
{
    fov_graph *g = b->graph;
    fov_value level[LEVELS];
    char scope[16], up[16];

    for (int i = 0; i < LEVELS; i++) { /* down: half the pixels, twice the channels */
        snprintf(scope, sizeof scope, "down%d", i);
        level[i] = double_conv(g, x, WIDTH << i, scope);
        x = fov_max_pool2d(g, level[i], .kernel = 2);
    }
    x = double_conv(g, x, WIDTH << LEVELS, "bottom");
    for (int i = LEVELS - 1; i >= 0; i--) { /* up again, beside what was seen at that size on the way down */
        snprintf(up, sizeof up, "up%d", i);
        snprintf(scope, sizeof scope, "merge%d", i);
        x = fov_conv_transpose2d(g, x, .filters = WIDTH << i, .kernel = 2, .stride = 2, .name = up);
        x = double_conv(g, fov_concat(g, (fov_value[]){level[i], x}, 2, 1), WIDTH << i, scope);
    }
    return fov_conv2d(g, x, .filters = b->input.classes, .kernel = 1, .name = "output");
}

const struct zoo_network zoo_unet = {
    .name = "unet",
    .summary = "U-Net (Ronneberger et al. 2015), padded, with batch norm: a map of classes the size of the picture",
    .family = "U-Net",
    .year = 2015,
    .paper = "Ronneberger, Fischer, Brox: U-Net: convolutional networks for biomedical image segmentation",
    .task = "segment",
    .standard = {.channels = 3, .height = 256, .width = 256, .classes = 2},
    .deviation = {1, 1, 1},
    .head = unet_build,
};
