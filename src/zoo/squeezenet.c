/* SPDX-License-Identifier: MIT */
/* SqueezeNet: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and < 0.5 MB model size",
 * 2016, figures 1 and 2. A fire module squeezes its input through 1 x 1 filters and expands it by 1 x 1 and 3 x 3 ones.
 * Version 1.1 pools earlier, for 2.4 times less work. Names and numbering are torchvision's. */
#include "zoo/blocks.h"
#include <stdio.h>

enum { POOL = 0 }; /* in a plan: no squeezed channels */

struct squeezenet {
    int filters, kernel; /* of the first convolution, with stride 2 */
    int squeezed[11]; /* of each fire module from features.3 on, or POOL; each expansion has 4 times as many */
};

static fov_value conv(struct zoo_build *b, fov_value x, int filters, int kernel, const char *name)
{
    return zoo_conv(b, x, .filters = filters, .kernel = kernel, .bias = true, .no_norm = true, .activation = ZOO_RELU,
                    .name = name);
}

static fov_value fire(struct zoo_build *b, fov_value x, int squeezed)
{
    x = conv(b, x, squeezed, 1, "squeeze");
    fov_value expanded[] = {conv(b, x, 4 * squeezed, 1, "expand1x1"), conv(b, x, 4 * squeezed, 3, "expand3x3")};
    return zoo_attend(b, fov_concat(b->graph, expanded, 2, 1));
}

static fov_value features(struct zoo_build *b, fov_value x)
{
    const struct squeezenet *plan = b->network->plan;
    int stride = 2;
    x = zoo_conv(b, x, .filters = plan->filters, .kernel = plan->kernel, .stride = 2, .valid = true, .bias = true,
                 .no_norm = true, .activation = ZOO_RELU, .name = "features.0");
    zoo_stage(b, stride, x);
    x = fov_max_pool2d(b->graph, x, .kernel = 3, .stride = 2, .ceil_mode = true, .name = "features.2");
    stride *= 2;
    for (int i = 0; i < 10; i++) {
        zoo_push(b, "features.%d", 3 + i);
        if (plan->squeezed[i] == POOL) {
            x = fov_max_pool2d(b->graph, x, .kernel = 3, .stride = 2, .ceil_mode = true);
            stride *= 2;
        } else {
            x = fire(b, x, plan->squeezed[i]);
        }
        zoo_pop(b);
        zoo_stage(b, stride, x);
    }
    return x;
}

/* The last convolution has a map for each class; their means are the logits. */
static fov_value head(struct zoo_build *b, fov_value x)
{
    x = conv(b, zoo_dropout(b, x), b->input.classes, 1, "classifier.1");
    return fov_flatten(b->graph, fov_global_avg_pool(b->graph, x));
}

#define SQUEEZENET                                                                                                   \
    .family = "SqueezeNet", .year = 2016, .reference = "torchvision",                                                \
    .paper = "Iandola et al.: SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and < 0.5 MB model size", \
    .features = features, .head = head, .common = {.dropout = 0.5}, ZOO_IMAGENET(224), .shorter = 256

const struct zoo_network zoo_squeezenet1_0 = {
    .name = "squeezenet1_0",
    .summary = "SqueezeNet 1.0: fire modules, as accurate as AlexNet with 2 % of its parameters",
    .accuracy = "ImageNet top-1 58.092 %, top-5 80.420 %",
    SQUEEZENET,
    .plan = &(const struct squeezenet){96, 7, {16, 16, 32, POOL, 32, 48, 48, 64, POOL, 64}},
};
const struct zoo_network zoo_squeezenet1_1 = {
    .name = "squeezenet1_1",
    .summary = "SqueezeNet 1.1: pools earlier, 2.4 times less work",
    .accuracy = "ImageNet top-1 58.178 %, top-5 80.624 %",
    SQUEEZENET,
    .plan = &(const struct squeezenet){64, 3, {16, 16, POOL, 32, 32, POOL, 48, 48, 64, 64}},
};
