/* SPDX-License-Identifier: MIT */
/* Heads that label each pixel, on a classifier's features whose later strides have become dilations, so that the sides
 * of maps are an eighth of the picture's. FCN: Long, Shelhamer, Darrell, "Fully convolutional networks for semantic
 * segmentation", CVPR 2015, in torchvision's form. DeepLab v3: Chen, Papandreou, Schroff, Adam, "Rethinking atrous
 * convolution for semantic image segmentation", 2017, figure 5: several dilations side by side. Names are
 * torchvision's. */
#include "zoo/blocks.h"

struct segment_options {
    bool auxiliary;
    char backbone[ATTRIBUTE_NAME_SIZE];
};
static const struct attribute attributes[] = {
    {ATTRIBUTE(struct segment_options, auxiliary), .kind = ATTRIBUTE_FLAG, .standard = 1,
     .doc = "one more head, on the maps of stride 16"},
    {ATTRIBUTE(struct segment_options, backbone), .kind = ATTRIBUTE_NAME,
     .doc = "another network to stand on, by name or from a file: mobilenet_v3_large"},
    {.name = NULL},
};

struct segment {
    const char *backbone;
};

/* Adds the backbone's features, at stride 8; returns their last map. */
static fov_value stand(struct zoo_build *b, fov_value x)
{
    const struct segment *plan = b->network->plan;
    const struct segment_options *options = zoo_options(b);
    b->output_stride = 8;
    zoo_push(b, "backbone");
    x = zoo_backbone(b, options->backbone[0] != '\0' ? options->backbone : plan->backbone, x);
    zoo_pop(b);
    return x;
}

/* Resizes x to the picture's size, bilinearly. */
static fov_value as_large_as(fov_graph *g, fov_value x, fov_value picture)
{
    fov_shape size = fov_value_shape(g, picture);
    return fov_resize2d(g, x, .height = (int)size.dim[2], .width = (int)size.dim[3], .mode = FOV_RESIZE_LINEAR);
}

/* A 3 x 3 convolution to a quarter of the channels, then one to the classes. */
static fov_value fcn_head(struct zoo_build *b, fov_value x, const char *scope)
{
    zoo_push(b, "%s", scope);
    x = zoo_conv(b, x, .filters = zoo_channels(b, x) / 4, .kernel = 3, .activation = ZOO_RELU, .name = "0",
                 .norm = "1");
    x = fov_dropout(b->graph, x, 0.1F);
    x = fov_conv2d(b->graph, x, .filters = b->input.classes, .kernel = 1, .name = "4");
    zoo_pop(b);
    return x;
}

static void add_auxiliary(struct zoo_build *b, fov_value picture)
{
    const struct segment_options *options = zoo_options(b);
    if (options->auxiliary && b->stage[3].id != 0) {
        fov_value x = fcn_head(b, b->stage[3], "aux_classifier");
        zoo_add_auxiliary(b, as_large_as(b->graph, x, picture), 0.5F);
    }
}

static fov_value fcn_build(struct zoo_build *b, fov_value picture)
{
    fov_value x = fcn_head(b, stand(b, picture), "classifier");
    add_auxiliary(b, picture);
    return as_large_as(b->graph, x, picture);
}

/* Atrous spatial pyramid pooling: a 1 x 1 convolution, three dilated ones, and the mean of all pixels, side by side. */
static fov_value pyramid(struct zoo_build *b, fov_value x)
{
    enum { WIDTH = 256 };
    static const int dilations[] = {12, 24, 36};
    static const char *const names[] = {"convs.1", "convs.2", "convs.3"};
    fov_value look[5];
    look[0] = zoo_conv_block(b, x, "convs.0", .filters = WIDTH, .kernel = 1, .activation = ZOO_RELU);
    for (int i = 0; i < 3; i++) {
        look[i + 1] = zoo_conv_block(b, x, names[i], .filters = WIDTH, .kernel = 3, .dilation = dilations[i],
                                     .activation = ZOO_RELU);
    }
    look[4] = zoo_conv(b, fov_global_avg_pool(b->graph, x), .filters = WIDTH, .kernel = 1, .activation = ZOO_RELU,
                       .name = "convs.4.1", .norm = "convs.4.2");
    look[4] = as_large_as(b->graph, look[4], x);
    x = fov_concat(b->graph, look, 5, 1);
    x = zoo_conv_block(b, x, "project", .filters = WIDTH, .kernel = 1, .activation = ZOO_RELU);
    return fov_dropout(b->graph, x, 0.5F);
}

static fov_value deeplab_build(struct zoo_build *b, fov_value picture)
{
    fov_value x = stand(b, picture);
    zoo_push(b, "classifier");
    zoo_push(b, "0");
    x = pyramid(b, x);
    zoo_pop(b);
    x = zoo_conv(b, x, .filters = 256, .kernel = 3, .activation = ZOO_RELU, .name = "1", .norm = "2");
    x = fov_conv2d(b->graph, x, .filters = b->input.classes, .kernel = 1, .name = "4");
    zoo_pop(b);
    add_auxiliary(b, picture);
    return as_large_as(b->graph, x, picture);
}

/* ---- by name ----------------------------------------------------------------------------------------------------- */

#define SEGMENT(network)                                                                                       \
    .plan = &(const struct segment){(network)}, .task = "segment", .reference = "torchvision",                 \
    .attributes = attributes, .options_size = sizeof(struct segment_options),                                  \
    .standard = {.channels = 3, .height = 520, .width = 520, .classes = 21}, .mean = {0.485F, 0.456F, 0.406F}, \
    .deviation = {0.229F, 0.224F, 0.225F}
#define FCN                                           \
    .family = "FCN", .year = 2015, .head = fcn_build, \
    .paper = "Long, Shelhamer, Darrell: Fully convolutional networks for semantic segmentation"
#define DEEPLAB                                               \
    .family = "DeepLab", .year = 2017, .head = deeplab_build, \
    .paper = "Chen, Papandreou, Schroff, Adam: Rethinking atrous convolution for semantic image segmentation"

const struct zoo_network zoo_fcn_resnet50 = {
    .name = "fcn_resnet50",
    .summary = "A fully convolutional head on a dilated ResNet-50: 21 classes for each pixel",
    FCN,
    .accuracy = "COCO with VOC's classes: mean IoU 60.5 %",
    SEGMENT("resnet50"),
};
const struct zoo_network zoo_fcn_resnet101 = {
    .name = "fcn_resnet101",
    .summary = "A fully convolutional head on a dilated ResNet-101",
    FCN,
    .accuracy = "COCO with VOC's classes: mean IoU 63.7 %",
    SEGMENT("resnet101"),
};
const struct zoo_network zoo_deeplabv3_resnet50 = {
    .name = "deeplabv3_resnet50",
    .summary = "DeepLab v3 on a dilated ResNet-50: pixels looked at from four distances",
    DEEPLAB,
    .accuracy = "COCO with VOC's classes: mean IoU 66.4 %",
    SEGMENT("resnet50"),
};
const struct zoo_network zoo_deeplabv3_resnet101 = {
    .name = "deeplabv3_resnet101",
    .summary = "DeepLab v3 on a dilated ResNet-101",
    DEEPLAB,
    .accuracy = "COCO with VOC's classes: mean IoU 67.4 %",
    SEGMENT("resnet101"),
};
