/* SPDX-License-Identifier: MIT */
/* The network of the course's MNIST program. Its output is a linear map of 320 features: in `course-cnn` through 50
 * units without an activation between (21,840 parameters), in `course-cnn-8490` directly. Parameters carry PyTorch's
 * names, so that its weights load as they are. */
#include "zoo/blocks.h"

/* Pooling before the activation, as in the course: the largest value is the same in either order, relu does less
 * work. */
static fov_value course_features(struct zoo_build *b, fov_value x)
{
    fov_graph *g = b->graph;
    x = fov_max_pool2d(g, zoo_conv2d_for_relu(g, x, .filters = 10, .kernel = 5, .name = "conv1"), .kernel = 2,
                       .name = "pool1");
    x = fov_relu(g, x); /* [N, 10, 12, 12] */
    x = fov_max_pool2d(g, zoo_conv2d_for_relu(g, x, .filters = 20, .kernel = 5, .name = "conv2"), .kernel = 2,
                       .name = "pool2");
    x = fov_relu(g, x);       /* [N, 20, 4, 4] */
    return fov_flatten(g, x); /* [N, 320] */
}

static fov_value course_build(struct zoo_build *b, fov_value x)
{
    x = fov_dense(b->graph, course_features(b, x), .units = 50, .name = "fc.0");
    return fov_dense(b->graph, x, .units = b->input.classes, .name = "fc.1");
}

static fov_value course_8490_build(struct zoo_build *b, fov_value x)
{
    return fov_dense(b->graph, course_features(b, x), .units = b->input.classes, .name = "fc");
}

const struct zoo_network zoo_course_cnn = {
    .name = "course-cnn",
    .summary = "The course's CNN: conv 10, conv 20, each max-pooled and rectified, then dense 50 and dense 10",
    .family = "course",
    .standard = {.channels = 1, .height = 28, .width = 28, .classes = 10},
    .mean = {0.1307f},
    .deviation = {0.3081f},
    .head = course_build,
};

const struct zoo_network zoo_course_cnn_8490 = {
    .name = "course-cnn-8490",
    .summary = "The course's CNN with a single dense layer",
    .family = "course",
    .standard = {.channels = 1, .height = 28, .width = 28, .classes = 10},
    .mean = {0.1307f},
    .deviation = {0.3081f},
    .head = course_8490_build,
};
