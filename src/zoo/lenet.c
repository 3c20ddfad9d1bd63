/* SPDX-License-Identifier: MIT */
/* LeNet: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", Proceedings of the
 * IEEE 86 (1998), figure 2. `lenet5` has that layout with three modern parts: C3 sees all maps of S2, the squashing
 * function is ReLU, and S2 and S4 take the largest value instead of a weighted mean. `lenet@course` is wider and has
 * two dense layers. Layers keep the paper's names. The networks as they were printed are in lenet_paper.c. */
#include "zoo/zoo.h"

/* 61,706 parameters for 28 x 28 digits, padded to 32 x 32 by preprocessing. */
static fov_value lenet5_build(struct zoo_build *b, fov_value x)
{
    fov_graph *g = b->graph;
    /* Pooling before ReLU: the largest value is the same in either order, and a quarter of the pixels is rectified. */
    x = fov_max_pool2d(g, fov_conv2d(g, x, .filters = 6, .kernel = 5, .name = "c1"), .kernel = 2, .name = "s2");
    x = fov_relu(g, x); /* [N, 6, 14, 14] */
    x = fov_max_pool2d(g, fov_conv2d(g, x, .filters = 16, .kernel = 5, .name = "c3"), .kernel = 2, .name = "s4");
    x = fov_relu(g, x); /* [N, 16, 5, 5] */
    /* C5's 5 x 5 filters cover the whole map, so it is a dense layer; written as one it takes other input sizes too. */
    x = fov_relu(g, fov_dense(g, fov_flatten(g, x), .units = 120, .name = "c5"));
    x = fov_relu(g, fov_dense(g, x, .units = 84, .name = "f6"));
    return fov_dense(g, x, .units = b->input.classes, .name = "output");
}

/* 656,080 parameters: 520 + 25,050 + 625,500 + 5,010. */
static fov_value lenet_course_build(struct zoo_build *b, fov_value x)
{
    fov_graph *g = b->graph;
    x = fov_max_pool2d(g, fov_conv2d(g, x, .filters = 20, .kernel = 5, .name = "conv1"), .kernel = 2, .name = "pool1");
    x = fov_relu(g, x); /* [N, 20, 14, 14] */
    x = fov_max_pool2d(g, fov_conv2d(g, x, .filters = 50, .kernel = 5, .name = "conv2"), .kernel = 2, .name = "pool2");
    x = fov_relu(g, x); /* [N, 50, 5, 5] */
    x = fov_relu(g, fov_dense(g, fov_flatten(g, x), .units = 500, .name = "fc1"));
    return fov_dense(g, x, .units = b->input.classes, .name = "fc2");
}

#define DIGITS                                                                                                        \
    .family = "LeNet", .year = 1998,                                                                                  \
    .paper = "LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition",               \
    .standard = {.channels = 1, .height = 28, .width = 28, .classes = 10}, .mean = {0.1307f}, .deviation = {0.3081f}, \
    .pad = 2

const struct zoo_network zoo_lenet5 = {
    .name = "lenet5",
    .summary = "LeNet-5 (LeCun et al. 1998) with full connections, ReLU and max-pooling in place of tanh and averages",
    .head = lenet5_build,
    DIGITS,
};
const struct zoo_network zoo_lenet_course = {
    .name = "lenet@course",
    .summary = "LeNet with 20 and 50 filters of 5 x 5, each max-pooled, then dense 500 and dense 10",
    .head = lenet_course_build,
    DIGITS,
};
