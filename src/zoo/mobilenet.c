/* SPDX-License-Identifier: MIT */
/* MobileNet v1 and v2 and MNASNet: networks of depthwise convolutions, which look at each channel by itself, and
 * pointwise ones, which mix channels. v1: Howard et al., 2017, table 1. v2 turns residual blocks inside out, wide in
 * the middle: Sandler et al., CVPR 2018, table 2. MNASNet's sizes were searched for: Tan et al., CVPR 2019. Names are
 * torchvision's for v2 and MNASNet. v3 is in mobilenet_v3.c. */
#include "zoo/blocks.h"

struct mobile_options {
    double width;
};
static const struct attribute mobile_attributes[] = {
    {ATTRIBUTE(struct mobile_options, width), .kind = ATTRIBUTE_NUMBER, .standard = 1, .minimum = 0.1, .maximum = 4,
     .doc = "factor of all channels, rounded to multiples of 8"},
    {.name = NULL},
};

static int scaled(const struct zoo_build *b, int channels)
{
    const struct mobile_options *options = zoo_options(b);
    return zoo_round_channels(channels * options->width, 8);
}

/* ---- v1 ---------------------------------------------------------------------------------------------------------- */

static fov_value depthwise_separable(struct zoo_build *b, fov_value x, int filters, int stride)
{
    x = zoo_conv(b, x, .filters = zoo_channels(b, x), .kernel = 3, .stride = stride, .groups = zoo_channels(b, x),
                 .activation = ZOO_RELU, .name = "dw_conv.conv", .norm = "dw_conv.bn");
    return zoo_conv(b, x, .filters = filters, .kernel = 1, .activation = ZOO_RELU, .name = "pw_conv.conv",
                    .norm = "pw_conv.bn");
}

static fov_value v1_features(struct zoo_build *b, fov_value x)
{
    static const int units[5] = {1, 2, 2, 6, 2}; /* of each stage */
    x = zoo_conv(b, x, .filters = scaled(b, 32), .kernel = 3, .stride = 2, .activation = ZOO_RELU,
                 .name = "features.init_block.conv", .norm = "features.init_block.bn");
    for (int stage = 0; stage < 5; stage++) {
        for (int i = 0; i < units[stage]; i++) {
            zoo_push(b, "features.stage%d.unit%d", stage + 1, i + 1);
            x = depthwise_separable(b, x, scaled(b, 64 << stage), i == 0 && stage > 0 ? 2 : 1);
            zoo_pop(b);
        }
        x = zoo_end_stage(b, 2 << stage, x);
    }
    return x;
}

static fov_value v1_head(struct zoo_build *b, fov_value x)
{
    return zoo_pooled_logits(b, x, "output");
}

/* ---- v2 ---------------------------------------------------------------------------------------------------------- */

/* Figure 4 (d): expand, depthwise 3 x 3, project without activation. */
static fov_value bottleneck(struct zoo_build *b, fov_value x, int expansion, int filters, int stride)
{
    int channels = zoo_channels(b, x), expanded = expansion * channels;
    bool wide = expansion > 1;
    fov_value y = x;
    zoo_push(b, "conv");
    if (wide) {
        y = zoo_conv_block(b, y, "0", .filters = expanded, .kernel = 1, .activation = ZOO_RELU6);
    }
    y = zoo_conv_block(b, y, wide ? "1" : "0", .filters = expanded, .kernel = 3, .stride = stride, .groups = expanded,
                       .activation = ZOO_RELU6);
    y = zoo_conv(b, y, .filters = filters, .kernel = 1, .name = wide ? "2" : "1", .norm = wide ? "3" : "2");
    zoo_pop(b);
    y = zoo_attend(b, y);
    return stride == 1 && channels == filters ? fov_add(b->graph, x, y) : y;
}

static fov_value v2_features(struct zoo_build *b, fov_value x)
{
    static const struct {
        int expansion, channels, count, stride;
    } rows[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    const struct mobile_options *options = zoo_options(b);
    int number = 1, stride = 2;
    x = zoo_conv_block(b, x, "features.0", .filters = scaled(b, 32), .kernel = 3, .stride = 2, .activation = ZOO_RELU6);
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        stride *= rows[row].stride;
        for (int i = 0; i < rows[row].count; i++) {
            zoo_push(b, "features.%d", number++);
            x = bottleneck(b, x, rows[row].expansion, scaled(b, rows[row].channels), i == 0 ? rows[row].stride : 1);
            zoo_pop(b);
        }
        zoo_stage(b, stride, x);
    }
    int last = zoo_round_channels(1280 * (options->width > 1 ? options->width : 1), 8);
    x = zoo_conv_block(b, x, "features.18", .filters = last, .kernel = 1, .activation = ZOO_RELU6);
    zoo_stage(b, 32, x);
    return x;
}

static fov_value classifier_head(struct zoo_build *b, fov_value x)
{
    return zoo_pooled_logits(b, x, "classifier.1");
}

/* ---- MNASNet ----------------------------------------------------------------------------------------------------- */

struct mnasnet {
    double width;
};

/* Its norms' running statistics move slowly: TensorFlow's momentum 0.9997. */
static fov_value mnas_conv(struct zoo_build *b, fov_value x, const struct zoo_conv *conv)
{
    struct zoo_conv slow = *conv;
    slow.momentum = 1 - 0.9997F;
    return zoo_conv_opt(b, x, &slow);
}

static fov_value mnas_block(struct zoo_build *b, fov_value x, int expansion, int filters, int kernel, int stride)
{
    int channels = zoo_channels(b, x), expanded = expansion * channels;
    zoo_push(b, "layers");
    fov_value y = mnas_conv(
        b, x, &(struct zoo_conv){.filters = expanded, .kernel = 1, .activation = ZOO_RELU, .name = "0", .norm = "1"});
    y = mnas_conv(b, y,
                  &(struct zoo_conv){.filters = expanded,
                                     .kernel = kernel,
                                     .stride = stride,
                                     .groups = expanded,
                                     .activation = ZOO_RELU,
                                     .name = "3",
                                     .norm = "4"});
    y = mnas_conv(b, y, &(struct zoo_conv){.filters = filters, .kernel = 1, .name = "6", .norm = "7"});
    zoo_pop(b);
    y = zoo_attend(b, y);
    return stride == 1 && channels == filters ? fov_add(b->graph, y, x) : y;
}

static fov_value mnas_features(struct zoo_build *b, fov_value x)
{
    static const struct {
        int kernel, stride, expansion, count, channels;
    } rows[] = {{3, 2, 3, 3, 24}, {5, 2, 3, 3, 40},  {5, 2, 6, 3, 80},
                {3, 1, 6, 2, 96}, {5, 2, 6, 4, 192}, {3, 1, 6, 1, 320}};
    const struct mnasnet *plan = b->network->plan;
    const struct mobile_options *options = zoo_options(b);
    double width = plan->width * options->width;
    int first = zoo_round_channels(32 * width, 8), stride = 2;
    zoo_push(b, "layers");
    x = mnas_conv(b, x,
                  &(struct zoo_conv){
                      .filters = first, .kernel = 3, .stride = 2, .activation = ZOO_RELU, .name = "0", .norm = "1"});
    x = mnas_conv(
        b, x,
        &(struct zoo_conv){
            .filters = first, .kernel = 3, .groups = first, .activation = ZOO_RELU, .name = "3", .norm = "4"});
    x = mnas_conv(
        b, x, &(struct zoo_conv){.filters = zoo_round_channels(16 * width, 8), .kernel = 1, .name = "6", .norm = "7"});
    zoo_stage(b, 2, x);
    for (int row = 0; row < 6; row++) {
        stride *= rows[row].stride;
        for (int i = 0; i < rows[row].count; i++) {
            zoo_push(b, "%d.%d", 8 + row, i);
            x = mnas_block(b, x, rows[row].expansion, zoo_round_channels(rows[row].channels * width, 8),
                           rows[row].kernel, i == 0 ? rows[row].stride : 1);
            zoo_pop(b);
        }
        zoo_stage(b, stride, x);
    }
    x = mnas_conv(b, x,
                  &(struct zoo_conv){.filters = 1280, .kernel = 1, .activation = ZOO_RELU, .name = "14", .norm = "15"});
    zoo_pop(b);
    zoo_stage(b, 32, x);
    return x;
}

/* ---- by name ----------------------------------------------------------------------------------------------------- */

#define MOBILE .attributes = mobile_attributes, .options_size = sizeof(struct mobile_options), ZOO_IMAGENET(224)

const struct zoo_network zoo_mobilenet_v1 = {
    .name = "mobilenet_v1",
    .summary = "MobileNet: depthwise 3 x 3 and pointwise convolutions in turn",
    .family = "MobileNet",
    .year = 2017,
    .paper = "Howard et al.: MobileNets: efficient convolutional neural networks for mobile vision applications",
    .accuracy = "ImageNet top-1 70.6 %",
    .features = v1_features,
    .head = v1_head,
    MOBILE,
};
const struct zoo_network zoo_mobilenet_v2 = {
    .name = "mobilenet_v2",
    .summary = "MobileNet v2: inverted residuals, wide in the middle",
    .family = "MobileNet",
    .year = 2018,
    .paper = "Sandler et al.: MobileNetV2: inverted residuals and linear bottlenecks",
    .accuracy = "ImageNet top-1 71.878 %, top-5 90.286 %",
    .reference = "torchvision",
    .features = v2_features,
    .head = classifier_head,
    .common = {.dropout = 0.2},
    MOBILE,
    .shorter = 256,
};
#define MNASNET(factor, side)                                                                                        \
    .plan = &(const struct mnasnet){(factor)}, .family = "MNASNet", .year = 2019, .reference = "torchvision",        \
    .paper = "Tan et al.: MnasNet: platform-aware neural architecture search for mobile", .features = mnas_features, \
    .head = classifier_head, .common = {.dropout = 0.2}, .shorter = (side), MOBILE
const struct zoo_network zoo_mnasnet0_5 = {
    .name = "mnasnet0_5",
    .summary = "MNASNet B1 with half the channels",
    .accuracy = "ImageNet top-1 67.734 %, top-5 87.490 %",
    MNASNET(0.5, 256),
};
const struct zoo_network zoo_mnasnet0_75 = {
    .name = "mnasnet0_75",
    .summary = "MNASNet B1 with 3/4 of the channels",
    .accuracy = "ImageNet top-1 71.180 %, top-5 90.496 %",
    MNASNET(0.75, 232),
};
const struct zoo_network zoo_mnasnet1_0 = {
    .name = "mnasnet1_0",
    .summary = "MNASNet B1: inverted residuals whose sizes were searched for on a telephone",
    .accuracy = "ImageNet top-1 73.456 %, top-5 91.510 %",
    MNASNET(1.0, 256),
};
const struct zoo_network zoo_mnasnet1_3 = {
    .name = "mnasnet1_3",
    .summary = "MNASNet B1 with 1.3 times the channels",
    .accuracy = "ImageNet top-1 76.506 %, top-5 93.522 %",
    MNASNET(1.3, 232),
};
