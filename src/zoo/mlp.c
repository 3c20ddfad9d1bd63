/* SPDX-License-Identifier: MIT */
/* The multi-layer perceptron: the simplest network for pictures, without convolutions. It knows nothing of neighbouring
 * pixels, only a row of numbers. For 28 x 28 pixels and ten classes: 784 * 512 + 512 + 512 * 10 + 10 = 407,050
 * parameters. */
#include "zoo/zoo.h"

static fov_value mlp_build(struct zoo_build *b, fov_value x)
{
    fov_graph *g = b->graph;
    x = fov_flatten(g, x);
    x = fov_relu(g, fov_dense(g, x, .units = 512, .name = "hidden"));
    return fov_dense(g, x, .units = b->input.classes, .name = "output");
}

const struct zoo_network zoo_mlp = {
    .name = "mlp",
    .summary = "Multi-layer perceptron, 784-512-10 with ReLU (Rumelhart, Hinton, Williams 1986; Nair, Hinton 2010)",
    .family = "MLP",
    .year = 1986,
    .paper = "Rumelhart, Hinton, Williams: Learning representations by back-propagating errors",
    .standard = {.channels = 1, .height = 28, .width = 28, .classes = 10},
    .mean = {0.1307f}, /* of MNIST's training pixels */
    .deviation = {0.3081f},
    .head = mlp_build,
};
