/* SPDX-License-Identifier: MIT */
/* Inception v3: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception architecture for computer vision",
 * CVPR 2016, as it was published as a program, whose layers torchvision has (they are not quite those of the paper's
 * table). A 5 x 5 becomes two 3 x 3, an n x n becomes 1 x n and n x 1. Trained with label smoothing 0.1. */
#include "zoo/blocks.h"

struct inception_options {
    bool auxiliary;
};
static const struct attribute inception_attributes[] = {
    {ATTRIBUTE(struct inception_options, auxiliary), .kind = ATTRIBUTE_FLAG, .standard = 1,
     .doc = "one more head, behind Mixed_6e"},
    {.name = NULL},
};

static fov_value average(struct zoo_build *b, fov_value x)
{
    return fov_avg_pool2d(b->graph, x, .kernel = 3, .stride = 1, .pad = 1, .count_include_pad = true);
}

static fov_value pool(struct zoo_build *b, fov_value x)
{
    return fov_max_pool2d(b->graph, x, .kernel = 3, .stride = 2);
}

/* 1 x 3 and 3 x 1 side by side: figure 7. */
static fov_value spread(struct zoo_build *b, fov_value x, const char *across, const char *down)
{
    fov_value both[2] = {zoo_chain(b, x, across, ZOO_ALONE, zoo_rectangle(384, 1, 3)),
                         zoo_chain(b, x, down, ZOO_ALONE, zoo_rectangle(384, 3, 1))};
    return fov_concat(b->graph, both, 2, 1);
}

/* 35 x 35: figure 5. */
static fov_value module_a(struct zoo_build *b, fov_value x, const char *name, int pooled)
{
    zoo_push(b, "%s", name);
    fov_value branch[] = {
        zoo_chain(b, x, "branch1x1", ZOO_ALONE, zoo_square(64, 1)),
        zoo_chain(b, x, "branch5x5_", 1, zoo_square(48, 1), zoo_square(64, 5)),
        zoo_chain(b, x, "branch3x3dbl_", 1, zoo_square(64, 1), zoo_square(96, 3), zoo_square(96, 3)),
        zoo_chain(b, average(b, x), "branch_pool", ZOO_ALONE, zoo_square(pooled, 1)),
    };
    zoo_pop(b);
    return fov_concat(b->graph, branch, 4, 1);
}

/* 35 -> 17: figure 10. */
static fov_value module_b(struct zoo_build *b, fov_value x, const char *name)
{
    zoo_push(b, "%s", name);
    fov_value branch[] = {
        zoo_chain(b, x, "branch3x3", ZOO_ALONE, zoo_inside(384, 3, 2)),
        zoo_chain(b, x, "branch3x3dbl_", 1, zoo_square(64, 1), zoo_square(96, 3), zoo_inside(96, 3, 2)),
        pool(b, x),
    };
    zoo_pop(b);
    return fov_concat(b->graph, branch, 3, 1);
}

/* 17 x 17: figure 6 with n = 7. */
static fov_value module_c(struct zoo_build *b, fov_value x, const char *name, int width)
{
    zoo_push(b, "%s", name);
    fov_value branch[] = {
        zoo_chain(b, x, "branch1x1", ZOO_ALONE, zoo_square(192, 1)),
        zoo_chain(b, x, "branch7x7_", 1, zoo_square(width, 1), zoo_rectangle(width, 1, 7), zoo_rectangle(192, 7, 1)),
        zoo_chain(b, x, "branch7x7dbl_", 1, zoo_square(width, 1), zoo_rectangle(width, 7, 1),
                  zoo_rectangle(width, 1, 7), zoo_rectangle(width, 7, 1), zoo_rectangle(192, 1, 7)),
        zoo_chain(b, average(b, x), "branch_pool", ZOO_ALONE, zoo_square(192, 1)),
    };
    zoo_pop(b);
    return fov_concat(b->graph, branch, 4, 1);
}

/* 17 -> 8. */
static fov_value module_d(struct zoo_build *b, fov_value x, const char *name)
{
    zoo_push(b, "%s", name);
    fov_value branch[] = {
        zoo_chain(b, x, "branch3x3_", 1, zoo_square(192, 1), zoo_inside(320, 3, 2)),
        zoo_chain(b, x, "branch7x7x3_", 1, zoo_square(192, 1), zoo_rectangle(192, 1, 7), zoo_rectangle(192, 7, 1),
                  zoo_inside(192, 3, 2)),
        pool(b, x),
    };
    zoo_pop(b);
    return fov_concat(b->graph, branch, 3, 1);
}

/* 8 x 8. */
static fov_value module_e(struct zoo_build *b, fov_value x, const char *name)
{
    zoo_push(b, "%s", name);
    fov_value branch[] = {
        zoo_chain(b, x, "branch1x1", ZOO_ALONE, zoo_square(320, 1)),
        spread(b, zoo_chain(b, x, "branch3x3_", 1, zoo_square(384, 1)), "branch3x3_2a", "branch3x3_2b"),
        spread(b, zoo_chain(b, x, "branch3x3dbl_", 1, zoo_square(448, 1), zoo_square(384, 3)), "branch3x3dbl_3a",
               "branch3x3dbl_3b"),
        zoo_chain(b, average(b, x), "branch_pool", ZOO_ALONE, zoo_square(192, 1)),
    };
    zoo_pop(b);
    return fov_concat(b->graph, branch, 4, 1);
}

static void add_auxiliary(struct zoo_build *b, fov_value x)
{
    const struct inception_options *options = zoo_options(b);
    if (!options->auxiliary || b->is_backbone) {
        return;
    }
    zoo_push(b, "AuxLogits");
    x = fov_avg_pool2d(b->graph, x, .kernel = 5, .stride = 3);
    x = zoo_chain(b, x, "conv", 0, zoo_square(128, 1), zoo_inside(768, 5, 1));
    x = fov_flatten(b->graph, fov_global_avg_pool(b->graph, x));
    zoo_add_auxiliary(b, fov_dense(b->graph, x, .units = b->input.classes, .name = "fc"), 0.4F);
    zoo_pop(b);
}

static fov_value features(struct zoo_build *b, fov_value x)
{
    x = zoo_chain(b, x, "Conv2d_1a_3x3", ZOO_ALONE, zoo_inside(32, 3, 2)); /* 149 */
    x = zoo_chain(b, x, "Conv2d_2a_3x3", ZOO_ALONE, zoo_inside(32, 3, 1));
    x = zoo_end_stage(b, 2, zoo_chain(b, x, "Conv2d_2b_3x3", ZOO_ALONE, zoo_square(64, 3))); /* 147 */
    x = zoo_chain(b, pool(b, x), "Conv2d_3b_1x1", ZOO_ALONE, zoo_square(80, 1));             /* 73 */
    x = zoo_end_stage(b, 4, zoo_chain(b, x, "Conv2d_4a_3x3", ZOO_ALONE, zoo_inside(192, 3, 1)));
    x = module_a(b, pool(b, x), "Mixed_5b", 32);
    x = module_a(b, x, "Mixed_5c", 64);
    x = zoo_end_stage(b, 8, module_a(b, x, "Mixed_5d", 64)); /* 35 */
    x = module_b(b, x, "Mixed_6a");
    x = module_c(b, x, "Mixed_6b", 128);
    x = module_c(b, x, "Mixed_6c", 160);
    x = module_c(b, x, "Mixed_6d", 160);
    x = zoo_end_stage(b, 16, module_c(b, x, "Mixed_6e", 192)); /* 17 */
    add_auxiliary(b, x);
    x = module_d(b, x, "Mixed_7a");
    x = module_e(b, x, "Mixed_7b");
    return zoo_end_stage(b, 32, module_e(b, x, "Mixed_7c")); /* 8 */
}

static fov_value head(struct zoo_build *b, fov_value x)
{
    return zoo_pooled_logits(b, x, "fc");
}

const struct zoo_network zoo_inception_v3 = {
    .name = "inception_v3",
    .summary = "Inception v3: 5 x 5 as two 3 x 3, 7 x 7 as 1 x 7 and 7 x 1, an auxiliary head",
    .family = "Inception",
    .year = 2016,
    .paper = "Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception architecture for computer vision",
    .accuracy = "ImageNet top-1 77.294 %, top-5 93.450 %",
    .reference = "torchvision",
    .standard = {.channels = 3, .height = 299, .width = 299, .classes = 1000},
    .mean = {0.5F, 0.5F, 0.5F},
    .deviation = {0.5F, 0.5F, 0.5F},
    .shorter = 342,
    .attributes = inception_attributes,
    .options_size = sizeof(struct inception_options),
    .common = {.dropout = 0.5},
    .features = features,
    .head = head,
};
