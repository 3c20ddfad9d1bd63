/* SPDX-License-Identifier: MIT */
/* EfficientNet: Tan, Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019, table
 * 1. B0 was searched for; B1 to B7 are the same with more channels, layers and pixels. Residual branches are dropped
 * in training, deeper ones more often (Huang et al., "Deep networks with stochastic depth", ECCV 2016). Names are
 * torchvision's. */
#include "zoo/blocks.h"
#include <math.h>

struct efficientnet {
    double width, depth;
    float epsilon, momentum; /* of norms; 0: 1e-5, 0.1 */
};

struct efficient_options {
    double stochastic_depth;
};
static const struct attribute efficient_attributes[] = {
    {ATTRIBUTE(struct efficient_options, stochastic_depth), .kind = ATTRIBUTE_NUMBER, .standard = 0.2, .maximum = 0.99,
     .doc = "chance that the last residual branch is left out of a step; others less"},
    {.name = NULL},
};

enum { ROWS = 7 };
static const struct {
    int expansion, kernel, stride, channels, layers;
} rows[ROWS] = {{1, 3, 1, 16, 1},  {6, 3, 2, 24, 2},  {6, 5, 2, 40, 2}, {6, 3, 2, 80, 3},
                {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1}};

static int layers_of(const struct efficientnet *plan, int row)
{
    return (int)ceil(rows[row].layers * plan->depth);
}

static fov_value features(struct zoo_build *b, fov_value x)
{
    const struct efficientnet *plan = b->network->plan;
    const struct efficient_options *options = zoo_options(b);
    int total = 0, number = 0, stride = 2;
    for (int row = 0; row < ROWS; row++) {
        total += layers_of(plan, row);
    }
    x = zoo_conv_block(b, x, "features.0", .filters = zoo_round_channels(32 * plan->width, 8), .kernel = 3, .stride = 2,
                       .epsilon = plan->epsilon, .momentum = plan->momentum, .activation = ZOO_SWISH);
    for (int row = 0; row < ROWS; row++) {
        stride *= rows[row].stride;
        for (int i = 0; i < layers_of(plan, row); i++, number++) {
            int channels = zoo_channels(b, x);
            zoo_push(b, "features.%d.%d", row + 1, i);
            x = zoo_inverted_residual(
                b, x,
                &(struct zoo_inverted){.expanded = zoo_round_channels(channels * rows[row].expansion, 8),
                                       .filters = zoo_round_channels(rows[row].channels * plan->width, 8),
                                       .kernel = rows[row].kernel,
                                       .stride = i == 0 ? rows[row].stride : 1,
                                       .squeeze = channels / 4 > 1 ? channels / 4 : 1,
                                       .drop = options->stochastic_depth * number / total,
                                       .epsilon = plan->epsilon,
                                       .momentum = plan->momentum,
                                       .activation = ZOO_SWISH});
            zoo_pop(b);
        }
        zoo_stage(b, stride, x);
    }
    x = zoo_conv_block(b, x, "features.8", .filters = 4 * zoo_channels(b, x), .kernel = 1, .epsilon = plan->epsilon,
                       .momentum = plan->momentum, .activation = ZOO_SWISH);
    zoo_stage(b, 32, x);
    return x;
}

static fov_value head(struct zoo_build *b, fov_value x)
{
    return zoo_pooled_logits(b, x, "classifier.1");
}

#define EFFICIENTNET(rate, ...)                                                                    \
    .plan = &(const struct efficientnet){__VA_ARGS__}, .family = "EfficientNet", .year = 2019,     \
    .reference = "torchvision", .attributes = efficient_attributes, .common = {.dropout = (rate)}, \
    .paper = "Tan, Le: EfficientNet: rethinking model scaling for convolutional neural networks",  \
    .options_size = sizeof(struct efficient_options), .features = features, .head = head

const struct zoo_network zoo_efficientnet_b0 = {
    .name = "efficientnet_b0",
    .summary = "EfficientNet B0: inverted residuals with squeeze and excitation, swish",
    .accuracy = "ImageNet top-1 77.692 %, top-5 93.532 %",
    ZOO_IMAGENET(224),
    .shorter = 256,
    EFFICIENTNET(0.2, .width = 1.0, .depth = 1.0),
};
const struct zoo_network zoo_efficientnet_b1 = {
    .name = "efficientnet_b1",
    .summary = "EfficientNet B1",
    .accuracy = "ImageNet top-1 78.642 %, top-5 94.186 %",
    ZOO_IMAGENET(240),
    .shorter = 256,
    EFFICIENTNET(0.2, .width = 1.0, .depth = 1.1),
};
const struct zoo_network zoo_efficientnet_b2 = {
    .name = "efficientnet_b2",
    .summary = "EfficientNet B2",
    .accuracy = "ImageNet top-1 80.608 %, top-5 95.310 %",
    ZOO_IMAGENET(288),
    .shorter = 288,
    EFFICIENTNET(0.3, .width = 1.1, .depth = 1.2),
};
const struct zoo_network zoo_efficientnet_b3 = {
    .name = "efficientnet_b3",
    .summary = "EfficientNet B3",
    .accuracy = "ImageNet top-1 82.008 %, top-5 96.054 %",
    ZOO_IMAGENET(300),
    .shorter = 320,
    EFFICIENTNET(0.3, .width = 1.2, .depth = 1.4),
};
const struct zoo_network zoo_efficientnet_b4 = {
    .name = "efficientnet_b4",
    .summary = "EfficientNet B4",
    .accuracy = "ImageNet top-1 83.384 %, top-5 96.594 %",
    ZOO_IMAGENET(380),
    .shorter = 384,
    EFFICIENTNET(0.4, .width = 1.4, .depth = 1.8),
};
const struct zoo_network zoo_efficientnet_b5 = {
    .name = "efficientnet_b5",
    .summary = "EfficientNet B5",
    .accuracy = "ImageNet top-1 83.444 %, top-5 96.628 %",
    ZOO_IMAGENET(456),
    .shorter = 456,
    EFFICIENTNET(0.4, .width = 1.6, .depth = 2.2, .epsilon = 1e-3F, .momentum = 0.01F),
};
const struct zoo_network zoo_efficientnet_b6 = {
    .name = "efficientnet_b6",
    .summary = "EfficientNet B6",
    .accuracy = "ImageNet top-1 84.008 %, top-5 96.916 %",
    ZOO_IMAGENET(528),
    .shorter = 528,
    EFFICIENTNET(0.5, .width = 1.8, .depth = 2.6, .epsilon = 1e-3F, .momentum = 0.01F),
};
const struct zoo_network zoo_efficientnet_b7 = {
    .name = "efficientnet_b7",
    .summary = "EfficientNet B7: twice as wide and three times as deep as B0",
    .accuracy = "ImageNet top-1 84.122 %, top-5 96.908 %",
    ZOO_IMAGENET(600),
    .shorter = 600,
    EFFICIENTNET(0.5, .width = 2.0, .depth = 3.1, .epsilon = 1e-3F, .momentum = 0.01F),
};
