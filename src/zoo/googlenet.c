/* SPDX-License-Identifier: MIT */
/* GoogLeNet, the first Inception: Szegedy et al., "Going deeper with convolutions", CVPR 2015, table 1. A module looks
 * at its input through 1 x 1, 3 x 3 and 5 x 5 windows at once; two auxiliary heads in the middle give gradients to
 * the layers below them (in training, their losses count 0.3 each). `googlenet` is torchvision's, with batch norm and
 * a 3 x 3 in place of the 5 x 5; `googlenet@paper` is as printed. Read next: inception_v3.c. */
#include "zoo/blocks.h"

struct googlenet_options {
    bool auxiliary;
};
static const struct attribute googlenet_attributes[] = {
    {ATTRIBUTE(struct googlenet_options, auxiliary), .kind = ATTRIBUTE_FLAG, .standard = 1,
     .doc = "two more heads, behind 4a and 4d"},
    {.name = NULL},
};

struct googlenet {
    bool paper; /* biases and response normalisation, 5 x 5; else batch norm, 3 x 3 */
};

struct module { /* a row of table 1 */
    const char *name;
    int ones, threes_reduced, threes, fives_reduced, fives, pooled;
};

/* A convolution with its norm and ReLU: NAME.conv and NAME.bn, or in the paper's form, without a norm, NAME. */
static fov_value conv(struct zoo_build *b, fov_value x, const char *name, int filters, int kernel, int stride)
{
    const struct googlenet *plan = b->network->plan;
    if (!plan->paper) {
        return zoo_chain(b, x, name, ZOO_ALONE,
                         {.filters = filters, .height = kernel, .width = kernel, .stride = stride});
    }
    return zoo_conv(b, x, .filters = filters, .kernel = kernel, .stride = stride, .bias = true, .no_norm = true,
                    .activation = ZOO_RELU, .name = name);
}

/* Figure 2 (b). */
static fov_value inception(struct zoo_build *b, fov_value x, const struct module *m)
{
    const struct googlenet *plan = b->network->plan;
    fov_graph *g = b->graph;
    fov_value branch[4];
    zoo_push(b, "%s", m->name);
    branch[0] = conv(b, x, "branch1", m->ones, 1, 1);
    branch[1] = conv(b, conv(b, x, "branch2.0", m->threes_reduced, 1, 1), "branch2.1", m->threes, 3, 1);
    branch[2] = conv(b, conv(b, x, "branch3.0", m->fives_reduced, 1, 1), "branch3.1", m->fives, plan->paper ? 5 : 3, 1);
    branch[3] = fov_max_pool2d(g, x, .kernel = 3, .stride = 1, .pad = 1, .name = "branch4.0");
    branch[3] = conv(b, branch[3], "branch4.1", m->pooled, 1, 1);
    zoo_pop(b);
    return fov_concat(g, branch, 4, 1);
}

/* Section 5: 5 x 5 means with stride 3 (4 x 4 of them), 128 filters of 1 x 1, 1024 units, 70 % dropout. */
static void add_auxiliary(struct zoo_build *b, fov_value x, const char *scope)
{
    const struct googlenet_options *options = zoo_options(b);
    fov_graph *g = b->graph;
    if (!options->auxiliary || b->is_backbone) {
        return;
    }
    zoo_push(b, "%s", scope);
    x = conv(b, fov_adaptive_avg_pool2d(g, x, 4, 4), "conv", 128, 1, 1);
    x = fov_relu(g, fov_dense(g, fov_flatten(g, x), .units = 1024, .name = "fc1"));
    x = fov_dropout(g, x, 0.7F);
    zoo_add_auxiliary(b, fov_dense(g, x, .units = b->input.classes, .name = "fc2"), 0.3F);
    zoo_pop(b);
}

static fov_value pool(struct zoo_build *b, fov_value x, int kernel, const char *name)
{
    return fov_max_pool2d(b->graph, x, .kernel = kernel, .stride = 2, .ceil_mode = true, .name = name);
}

static fov_value normalise(struct zoo_build *b, fov_value x)
{
    const struct googlenet *plan = b->network->plan;
    return plan->paper ? fov_lrn(b->graph, x, .size = 5, .alpha = 1e-4F, .beta = 0.75F) : x;
}

static fov_value features(struct zoo_build *b, fov_value x)
{
    static const struct module modules[] = {
        {"inception3a", 64, 96, 128, 16, 32, 32},     {"inception3b", 128, 128, 192, 32, 96, 64},
        {"inception4a", 192, 96, 208, 16, 48, 64},    {"inception4b", 160, 112, 224, 24, 64, 64},
        {"inception4c", 128, 128, 256, 24, 64, 64},   {"inception4d", 112, 144, 288, 32, 64, 64},
        {"inception4e", 256, 160, 320, 32, 128, 128}, {"inception5a", 256, 160, 320, 32, 128, 128},
        {"inception5b", 384, 192, 384, 48, 128, 128},
    };
    const struct googlenet *plan = b->network->plan;

    x = zoo_end_stage(b, 2, conv(b, x, "conv1", 64, 7, 2));
    x = normalise(b, pool(b, x, 3, "maxpool1"));
    x = conv(b, conv(b, x, "conv2", 64, 1, 1), "conv3", 192, 3, 1);
    x = zoo_end_stage(b, 4, normalise(b, x));
    x = pool(b, x, 3, "maxpool2");
    x = inception(b, inception(b, x, &modules[0]), &modules[1]);
    x = zoo_end_stage(b, 8, x);
    x = pool(b, x, 3, "maxpool3");
    for (int i = 2; i < 7; i++) {
        x = inception(b, x, &modules[i]);
        if (i == 2 || i == 5) {
            add_auxiliary(b, x, i == 2 ? "aux1" : "aux2");
        }
    }
    x = zoo_end_stage(b, 16, x);
    x = pool(b, x, plan->paper ? 3 : 2, "maxpool4");
    x = inception(b, inception(b, x, &modules[7]), &modules[8]);
    return zoo_end_stage(b, 32, x);
}

static fov_value head(struct zoo_build *b, fov_value x)
{
    return zoo_pooled_logits(b, x, "fc");
}

#define GOOGLENET                                                                                               \
    .family = "Inception", .year = 2015, .paper = "Szegedy et al.: Going deeper with convolutions",             \
    .attributes = googlenet_attributes, .options_size = sizeof(struct googlenet_options), .features = features, \
    .head = head, .standard = {.channels = 3, .height = 224, .width = 224, .classes = 1000},                    \
    .mean = {0.5F, 0.5F, 0.5F}, .deviation = {0.5F, 0.5F, 0.5F}
#define TORCHVISION                                                                          \
    .common = {.dropout = 0.2}, .shorter = 256, .reference = "torchvision",                  \
    .accuracy = "ImageNet top-1 69.778 %, top-5 89.530 %", .plan = &(const struct googlenet) \
    {                                                                                        \
        .paper = false                                                                       \
    }

const struct zoo_network zoo_googlenet = {
    .name = "googlenet",
    .summary = "GoogLeNet (Inception v1) as in torchvision: batch norm, 3 x 3 in place of 5 x 5",
    GOOGLENET,
    TORCHVISION,
};
const struct zoo_network zoo_googlenet_torchvision = {
    .name = "googlenet@torchvision",
    .summary = "The same as googlenet",
    GOOGLENET,
    TORCHVISION,
};
const struct zoo_network zoo_googlenet_paper = {
    .name = "googlenet@paper",
    .summary = "GoogLeNet (Inception v1) as printed: 5 x 5, response normalisation",
    GOOGLENET,
    .accuracy = "ImageNet top-5 89.93 % (one network, one crop)",
    .common = {.dropout = 0.4},
    .plan = &(const struct googlenet){.paper = true},
};
