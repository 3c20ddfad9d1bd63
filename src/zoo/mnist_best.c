/* SPDX-License-Identifier: MIT */
/* The plain deep way to read digits: 32, 32, 64 and 64 filters of 3 x 3, each with a batch norm and a ReLU, a pool
 * after each pair, one dense layer. Recipe: mnist-best. */
#include "zoo/blocks.h"

static fov_value pair(struct zoo_build *b, fov_value x, int number, int filters)
{
    const char *const names[] = {"conv1", "conv2", "conv3", "conv4"}, *const norms[] = {"bn1", "bn2", "bn3", "bn4"};
    for (int i = 2 * number; i < 2 * number + 2; i++) {
        x = zoo_conv(b, x, .filters = filters, .kernel = 3, .valid = true, .activation = ZOO_RELU, .name = names[i],
                     .norm = norms[i]);
    }
    return fov_max_pool2d(b->graph, x, .kernel = 2);
}

static fov_value mnist_best_build(struct zoo_build *b, fov_value x)
{
    x = pair(b, x, 0, 32); /* [N, 32, 12, 12] */
    x = pair(b, x, 1, 64); /* [N, 64, 4, 4] */
    return fov_dense(b->graph, fov_flatten(b->graph, x), .units = b->input.classes, .name = "fc");
}

const struct zoo_network zoo_mnist_best = {
    .name = "mnist-best",
    .summary = "Four convolutions of 3 x 3 (32, 32, 64, 64) with batch norm, pooled in pairs, and one dense layer",
    .family = "course",
    .standard = {.channels = 1, .height = 28, .width = 28, .classes = 10},
    .mean = {0.1307f},
    .deviation = {0.3081f},
    .head = mnist_best_build,
};
