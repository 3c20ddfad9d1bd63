/* SPDX-License-Identifier: MIT */
/* Network in network: Lin, Chen, Yan, ICLR 2014. Each convolution is followed by two of 1 x 1, a small perceptron at
 * every pixel; the last layer has a map per class, whose mean is the logit: there is no dense layer. Layers keep the
 * names of the authors' Caffe models, whose pooling rounds sizes up. */
#include "zoo/blocks.h"

struct layer {
    const char *name;
    int filters, kernel, stride, pad;
};

/* A convolution and its perceptron, each rectified. */
static fov_value perceptron(struct zoo_build *b, fov_value x, const struct layer layers[3])
{
    for (int i = 0; i < 3; i++) {
        int pad = layers[i].pad;
        int filters = layers[i].filters > 0 ? layers[i].filters : b->input.classes;
        x = zoo_conv(b, x, .filters = filters, .kernel = layers[i].kernel, .stride = layers[i].stride, .valid = true,
                     .pads = {pad, pad, pad, pad}, .bias = true, .no_norm = true, .activation = ZOO_RELU,
                     .name = layers[i].name);
    }
    return x;
}

static fov_value max_pool(struct zoo_build *b, fov_value x)
{
    return fov_max_pool2d(b->graph, x, .kernel = 3, .stride = 2, .ceil_mode = true);
}

static fov_value cifar_features(struct zoo_build *b, fov_value x)
{
    x = perceptron(b, x,
                   (const struct layer[]){{"conv1", 192, 5, 1, 2}, {"cccp1", 160, 1, 1, 0}, {"cccp2", 96, 1, 1, 0}});
    x = zoo_dropout(b, max_pool(b, x));
    zoo_stage(b, 2, x);
    x = perceptron(b, x,
                   (const struct layer[]){{"conv2", 192, 5, 1, 2}, {"cccp3", 192, 1, 1, 0}, {"cccp4", 192, 1, 1, 0}});
    x = fov_avg_pool2d(b->graph, x, .kernel = 3, .stride = 2, .ceil_mode = true);
    x = zoo_dropout(b, x);
    zoo_stage(b, 4, x);
    return x;
}

static fov_value cifar_head(struct zoo_build *b, fov_value x)
{
    x = perceptron(b, x,
                   (const struct layer[]){{"conv3", 192, 3, 1, 1}, {"cccp5", 192, 1, 1, 0}, {"cccp6", 0, 1, 1, 0}});
    return fov_flatten(b->graph, fov_global_avg_pool(b->graph, x));
}

static fov_value imagenet_features(struct zoo_build *b, fov_value x)
{
    x = perceptron(b, x,
                   (const struct layer[]){{"conv1", 96, 11, 4, 0}, {"cccp1", 96, 1, 1, 0}, {"cccp2", 96, 1, 1, 0}});
    zoo_stage(b, 4, x);
    x = max_pool(b, x);
    x = perceptron(b, x,
                   (const struct layer[]){{"conv2", 256, 5, 1, 2}, {"cccp3", 256, 1, 1, 0}, {"cccp4", 256, 1, 1, 0}});
    zoo_stage(b, 8, x);
    x = max_pool(b, x);
    x = perceptron(b, x,
                   (const struct layer[]){{"conv3", 384, 3, 1, 1}, {"cccp5", 384, 1, 1, 0}, {"cccp6", 384, 1, 1, 0}});
    zoo_stage(b, 16, x);
    x = zoo_dropout(b, max_pool(b, x));
    zoo_stage(b, 32, x);
    return x;
}

static fov_value imagenet_head(struct zoo_build *b, fov_value x)
{
    x = perceptron(b, x,
                   (const struct layer[]){{"conv4", 1024, 3, 1, 1}, {"cccp7", 1024, 1, 1, 0}, {"cccp8", 0, 1, 1, 0}});
    return fov_flatten(b->graph, fov_global_avg_pool(b->graph, x));
}

#define NIN .family = "NIN", .year = 2014, .common = {.dropout = 0.5}, .paper = "Lin, Chen, Yan: Network in network"

const struct zoo_network zoo_nin_cifar = {
    .name = "nin_cifar",
    .summary = "Network in network for CIFAR-10: a perceptron at every pixel, no dense layer",
    NIN,
    .accuracy = "CIFAR-10 89.59 %, with augmentation 91.19 %",
    .features = cifar_features,
    .head = cifar_head,
    ZOO_CIFAR,
};
const struct zoo_network zoo_nin = {
    .name = "nin",
    .summary = "Network in network for ImageNet",
    NIN,
    .accuracy = "ImageNet top-1 59.36 %",
    .features = imagenet_features,
    .head = imagenet_head,
    ZOO_IMAGENET(227),
};
