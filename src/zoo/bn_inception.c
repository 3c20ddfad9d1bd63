/* SPDX-License-Identifier: MIT */
/* BN-Inception, also called Inception v2: Ioffe, Szegedy, "Batch normalization: accelerating deep network training by
 * reducing internal covariate shift", ICML 2015, figure 5: a GoogLeNet with batch norm everywhere and two 3 x 3 in
 * place of each 5 x 5. Names are those of the Caffe model and of Cadene's program, in which convolutions keep their
 * biases (11,295,240 parameters; 11,285,224 without). */
#include "zoo/blocks.h"
#include <stdio.h>

struct module { /* a row of figure 5; ones 0: the module halves the size */
    const char *name;
    int ones, threes_reduced, threes, doubles_reduced, doubles, pooled;
    bool max_pool;
};

/* NAME is the convolution, NAME_bn its norm. */
static fov_value conv(struct zoo_build *b, fov_value x, const char *name, int filters, int kernel, int stride)
{
    char norm[64];
    snprintf(norm, sizeof norm, "%s_bn", name);
    return zoo_conv(b, x, .filters = filters, .kernel = kernel, .stride = stride, .bias = true, .activation = ZOO_RELU,
                    .name = name, .norm = norm);
}

/* A convolution of a module: MODULE_PART. */
static fov_value part(struct zoo_build *b, fov_value x, const struct module *m, const char *name, int filters,
                      int kernel, int stride)
{
    char full[64];
    snprintf(full, sizeof full, "%s_%s", m->name, name);
    return conv(b, x, full, filters, kernel, stride);
}

static fov_value pool(struct zoo_build *b, fov_value x)
{
    return fov_max_pool2d(b->graph, x, .kernel = 3, .stride = 2, .ceil_mode = true);
}

static fov_value inception(struct zoo_build *b, fov_value x, const struct module *m)
{
    fov_graph *g = b->graph;
    int stride = m->ones > 0 ? 1 : 2, count = 0;
    fov_value branch[4], y;
    if (m->ones > 0) {
        branch[count++] = part(b, x, m, "1x1", m->ones, 1, 1);
    }
    y = part(b, x, m, "3x3_reduce", m->threes_reduced, 1, 1);
    branch[count++] = part(b, y, m, "3x3", m->threes, 3, stride);
    y = part(b, x, m, "double_3x3_reduce", m->doubles_reduced, 1, 1);
    y = part(b, y, m, "double_3x3_1", m->doubles, 3, 1);
    branch[count++] = part(b, y, m, "double_3x3_2", m->doubles, 3, stride);
    if (m->ones == 0) {
        branch[count++] = pool(b, x);
    } else {
        y = m->max_pool ? fov_max_pool2d(g, x, .kernel = 3, .stride = 1, .pad = 1)
                        : fov_avg_pool2d(g, x, .kernel = 3, .stride = 1, .pad = 1, .count_include_pad = true);
        branch[count++] = part(b, y, m, "pool_proj", m->pooled, 1, 1);
    }
    return fov_concat(g, branch, count, 1);
}

static fov_value features(struct zoo_build *b, fov_value x)
{
    static const struct module modules[] = {
        {"inception_3a", 64, 64, 64, 64, 96, 32, false},       {"inception_3b", 64, 64, 96, 64, 96, 64, false},
        {"inception_3c", 0, 128, 160, 64, 96, 0, false},       {"inception_4a", 224, 64, 96, 96, 128, 128, false},
        {"inception_4b", 192, 96, 128, 96, 128, 128, false},   {"inception_4c", 160, 128, 160, 128, 160, 128, false},
        {"inception_4d", 96, 128, 192, 160, 192, 128, false},  {"inception_4e", 0, 128, 192, 192, 256, 0, false},
        {"inception_5a", 352, 192, 320, 160, 224, 128, false}, {"inception_5b", 352, 192, 320, 192, 224, 128, true},
    };
    x = zoo_end_stage(b, 2, conv(b, x, "conv1_7x7_s2", 64, 7, 2));
    x = conv(b, pool(b, x), "conv2_3x3_reduce", 64, 1, 1);
    x = zoo_end_stage(b, 4, conv(b, x, "conv2_3x3", 192, 3, 1));
    x = pool(b, x);
    for (int i = 0; i < 10; i++) {
        int reached = i < 2 ? 8 : i < 7 ? 16 : 32;
        bool last = i == 1 || i == 6 || i == 9; /* the last module of its size */
        x = inception(b, x, &modules[i]);
        x = last ? zoo_end_stage(b, reached, x) : x;
    }
    return x;
}

static fov_value head(struct zoo_build *b, fov_value x)
{
    return zoo_pooled_logits(b, x, "last_linear");
}

const struct zoo_network zoo_bn_inception = {
    .name = "bn_inception",
    .summary = "BN-Inception (Inception v2): batch norm, two 3 x 3 in place of a 5 x 5",
    .family = "Inception",
    .year = 2015,
    .reference = "Cadene's pretrainedmodels",
    .paper = "Ioffe, Szegedy: Batch normalization: accelerating deep network training by reducing covariate shift",
    .accuracy = "ImageNet top-1 73.9 %, top-5 91.8 %",
    .standard = {.channels = 3, .height = 224, .width = 224, .classes = 1000},
    .mean = {0.5F, 0.5F, 0.5F},
    .deviation = {0.5F, 0.5F, 0.5F},
    .features = features,
    .head = head,
};
