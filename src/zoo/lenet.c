/* SPDX-License-Identifier: MIT */
/* LeNet-5 in the layout of LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
 * Proceedings of the IEEE 86 (1998), figure 2, with three modern parts: C3 sees all maps of S2 (the paper's table I
 * drops some to save time), the squashing function is ReLU, and S2 and S4 take the largest value instead of a weighted
 * mean. Layers keep the paper's names. 61,706 parameters for 28 x 28 digits, padded to 32 x 32 by preprocessing. */
#include "zoo/zoo.h"

static fov_value lenet5_build(fov_graph *g, fov_value x, const struct zoo_input *input)
{
    /* Pooling before ReLU: the largest value is the same in either order, and a quarter of the pixels is rectified. */
    x = fov_max_pool2d(g, fov_conv2d(g, x, .filters = 6, .kernel = 5, .name = "c1"), .kernel = 2, .name = "s2");
    x = fov_relu(g, x); /* [N, 6, 14, 14] */
    x = fov_max_pool2d(g, fov_conv2d(g, x, .filters = 16, .kernel = 5, .name = "c3"), .kernel = 2, .name = "s4");
    x = fov_relu(g, x); /* [N, 16, 5, 5] */
    /* C5's 5 x 5 filters cover the whole map, so it is a dense layer; written as one it takes other input sizes too. */
    x = fov_relu(g, fov_dense(g, fov_flatten(g, x), .units = 120, .name = "c5"));
    x = fov_relu(g, fov_dense(g, x, .units = 84, .name = "f6"));
    return fov_dense(g, x, .units = input->classes, .name = "output");
}

const struct zoo_network zoo_lenet5 = {
    .name = "lenet5",
    .summary = "LeNet-5 (LeCun et al. 1998) with full connections, ReLU and max-pooling in place of tanh and averages",
    .standard = {.channels = 1, .height = 28, .width = 28, .classes = 10},
    .mean = {0.1307f},
    .deviation = {0.3081f},
    .pad = 2,
    .build = lenet5_build,
};
