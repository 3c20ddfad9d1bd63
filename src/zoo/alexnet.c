/* SPDX-License-Identifier: MIT */
/* AlexNet: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks", NeurIPS
 * 2012, and ZFNet, whose authors looked at AlexNet through deconvolutions and made its first layers finer: Zeiler,
 * Fergus, "Visualizing and understanding convolutional networks", ECCV 2014. `alexnet` is torchvision's (Krizhevsky's
 * later "one weird trick" layout); `alexnet@paper` has the paper's two groups, one for each of its GPUs, and its
 * normalisation. */
#include "zoo/blocks.h"

/* The head of all three: two dense layers of 4096 units with dropout in front, and one of classes. */
static fov_value dense_head(struct zoo_build *b, fov_value x, const char *const name[3])
{
    fov_graph *g = b->graph;
    x = zoo_dropout(b, fov_flatten(g, x));
    x = fov_relu(g, fov_dense(g, x, .units = 4096, .name = name[0]));
    x = zoo_dropout(b, x);
    x = fov_relu(g, fov_dense(g, x, .units = 4096, .name = name[1]));
    return fov_dense(g, x, .units = b->input.classes, .name = name[2]);
}

static fov_value conv(struct zoo_build *b, fov_value x, const char *name, int filters, int kernel, int stride, int pad,
                      int groups)
{
    return zoo_conv(b, x, .filters = filters, .kernel = kernel, .stride = stride, .valid = true,
                    .pads = {pad, pad, pad, pad}, .groups = groups, .bias = true, .no_norm = true,
                    .activation = ZOO_RELU, .name = name);
}

static fov_value pool(struct zoo_build *b, fov_value x, const char *name)
{
    return fov_max_pool2d(b->graph, x, .kernel = 3, .stride = 2, .name = name); /* windows overlap */
}

/* ---- torchvision's ----------------------------------------------------------------------------------------------- */

static fov_value features(struct zoo_build *b, fov_value x)
{
    x = zoo_end_stage(b, 4, conv(b, x, "features.0", 64, 11, 4, 2, 1));
    x = pool(b, x, "features.2");
    x = zoo_end_stage(b, 8, conv(b, x, "features.3", 192, 5, 1, 2, 1));
    x = pool(b, x, "features.5");
    x = conv(b, x, "features.6", 384, 3, 1, 1, 1);
    x = conv(b, x, "features.8", 256, 3, 1, 1, 1);
    x = zoo_end_stage(b, 16, conv(b, x, "features.10", 256, 3, 1, 1, 1));
    x = pool(b, x, "features.12");
    zoo_stage(b, 32, x);
    return x;
}

static fov_value head(struct zoo_build *b, fov_value x)
{
    static const char *const names[] = {"classifier.1", "classifier.4", "classifier.6"};
    return dense_head(b, fov_adaptive_avg_pool2d(b->graph, x, 6, 6), names);
}

/* ---- the papers' ------------------------------------------------------------------------------------------------- */

/* Section 3.3: divided by (2 + 1e-4 * the sum of squares of 5 neighbouring channels)^0.75. */
static fov_value normalise(struct zoo_build *b, fov_value x, const char *name)
{
    enum { NEIGHBOURS = 5 };
    return fov_lrn(b->graph, x, .size = NEIGHBOURS, .alpha = NEIGHBOURS * 1e-4F, .beta = 0.75F, .bias = 2,
                   .name = name);
}

/* Figure 2: conv2, conv4 and conv5 see only the maps of their own half. */
static fov_value paper_features(struct zoo_build *b, fov_value x)
{
    x = conv(b, x, "conv1", 96, 11, 4, 0, 1); /* 227 -> 55 */
    x = zoo_end_stage(b, 4, normalise(b, x, "norm1"));
    x = conv(b, pool(b, x, "pool1"), "conv2", 256, 5, 1, 2, 2);
    x = zoo_end_stage(b, 8, normalise(b, x, "norm2"));
    x = conv(b, pool(b, x, "pool2"), "conv3", 384, 3, 1, 1, 1);
    x = conv(b, x, "conv4", 384, 3, 1, 1, 2);
    x = zoo_end_stage(b, 16, conv(b, x, "conv5", 256, 3, 1, 1, 2));
    x = pool(b, x, "pool5"); /* [N, 256, 6, 6] */
    zoo_stage(b, 32, x);
    return x;
}

/* Figure 3 of the other paper: 7 x 7 with stride 2 and 5 x 5 with stride 2 in front, no groups. */
static fov_value zfnet_features(struct zoo_build *b, fov_value x)
{
    x = normalise(b, conv(b, x, "conv1", 96, 7, 2, 1, 1), "norm1");
    x = zoo_end_stage(b, 2, x);
    x = fov_max_pool2d(b->graph, x, .kernel = 3, .stride = 2, .ceil_mode = true, .name = "pool1"); /* 55 */
    x = normalise(b, conv(b, x, "conv2", 256, 5, 2, 0, 1), "norm2");
    x = zoo_end_stage(b, 8, x);
    x = fov_max_pool2d(b->graph, x, .kernel = 3, .stride = 2, .ceil_mode = true, .name = "pool2"); /* 13 */
    x = conv(b, x, "conv3", 384, 3, 1, 1, 1);
    x = conv(b, x, "conv4", 384, 3, 1, 1, 1);
    x = zoo_end_stage(b, 16, conv(b, x, "conv5", 256, 3, 1, 1, 1));
    x = pool(b, x, "pool5"); /* [N, 256, 6, 6] */
    zoo_stage(b, 32, x);
    return x;
}

static fov_value paper_head(struct zoo_build *b, fov_value x)
{
    static const char *const names[] = {"fc6", "fc7", "fc8"};
    return dense_head(b, x, names);
}

/* ---- by name ----------------------------------------------------------------------------------------------------- */

#define ALEXNET_PAPER                                              \
    .family = "AlexNet", .year = 2012, .common = {.dropout = 0.5}, \
    .paper = "Krizhevsky, Sutskever, Hinton: ImageNet classification with deep convolutional neural networks"

const struct zoo_network zoo_alexnet = {
    .name = "alexnet",
    .summary = "AlexNet as in torchvision: no groups, no normalisation, fewer filters",
    ALEXNET_PAPER,
    .accuracy = "ImageNet top-1 56.522 %, top-5 79.066 %",
    .reference = "torchvision",
    .features = features,
    .head = head,
    ZOO_IMAGENET(224),
    .shorter = 256,
};
const struct zoo_network zoo_alexnet_paper = {
    .name = "alexnet@paper",
    .summary = "AlexNet as printed: two groups, response normalisation, overlapping pooling",
    ALEXNET_PAPER,
    .accuracy = "ImageNet top-1 59.3 %, top-5 81.8 %",
    .features = paper_features,
    .head = paper_head,
    ZOO_IMAGENET(227),
};
const struct zoo_network zoo_zfnet = {
    .name = "zfnet",
    .summary = "ZFNet: AlexNet with a finer first look, 7 x 7 with stride 2",
    .family = "AlexNet",
    .year = 2014,
    .paper = "Zeiler, Fergus: Visualizing and understanding convolutional networks",
    .accuracy = "ImageNet top-1 61.6 %, top-5 83.5 %",
    .common = {.dropout = 0.5},
    .features = zfnet_features,
    .head = paper_head,
    ZOO_IMAGENET(224),
};
