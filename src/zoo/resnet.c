/* SPDX-License-Identifier: MIT */
/* Residual networks for ImageNet: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016, table
 * 1. The plain names have the stride on the 3 x 3 convolution of a bottleneck, as everybody has it since ("v1.5");
 * resnet50@v1 has it on the first 1 x 1, as the paper. Wider relatives are the same with other numbers. Names are
 * torchvision's, so that its weights load as they are. Those for CIFAR-10 are in resnet_cifar.c. */
#include "zoo/blocks.h"

enum { EXPANSION = 4 }; /* channels of a bottleneck's result over place.width */

struct resnet {
    int blocks[4];
    bool bottleneck;
    bool stride_first; /* on the first convolution of a bottleneck */
    int groups;        /* of its 3 x 3 convolution; 0: 1 */
    int group_width;   /* channels of a group in the first stage; 0: 64 */
};

struct place { /* of a block: what decides its shape */
    int width, stride, dilation;
};

/* F(x) of equation 1. */
static fov_value branch(struct zoo_build *b, fov_value x, const struct resnet *plan, const struct place *at)
{
    if (!plan->bottleneck) {
        x = zoo_conv(b, x, .filters = at->width, .kernel = 3, .stride = at->stride, .activation = ZOO_RELU,
                     .name = "conv1", .norm = "bn1");
        return zoo_conv(b, x, .filters = at->width, .kernel = 3, .name = "conv2", .norm = "bn2");
    }
    int groups = plan->groups > 0 ? plan->groups : 1, group_width = plan->group_width > 0 ? plan->group_width : 64;
    int middle = at->width * group_width / 64 * groups;
    x = zoo_conv(b, x, .filters = middle, .kernel = 1, .stride = plan->stride_first ? at->stride : 1,
                 .activation = ZOO_RELU, .name = "conv1", .norm = "bn1");
    x = zoo_conv(b, x, .filters = middle, .kernel = 3, .stride = plan->stride_first ? 1 : at->stride,
                 .dilation = at->dilation, .groups = groups, .activation = ZOO_RELU, .name = "conv2", .norm = "bn2");
    return zoo_conv(b, x, .filters = EXPANSION * at->width, .kernel = 1, .name = "conv3", .norm = "bn3");
}

/* y = relu(F(x) + x), where x passes a 1 x 1 convolution if shapes differ. */
static fov_value residual(struct zoo_build *b, fov_value x, const struct resnet *plan, const struct place *at)
{
    int filters = plan->bottleneck ? EXPANSION * at->width : at->width;
    fov_value y = zoo_attend(b, branch(b, x, plan, at)), shortcut = x;
    if (at->stride != 1 || zoo_channels(b, x) != filters) {
        shortcut = zoo_conv(b, x, .filters = filters, .kernel = 1, .stride = at->stride, .name = "downsample.0",
                            .norm = "downsample.1");
    }
    return fov_relu(b->graph, fov_add(b->graph, y, shortcut));
}

static fov_value features(struct zoo_build *b, fov_value x)
{
    const struct resnet *plan = b->network->plan;
    int most = b->output_stride > 0 ? b->output_stride : 32, reached = 4, dilation = 1;

    x = zoo_conv(b, x, .filters = 64, .kernel = 7, .stride = 2, .activation = ZOO_RELU, .name = "conv1", .norm = "bn1");
    zoo_stage(b, 2, x);
    x = fov_max_pool2d(b->graph, x, .kernel = 3, .stride = 2, .pad = 1, .name = "maxpool");
    for (int stage = 0; stage < 4; stage++) {
        /* Where maps may not shrink further, dilation doubles instead, from the second block of the stage on. */
        bool shrinks = stage > 0 && reached < most;
        int first = dilation;
        dilation *= stage > 0 && !shrinks ? 2 : 1;
        reached *= shrinks ? 2 : 1;
        for (int i = 0; i < plan->blocks[stage]; i++) {
            struct place at = {64 << stage, i == 0 && shrinks ? 2 : 1, i == 0 ? first : dilation};
            zoo_push(b, "layer%d.%d", stage + 1, i);
            x = residual(b, x, plan, &at);
            zoo_pop(b);
        }
        zoo_stage(b, 4 << stage, x);
    }
    return x;
}

static fov_value head(struct zoo_build *b, fov_value x)
{
    return zoo_pooled_logits(b, x, "fc");
}

/* ---- by name ----------------------------------------------------------------------------------------------------- */

#define RESNET(...)                                                                                                    \
    .plan = &(const struct resnet){__VA_ARGS__}, .family = "ResNet", .reference = "torchvision", .features = features, \
    .head = head, ZOO_IMAGENET(224), .shorter = 256
#define RESNET_PAPER .year = 2016, .paper = "He, Zhang, Ren, Sun: Deep residual learning for image recognition"

const struct zoo_network zoo_resnet18 = {
    .name = "resnet18",
    .summary = "ResNet-18 (He et al. 2016, table 1): pairs of 3 x 3 with shortcuts, for 224 x 224 pixels",
    .accuracy = "ImageNet top-1 69.758 %, top-5 89.078 %",
    RESNET_PAPER,
    RESNET(.blocks = {2, 2, 2, 2}),
};
const struct zoo_network zoo_resnet34 = {
    .name = "resnet34",
    .summary = "ResNet-34",
    .accuracy = "ImageNet top-1 73.314 %, top-5 91.420 %",
    RESNET_PAPER,
    RESNET(.blocks = {3, 4, 6, 3}),
};
const struct zoo_network zoo_resnet50 = {
    .name = "resnet50",
    .summary = "ResNet-50: bottlenecks of 1 x 1, 3 x 3 (with the stride), 1 x 1",
    .accuracy = "ImageNet top-1 76.130 %, top-5 92.862 %",
    RESNET_PAPER,
    RESNET(.blocks = {3, 4, 6, 3}, .bottleneck = true),
};
const struct zoo_network zoo_resnet50_v1 = {
    .name = "resnet50@v1",
    .summary = "ResNet-50 as in the paper: the stride on the first 1 x 1 of a bottleneck",
    .accuracy = "ImageNet top-1 75.3 %, top-5 92.2 %",
    RESNET_PAPER,
    RESNET(.blocks = {3, 4, 6, 3}, .bottleneck = true, .stride_first = true),
};
const struct zoo_network zoo_resnet101 = {
    .name = "resnet101",
    .summary = "ResNet-101",
    .accuracy = "ImageNet top-1 77.374 %, top-5 93.546 %",
    RESNET_PAPER,
    RESNET(.blocks = {3, 4, 23, 3}, .bottleneck = true),
};
const struct zoo_network zoo_resnet101_v1 = {
    .name = "resnet101@v1",
    .summary = "ResNet-101 as in the paper: the stride on the first 1 x 1 of a bottleneck",
    RESNET_PAPER,
    RESNET(.blocks = {3, 4, 23, 3}, .bottleneck = true, .stride_first = true),
};
const struct zoo_network zoo_resnet152 = {
    .name = "resnet152",
    .summary = "ResNet-152",
    .accuracy = "ImageNet top-1 78.312 %, top-5 94.046 %",
    RESNET_PAPER,
    RESNET(.blocks = {3, 8, 36, 3}, .bottleneck = true),
};
const struct zoo_network zoo_resnet152_v1 = {
    .name = "resnet152@v1",
    .summary = "ResNet-152 as in the paper: the stride on the first 1 x 1 of a bottleneck",
    RESNET_PAPER,
    RESNET(.blocks = {3, 8, 36, 3}, .bottleneck = true, .stride_first = true),
};
const struct zoo_network zoo_resnext50_32x4d = {
    .name = "resnext50_32x4d",
    .summary = "ResNeXt-50: the 3 x 3 of a bottleneck in 32 groups of 4 channels",
    .year = 2017,
    .paper = "Xie, Girshick, Dollar, Tu, He: Aggregated residual transformations for deep neural networks",
    .accuracy = "ImageNet top-1 77.618 %, top-5 93.698 %",
    RESNET(.blocks = {3, 4, 6, 3}, .bottleneck = true, .groups = 32, .group_width = 4),
};
const struct zoo_network zoo_resnext101_32x8d = {
    .name = "resnext101_32x8d",
    .summary = "ResNeXt-101: the 3 x 3 of a bottleneck in 32 groups of 8 channels",
    .year = 2017,
    .paper = "Xie, Girshick, Dollar, Tu, He: Aggregated residual transformations for deep neural networks",
    .accuracy = "ImageNet top-1 79.312 %, top-5 94.526 %",
    RESNET(.blocks = {3, 4, 23, 3}, .bottleneck = true, .groups = 32, .group_width = 8),
};
const struct zoo_network zoo_wide_resnet50_2 = {
    .name = "wide_resnet50_2",
    .summary = "Wide ResNet-50: the 3 x 3 of a bottleneck is twice as wide",
    .year = 2016,
    .paper = "Zagoruyko, Komodakis: Wide residual networks",
    .accuracy = "ImageNet top-1 78.468 %, top-5 94.086 %",
    RESNET(.blocks = {3, 4, 6, 3}, .bottleneck = true, .group_width = 128),
};
const struct zoo_network zoo_wide_resnet101_2 = {
    .name = "wide_resnet101_2",
    .summary = "Wide ResNet-101: the 3 x 3 of a bottleneck is twice as wide",
    .year = 2016,
    .paper = "Zagoruyko, Komodakis: Wide residual networks",
    .accuracy = "ImageNet top-1 78.848 %, top-5 94.284 %",
    RESNET(.blocks = {3, 4, 23, 3}, .bottleneck = true, .group_width = 128),
};
const struct zoo_network zoo_resnet50_cbam = {
    .name = "resnet50_cbam",
    .summary = "ResNet-50 with CBAM at the end of each residual branch",
    .year = 2018,
    .paper = "Woo, Park, Lee, Kweon: CBAM: convolutional block attention module",
    .accuracy = "ImageNet top-1 77.34 %, top-5 93.69 %",
    .common = {.attention = ZOO_ATTENTION_CBAM},
    RESNET(.blocks = {3, 4, 6, 3}, .bottleneck = true),
};
