/* SPDX-License-Identifier: MIT */
/* ShuffleNet v2: Ma, Zhang, Zheng, Sun, "ShuffleNet V2: practical guidelines for efficient CNN architecture design",
 * ECCV 2018, figure 3 (c, d) and table 5. Half of the channels pass a unit unchanged; then both halves are shuffled.
 * Names are torchvision's. */
#include "zoo/blocks.h"

struct shufflenet {
    int channels[5]; /* after the first convolution, the three stages, the last convolution */
};

/* 1 x 1, depthwise 3 x 3, 1 x 1 */
static fov_value right_branch(struct zoo_build *b, fov_value x, int filters, int stride)
{
    zoo_push(b, "branch2");
    x = zoo_conv(b, x, .filters = filters, .kernel = 1, .activation = ZOO_RELU, .name = "0", .norm = "1");
    x = zoo_conv(b, x, .filters = filters, .kernel = 3, .stride = stride, .groups = filters, .name = "3", .norm = "4");
    x = zoo_conv(b, x, .filters = filters, .kernel = 1, .activation = ZOO_RELU, .name = "5", .norm = "6");
    zoo_pop(b);
    return zoo_attend(b, x);
}

/* Where the size changes, the half that is otherwise unchanged is computed from all of x. */
static fov_value left_branch(struct zoo_build *b, fov_value x, int filters)
{
    int channels = zoo_channels(b, x);
    zoo_push(b, "branch1");
    x = zoo_conv(b, x, .filters = channels, .kernel = 3, .stride = 2, .groups = channels, .name = "0", .norm = "1");
    x = zoo_conv(b, x, .filters = filters, .kernel = 1, .activation = ZOO_RELU, .name = "2", .norm = "3");
    zoo_pop(b);
    return x;
}

static fov_value unit(struct zoo_build *b, fov_value x, int filters, int stride)
{
    fov_value half[2] = {x, x};
    if (stride == 1) {
        fov_split_into(b->graph, x, 1, NULL, 2, half);
    } else {
        half[0] = left_branch(b, x, filters / 2);
    }
    half[1] = right_branch(b, half[1], filters / 2, stride);
    return fov_channel_shuffle(b->graph, fov_concat(b->graph, half, 2, 1), 2);
}

static fov_value features(struct zoo_build *b, fov_value x)
{
    static const int units[3] = {4, 8, 4};
    const struct shufflenet *plan = b->network->plan;
    x = zoo_conv_block(b, x, "conv1", .filters = plan->channels[0], .kernel = 3, .stride = 2, .activation = ZOO_RELU);
    zoo_stage(b, 2, x);
    x = fov_max_pool2d(b->graph, x, .kernel = 3, .stride = 2, .pad = 1, .name = "maxpool");
    zoo_stage(b, 4, x);
    for (int stage = 0; stage < 3; stage++) {
        for (int i = 0; i < units[stage]; i++) {
            zoo_push(b, "stage%d.%d", stage + 2, i);
            x = unit(b, x, plan->channels[stage + 1], i == 0 ? 2 : 1);
            zoo_pop(b);
        }
        zoo_stage(b, 8 << stage, x);
    }
    x = zoo_conv_block(b, x, "conv5", .filters = plan->channels[4], .kernel = 1, .activation = ZOO_RELU);
    zoo_stage(b, 32, x);
    return x;
}

static fov_value head(struct zoo_build *b, fov_value x)
{
    return zoo_pooled_logits(b, x, "fc");
}

#define SHUFFLENET(side, ...)                                                                                    \
    .plan = &(const struct shufflenet){.channels = {__VA_ARGS__}}, .family = "ShuffleNet", .year = 2018,         \
    .paper = "Ma, Zhang, Zheng, Sun: ShuffleNet V2: practical guidelines for efficient CNN architecture design", \
    .reference = "torchvision", .features = features, .head = head, ZOO_IMAGENET(224), .shorter = (side)

const struct zoo_network zoo_shufflenet_v2_x0_5 = {
    .name = "shufflenet_v2_x0_5",
    .summary = "ShuffleNet v2 with half the channels",
    .accuracy = "ImageNet top-1 60.552 %, top-5 81.746 %",
    SHUFFLENET(256, 24, 48, 96, 192, 1024),
};
const struct zoo_network zoo_shufflenet_v2_x1_0 = {
    .name = "shufflenet_v2_x1_0",
    .summary = "ShuffleNet v2: half of the channels pass, then all are shuffled",
    .accuracy = "ImageNet top-1 69.362 %, top-5 88.316 %",
    SHUFFLENET(256, 24, 116, 232, 464, 1024),
};
const struct zoo_network zoo_shufflenet_v2_x1_5 = {
    .name = "shufflenet_v2_x1_5",
    .summary = "ShuffleNet v2 with 1.5 times the channels",
    .accuracy = "ImageNet top-1 72.996 %, top-5 91.086 %",
    SHUFFLENET(232, 24, 176, 352, 704, 1024),
};
const struct zoo_network zoo_shufflenet_v2_x2_0 = {
    .name = "shufflenet_v2_x2_0",
    .summary = "ShuffleNet v2 with twice the channels",
    .accuracy = "ImageNet top-1 76.230 %, top-5 93.006 %",
    SHUFFLENET(232, 24, 244, 488, 976, 2048),
};
