/* SPDX-License-Identifier: MIT */
/* Inception v4 and Inception-ResNet v2: Szegedy, Ioffe, Vanhoucke, Alemi, "Inception-v4, Inception-ResNet and the
 * impact of residual connections on learning", AAAI 2017, figures 3 to 21. Names are those of Cadene's and timm's
 * programs. */
#include "zoo/blocks.h"

static fov_value average(struct zoo_build *b, fov_value x)
{
    return fov_avg_pool2d(b->graph, x, .kernel = 3, .stride = 1, .pad = 1);
}

static fov_value pool(struct zoo_build *b, fov_value x)
{
    return fov_max_pool2d(b->graph, x, .kernel = 3, .stride = 2);
}

static fov_value joined(struct zoo_build *b, const fov_value *branch, int count)
{
    zoo_pop(b);
    return fov_concat(b->graph, branch, count, 1);
}

/* ---- Inception v4 ------------------------------------------------------------------------------------------------ */

/* Figure 3, its three joins: 299 -> 35 x 35 x 384. */
static fov_value stem(struct zoo_build *b, fov_value x)
{
    x = zoo_chain(b, x, "features.", 0, zoo_inside(32, 3, 2), zoo_inside(32, 3, 1), zoo_square(64, 3)); /* 147 */
    zoo_stage(b, 2, x);
    zoo_push(b, "features.3");
    fov_value a[] = {pool(b, x), zoo_chain(b, x, "conv", ZOO_ALONE, zoo_inside(96, 3, 2))};
    x = joined(b, a, 2); /* 73 */
    zoo_push(b, "features.4");
    fov_value c[] = {zoo_chain(b, x, "branch0.", 0, zoo_square(64, 1), zoo_inside(96, 3, 1)),
                     zoo_chain(b, x, "branch1.", 0, zoo_square(64, 1), zoo_rectangle(64, 1, 7), zoo_rectangle(64, 7, 1),
                               zoo_inside(96, 3, 1))};
    x = zoo_end_stage(b, 4, joined(b, c, 2)); /* 71 */
    zoo_push(b, "features.5");
    fov_value d[] = {zoo_chain(b, x, "conv", ZOO_ALONE, zoo_inside(192, 3, 2)), pool(b, x)};
    return joined(b, d, 2); /* 35 */
}

/* Figure 4. */
static fov_value module_a(struct zoo_build *b, fov_value x)
{
    fov_value branch[] = {
        zoo_chain(b, x, "branch0", ZOO_ALONE, zoo_square(96, 1)),
        zoo_chain(b, x, "branch1.", 0, zoo_square(64, 1), zoo_square(96, 3)),
        zoo_chain(b, x, "branch2.", 0, zoo_square(64, 1), zoo_square(96, 3), zoo_square(96, 3)),
        zoo_chain(b, average(b, x), "branch3.", 1, zoo_square(96, 1)),
    };
    return joined(b, branch, 4);
}

/* Figure 7 with k, l, m, n = 192, 224, 256, 384: 35 -> 17. */
static fov_value reduction_a(struct zoo_build *b, fov_value x)
{
    fov_value branch[] = {
        zoo_chain(b, x, "branch0", ZOO_ALONE, zoo_inside(384, 3, 2)),
        zoo_chain(b, x, "branch1.", 0, zoo_square(192, 1), zoo_square(224, 3), zoo_inside(256, 3, 2)),
        pool(b, x),
    };
    return joined(b, branch, 3);
}

/* Figure 5. */
static fov_value module_b(struct zoo_build *b, fov_value x)
{
    fov_value branch[] = {
        zoo_chain(b, x, "branch0", ZOO_ALONE, zoo_square(384, 1)),
        zoo_chain(b, x, "branch1.", 0, zoo_square(192, 1), zoo_rectangle(224, 1, 7), zoo_rectangle(256, 7, 1)),
        zoo_chain(b, x, "branch2.", 0, zoo_square(192, 1), zoo_rectangle(192, 7, 1), zoo_rectangle(224, 1, 7),
                  zoo_rectangle(224, 7, 1), zoo_rectangle(256, 1, 7)),
        zoo_chain(b, average(b, x), "branch3.", 1, zoo_square(128, 1)),
    };
    return joined(b, branch, 4);
}

/* Figure 8: 17 -> 8. */
static fov_value reduction_b(struct zoo_build *b, fov_value x)
{
    fov_value branch[] = {
        zoo_chain(b, x, "branch0.", 0, zoo_square(192, 1), zoo_inside(192, 3, 2)),
        zoo_chain(b, x, "branch1.", 0, zoo_square(256, 1), zoo_rectangle(256, 1, 7), zoo_rectangle(320, 7, 1),
                  zoo_inside(320, 3, 2)),
        pool(b, x),
    };
    return joined(b, branch, 3);
}

/* Figure 6. */
static fov_value module_c(struct zoo_build *b, fov_value x)
{
    fov_value one = zoo_chain(b, x, "branch1_", 0, zoo_square(384, 1));
    fov_value two =
        zoo_chain(b, x, "branch2_", 0, zoo_square(384, 1), zoo_rectangle(448, 3, 1), zoo_rectangle(512, 1, 3));
    fov_value branch[] = {
        zoo_chain(b, x, "branch0", ZOO_ALONE, zoo_square(256, 1)),
        zoo_chain(b, one, "branch1_1a", ZOO_ALONE, zoo_rectangle(256, 1, 3)),
        zoo_chain(b, one, "branch1_1b", ZOO_ALONE, zoo_rectangle(256, 3, 1)),
        zoo_chain(b, two, "branch2_3a", ZOO_ALONE, zoo_rectangle(256, 1, 3)),
        zoo_chain(b, two, "branch2_3b", ZOO_ALONE, zoo_rectangle(256, 3, 1)),
        zoo_chain(b, average(b, x), "branch3.", 1, zoo_square(256, 1)),
    };
    return joined(b, branch, 6);
}

/* Figure 9. */
static fov_value v4_features(struct zoo_build *b, fov_value x)
{
    static const struct {
        fov_value (*build)(struct zoo_build *b, fov_value x);
        int count, stride;
    } rows[] = {{module_a, 4, 8}, {reduction_a, 1, 0}, {module_b, 7, 16}, {reduction_b, 1, 0}, {module_c, 3, 32}};
    int number = 6;
    x = stem(b, x);
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        for (int i = 0; i < rows[row].count; i++) {
            zoo_push(b, "features.%d", number++);
            x = rows[row].build(b, x);
        }
        x = rows[row].stride > 0 ? zoo_end_stage(b, rows[row].stride, x) : x;
    }
    return x;
}

static fov_value v4_head(struct zoo_build *b, fov_value x)
{
    return zoo_pooled_logits(b, x, "last_linear");
}

/* ---- Inception-ResNet v2 ----------------------------------------------------------------------------------------- */

static fov_value module_5b(struct zoo_build *b, fov_value x)
{
    zoo_push(b, "mixed_5b");
    fov_value branch[] = {
        zoo_chain(b, x, "branch0", ZOO_ALONE, zoo_square(96, 1)),
        zoo_chain(b, x, "branch1.", 0, zoo_square(48, 1), zoo_square(64, 5)),
        zoo_chain(b, x, "branch2.", 0, zoo_square(64, 1), zoo_square(96, 3), zoo_square(96, 3)),
        zoo_chain(b, average(b, x), "branch3.", 1, zoo_square(64, 1)),
    };
    return joined(b, branch, 4);
}

/* Concatenates the branches, brings them to x's channels, and adds them to x times a small factor: section 3.3. */
static fov_value residual(struct zoo_build *b, fov_value x, const fov_value *branch, int count, float factor)
{
    fov_graph *g = b->graph;
    fov_value y = fov_concat(g, branch, count, 1);
    y = zoo_attend(b, fov_conv2d(g, y, .filters = zoo_channels(b, x), .kernel = 1, .name = "conv2d"));
    zoo_pop(b);
    return fov_add(g, fov_mul(g, y, fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &factor)), x);
}

/* Figure 16. */
static fov_value block_35(struct zoo_build *b, fov_value x)
{
    fov_value branch[] = {
        zoo_chain(b, x, "branch0", ZOO_ALONE, zoo_square(32, 1)),
        zoo_chain(b, x, "branch1.", 0, zoo_square(32, 1), zoo_square(32, 3)),
        zoo_chain(b, x, "branch2.", 0, zoo_square(32, 1), zoo_square(48, 3), zoo_square(64, 3)),
    };
    return fov_relu(b->graph, residual(b, x, branch, 3, 0.17F));
}

static fov_value module_6a(struct zoo_build *b, fov_value x)
{
    zoo_push(b, "mixed_6a");
    fov_value branch[] = {
        zoo_chain(b, x, "branch0", ZOO_ALONE, zoo_inside(384, 3, 2)),
        zoo_chain(b, x, "branch1.", 0, zoo_square(256, 1), zoo_square(256, 3), zoo_inside(384, 3, 2)),
        pool(b, x),
    };
    return joined(b, branch, 3);
}

/* Figure 17. */
static fov_value block_17(struct zoo_build *b, fov_value x)
{
    fov_value branch[] = {
        zoo_chain(b, x, "branch0", ZOO_ALONE, zoo_square(192, 1)),
        zoo_chain(b, x, "branch1.", 0, zoo_square(128, 1), zoo_rectangle(160, 1, 7), zoo_rectangle(192, 7, 1)),
    };
    return fov_relu(b->graph, residual(b, x, branch, 2, 0.1F));
}

/* Figure 18. */
static fov_value module_7a(struct zoo_build *b, fov_value x)
{
    zoo_push(b, "mixed_7a");
    fov_value branch[] = {
        zoo_chain(b, x, "branch0.", 0, zoo_square(256, 1), zoo_inside(384, 3, 2)),
        zoo_chain(b, x, "branch1.", 0, zoo_square(256, 1), zoo_inside(288, 3, 2)),
        zoo_chain(b, x, "branch2.", 0, zoo_square(256, 1), zoo_square(288, 3), zoo_inside(320, 3, 2)),
        pool(b, x),
    };
    return joined(b, branch, 4);
}

/* Figure 19. */
static fov_value block_8(struct zoo_build *b, fov_value x, float factor)
{
    fov_value branch[] = {
        zoo_chain(b, x, "branch0", ZOO_ALONE, zoo_square(192, 1)),
        zoo_chain(b, x, "branch1.", 0, zoo_square(192, 1), zoo_rectangle(224, 1, 3), zoo_rectangle(256, 3, 1)),
    };
    return residual(b, x, branch, 2, factor);
}

/* Figure 15. */
static fov_value residual_features(struct zoo_build *b, fov_value x)
{
    x = zoo_chain(b, x, "conv2d_1a", ZOO_ALONE, zoo_inside(32, 3, 2)); /* 149 */
    x = zoo_chain(b, x, "conv2d_2a", ZOO_ALONE, zoo_inside(32, 3, 1));
    x = zoo_chain(b, x, "conv2d_2b", ZOO_ALONE, zoo_square(64, 3)); /* 147 */
    zoo_stage(b, 2, x);
    x = zoo_chain(b, pool(b, x), "conv2d_3b", ZOO_ALONE, zoo_square(80, 1)); /* 73 */
    x = zoo_chain(b, x, "conv2d_4a", ZOO_ALONE, zoo_inside(192, 3, 1));
    zoo_stage(b, 4, x);
    x = module_5b(b, pool(b, x)); /* 35 */
    for (int i = 0; i < 10; i++) {
        zoo_push(b, "repeat.%d", i);
        x = block_35(b, x);
    }
    zoo_stage(b, 8, x);
    x = module_6a(b, x); /* 17 */
    for (int i = 0; i < 20; i++) {
        zoo_push(b, "repeat_1.%d", i);
        x = block_17(b, x);
    }
    zoo_stage(b, 16, x);
    x = module_7a(b, x); /* 8 */
    for (int i = 0; i < 9; i++) {
        zoo_push(b, "repeat_2.%d", i);
        x = fov_relu(b->graph, block_8(b, x, 0.2F));
    }
    zoo_push(b, "block8");
    x = block_8(b, x, 1);
    x = zoo_chain(b, x, "conv2d_7b", ZOO_ALONE, zoo_square(1536, 1));
    zoo_stage(b, 32, x);
    return x;
}

static fov_value residual_head(struct zoo_build *b, fov_value x)
{
    return zoo_pooled_logits(b, x, "classif");
}

#define INCEPTION                                                                                                  \
    .family = "Inception", .year = 2017, .reference = "timm",                                                      \
    .paper =                                                                                                       \
        "Szegedy, Ioffe, Vanhoucke, Alemi: Inception-v4, Inception-ResNet and the impact of residual connections", \
    .standard = {.channels = 3, .height = 299, .width = 299, .classes = 1000}, .mean = {0.5F, 0.5F, 0.5F},         \
    .deviation = {0.5F, 0.5F, 0.5F}, .common = {.dropout = 0.2}

const struct zoo_network zoo_inception_v4 = {
    .name = "inception_v4",
    .summary = "Inception v4: one pattern of modules throughout, no residuals",
    .accuracy = "ImageNet top-1 80.2 %, top-5 95.2 %",
    .features = v4_features,
    .head = v4_head,
    INCEPTION,
};
const struct zoo_network zoo_inception_resnet_v2 = {
    .name = "inception_resnet_v2",
    .summary = "Inception-ResNet v2: Inception modules as residual branches",
    .accuracy = "ImageNet top-1 80.4 %, top-5 95.3 %",
    .features = residual_features,
    .head = residual_head,
    INCEPTION,
};
