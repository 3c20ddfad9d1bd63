/* SPDX-License-Identifier: MIT */
/* VGG: Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015, table 1,
 * columns D and E. Nothing but 3 x 3 convolutions, 2 x 2 max-pooling, and three dense layers that hold nine tenths of
 * the parameters. Names and numbering are torchvision's, so that its weights load as they are. */
#include "zoo/zoo.h"
#include <stdio.h>

static fov_value vgg(fov_graph *g, fov_value x, const struct zoo_input *input, int convolutions_per_late_stage)
{
    int layer = 0; /* torchvision counts convolutions, activations and poolings */
    char name[32];

    for (int stage = 0; stage < 5; stage++) {
        int count = stage < 2 ? 2 : convolutions_per_late_stage;
        for (int i = 0; i < count; i++, layer += 2) {
            snprintf(name, sizeof name, "features.%d", layer);
            x = fov_relu(g, zoo_conv2d_for_relu(g, x, .filters = stage < 3 ? 64 << stage : 512, .kernel = 3, .pad = 1,
                                                .name = name));
        }
        snprintf(name, sizeof name, "features.%d", layer++);
        x = fov_max_pool2d(g, x, .kernel = 2, .name = name);
    }
    x = fov_flatten(g, fov_adaptive_avg_pool2d(g, x, 7, 7));
    x = fov_dropout(g, fov_relu(g, fov_dense(g, x, .units = 4096, .name = "classifier.0")), 0.5f);
    x = fov_dropout(g, fov_relu(g, fov_dense(g, x, .units = 4096, .name = "classifier.3")), 0.5f);
    return fov_dense(g, x, .units = input->classes, .name = "classifier.6");
}

static fov_value vgg16_build(fov_graph *g, fov_value x, const struct zoo_input *input)
{
    return vgg(g, x, input, 3);
}

static fov_value vgg19_build(fov_graph *g, fov_value x, const struct zoo_input *input)
{
    return vgg(g, x, input, 4);
}

#define IMAGENET                                                                                      \
    .standard = {.channels = 3, .height = 224, .width = 224, .classes = 1000},                        \
    .mean = {0.485f, 0.456f, 0.406f}, .deviation = {0.229f, 0.224f, 0.225f}

const struct zoo_network zoo_vgg16 = {
    .name = "vgg16",
    .summary = "VGG-16 (Simonyan, Zisserman 2015, column D): thirteen 3 x 3 convolutions, three dense layers",
    .build = vgg16_build,
    IMAGENET,
};
const struct zoo_network zoo_vgg19 = {
    .name = "vgg19",
    .summary = "VGG-19: sixteen 3 x 3 convolutions, three dense layers",
    .build = vgg19_build,
    IMAGENET,
};
