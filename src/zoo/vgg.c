/* SPDX-License-Identifier: MIT */
/* VGG: Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015, table 1,
 * columns A, B, D and E. Nothing but 3 x 3 convolutions, 2 x 2 max-pooling, and three dense layers that hold nine
 * tenths of the parameters. Names and numbering are torchvision's, so that its weights load as they are. */
#include "zoo/blocks.h"
#include <stdio.h>

struct vgg {
    int convolutions[5]; /* of each stage */
    bool norm;
};
struct vgg_options {
    int head; /* index into heads */
};
static const char *const heads[] = {"dense", "linear", NULL};
static const struct attribute vgg_attributes[] = {
    {ATTRIBUTE(struct vgg_options, head), .kind = ATTRIBUTE_CHOICE, .choices = heads,
     .doc = "three dense layers as in the paper, or one on means, which suits small pictures"},
    {.name = NULL},
};

static fov_value features(struct zoo_build *b, fov_value x)
{
    const struct vgg *plan = b->network->plan;
    int layer = 0; /* torchvision counts convolutions, norms, activations and poolings */
    char name[32], norm[32];

    for (int stage = 0; stage < 5; stage++) {
        for (int i = 0; i < plan->convolutions[stage]; i++, layer += plan->norm ? 3 : 2) {
            snprintf(name, sizeof name, "features.%d", layer);
            snprintf(norm, sizeof norm, "features.%d", layer + 1);
            x = zoo_conv(b, x, .filters = stage < 3 ? 64 << stage : 512, .kernel = 3, .bias = true,
                         .no_norm = !plan->norm, .activation = ZOO_RELU, .name = name, .norm = norm);
        }
        snprintf(name, sizeof name, "features.%d", layer++);
        x = fov_max_pool2d(b->graph, x, .kernel = 2, .name = name);
        x = zoo_end_stage(b, 2 << stage, x);
    }
    return x;
}

static fov_value head(struct zoo_build *b, fov_value x)
{
    fov_graph *g = b->graph;
    const struct vgg_options *options = zoo_options(b);
    if (options->head == 1) {
        return zoo_pooled_logits(b, x, "classifier");
    }
    x = fov_flatten(g, fov_adaptive_avg_pool2d(g, x, 7, 7));
    x = fov_relu(g, fov_dense(g, x, .units = 4096, .name = "classifier.0"));
    x = fov_relu(g, fov_dense(g, zoo_dropout(b, x), .units = 4096, .name = "classifier.3"));
    x = zoo_dropout(b, x);
    return fov_dense(g, x, .units = b->input.classes, .name = "classifier.6");
}

#define VGG(...)                                                                                                  \
    .plan = &(const struct vgg){__VA_ARGS__}, .family = "VGG", .year = 2015, .reference = "torchvision",          \
    .paper = "Simonyan, Zisserman: Very deep convolutional networks for large-scale image recognition",           \
    .attributes = vgg_attributes, .options_size = sizeof(struct vgg_options), .features = features, .head = head, \
    .common = {.dropout = 0.5}, ZOO_IMAGENET(224), .shorter = 256

const struct zoo_network zoo_vgg11 = {
    .name = "vgg11",
    .summary = "VGG-11 (column A): eight 3 x 3 convolutions, three dense layers",
    .accuracy = "ImageNet top-1 69.020 %, top-5 88.628 %",
    VGG(.convolutions = {1, 1, 2, 2, 2}),
};
const struct zoo_network zoo_vgg13 = {
    .name = "vgg13",
    .summary = "VGG-13 (column B): ten 3 x 3 convolutions, three dense layers",
    .accuracy = "ImageNet top-1 69.928 %, top-5 89.246 %",
    VGG(.convolutions = {2, 2, 2, 2, 2}),
};
const struct zoo_network zoo_vgg16 = {
    .name = "vgg16",
    .summary = "VGG-16 (Simonyan, Zisserman 2015, column D): thirteen 3 x 3 convolutions, three dense layers",
    .accuracy = "ImageNet top-1 71.592 %, top-5 90.382 %",
    VGG(.convolutions = {2, 2, 3, 3, 3}),
};
const struct zoo_network zoo_vgg19 = {
    .name = "vgg19",
    .summary = "VGG-19: sixteen 3 x 3 convolutions, three dense layers",
    .accuracy = "ImageNet top-1 72.376 %, top-5 90.876 %",
    VGG(.convolutions = {2, 2, 4, 4, 4}),
};
const struct zoo_network zoo_vgg11_bn = {
    .name = "vgg11_bn",
    .summary = "VGG-11 with batch norm",
    .accuracy = "ImageNet top-1 70.370 %, top-5 89.810 %",
    VGG(.convolutions = {1, 1, 2, 2, 2}, .norm = true),
};
const struct zoo_network zoo_vgg13_bn = {
    .name = "vgg13_bn",
    .summary = "VGG-13 with batch norm",
    .accuracy = "ImageNet top-1 71.586 %, top-5 90.374 %",
    VGG(.convolutions = {2, 2, 2, 2, 2}, .norm = true),
};
const struct zoo_network zoo_vgg16_bn = {
    .name = "vgg16_bn",
    .summary = "VGG-16 with batch norm",
    .accuracy = "ImageNet top-1 73.360 %, top-5 91.516 %",
    VGG(.convolutions = {2, 2, 3, 3, 3}, .norm = true),
};
const struct zoo_network zoo_vgg19_bn = {
    .name = "vgg19_bn",
    .summary = "VGG-19 with batch norm",
    .accuracy = "ImageNet top-1 74.218 %, top-5 91.842 %",
    VGG(.convolutions = {2, 2, 4, 4, 4}, .norm = true),
};
