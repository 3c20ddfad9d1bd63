/* SPDX-License-Identifier: MIT */
/* DenseNet: Huang, Liu, van der Maaten, Weinberger, "Densely connected convolutional networks", CVPR 2017, table 1.
 * Each layer of a block reads all maps that were made before it in the block, and adds a few (the growth). Names are
 * torchvision's. */
#include "zoo/blocks.h"

struct densenet {
    int layers[4]; /* of each block */
    int growth, first;
};

/* Norm, ReLU, convolution: the order of pre-activation. */
static fov_value norm_conv(struct zoo_build *b, fov_value x, int filters, int kernel, const char *norm,
                           const char *conv)
{
    x = fov_relu(b->graph, fov_batch_norm_opt(b->graph, x, &(fov_batch_norm_options){.name = norm}));
    return zoo_conv(b, x, .filters = filters, .kernel = kernel, .no_norm = true, .name = conv);
}

static fov_value dense_block(struct zoo_build *b, fov_value x, int layers, int growth)
{
    enum { BOTTLENECK = 4 };
    for (int i = 0; i < layers; i++) {
        zoo_push(b, "denselayer%d", i + 1);
        fov_value y = norm_conv(b, x, BOTTLENECK * growth, 1, "norm1", "conv1");
        y = zoo_attend(b, norm_conv(b, y, growth, 3, "norm2", "conv2"));
        x = fov_concat(b->graph, (fov_value[]){x, y}, 2, 1);
        zoo_pop(b);
    }
    return x;
}

static fov_value features(struct zoo_build *b, fov_value x)
{
    const struct densenet *plan = b->network->plan;
    zoo_push(b, "features");
    x = zoo_conv(b, x, .filters = plan->first, .kernel = 7, .stride = 2, .activation = ZOO_RELU, .name = "conv0",
                 .norm = "norm0");
    zoo_stage(b, 2, x);
    x = fov_max_pool2d(b->graph, x, .kernel = 3, .stride = 2, .pad = 1, .name = "pool0");
    for (int i = 0; i < 4; i++) {
        zoo_push(b, "denseblock%d", i + 1);
        x = dense_block(b, x, plan->layers[i], plan->growth);
        zoo_pop(b);
        zoo_stage(b, 4 << i, x);
        if (i < 3) { /* a transition: half the channels, half the size */
            zoo_push(b, "transition%d", i + 1);
            x = norm_conv(b, x, zoo_channels(b, x) / 2, 1, "norm", "conv");
            x = fov_avg_pool2d(b->graph, x, .kernel = 2, .name = "pool");
            zoo_pop(b);
        }
    }
    x = fov_relu(b->graph, fov_batch_norm_opt(b->graph, x, &(fov_batch_norm_options){.name = "norm5"}));
    zoo_pop(b);
    zoo_stage(b, 32, x);
    return x;
}

static fov_value head(struct zoo_build *b, fov_value x)
{
    return zoo_pooled_logits(b, x, "classifier");
}

#define DENSENET(...)                                                                                                  \
    .plan = &(const struct densenet){__VA_ARGS__}, .family = "DenseNet", .year = 2017, .reference = "torchvision",     \
    .paper = "Huang, Liu, van der Maaten, Weinberger: Densely connected convolutional networks", .features = features, \
    .head = head, ZOO_IMAGENET(224), .shorter = 256

const struct zoo_network zoo_densenet121 = {
    .name = "densenet121",
    .summary = "DenseNet-121: each layer reads all maps before it; growth 32",
    .accuracy = "ImageNet top-1 74.434 %, top-5 91.972 %",
    DENSENET({6, 12, 24, 16}, 32, 64),
};
const struct zoo_network zoo_densenet161 = {
    .name = "densenet161",
    .summary = "DenseNet-161: growth 48",
    .accuracy = "ImageNet top-1 77.138 %, top-5 93.560 %",
    DENSENET({6, 12, 36, 24}, 48, 96),
};
const struct zoo_network zoo_densenet169 = {
    .name = "densenet169",
    .summary = "DenseNet-169",
    .accuracy = "ImageNet top-1 75.600 %, top-5 92.806 %",
    DENSENET({6, 12, 32, 32}, 32, 64),
};
const struct zoo_network zoo_densenet201 = {
    .name = "densenet201",
    .summary = "DenseNet-201",
    .accuracy = "ImageNet top-1 76.896 %, top-5 93.370 %",
    DENSENET({6, 12, 48, 32}, 32, 64),
};
