/* SPDX-License-Identifier: MIT */
/* A plain deep network for digits: 32, 32, 64 and 64 filters of 3 x 3, each with a batch norm and a ReLU, one dense
 * layer with dropout before it. The second convolution halves the map by its stride (as in Springenberg et al.,
 * "Striving for simplicity", 2015), because a pool behind it would cost as much as all the rest. Recipe: mnist-best. */
#include "zoo/blocks.h"

static fov_value mnist_best_build(struct zoo_build *b, fov_value x)
{
    static const struct {
        const char *name, *norm;
        int filters, stride;
    } layers[] = {{"conv1", "bn1", 32, 1}, {"conv2", "bn2", 32, 2}, {"conv3", "bn3", 64, 1}, {"conv4", "bn4", 64, 1}};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) { /* 26, 12, 10, 8 pixels a side */
        x = zoo_conv(b, x, .filters = layers[i].filters, .kernel = 3, .stride = layers[i].stride, .valid = true,
                     .activation = ZOO_RELU, .name = layers[i].name, .norm = layers[i].norm);
    }
    x = fov_flatten(b->graph, fov_max_pool2d(b->graph, x, .kernel = 2)); /* [N, 64 x 4 x 4] */
    return fov_dense(b->graph, fov_dropout(b->graph, x, 0.3F), .units = b->input.classes, .name = "fc");
}

const struct zoo_network zoo_mnist_best = {
    .name = "mnist-best",
    .summary = "Four convolutions of 3 x 3 (32, 32, 64, 64) with batch norm, the second of stride 2, and one dense layer",
    .family = "course",
    .standard = {.channels = 1, .height = 28, .width = 28, .classes = 10},
    .mean = {0.1307f},
    .deviation = {0.3081f},
    .head = mnist_best_build,
};
