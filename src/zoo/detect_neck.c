/* SPDX-License-Identifier: MIT */
/* Necks, which combine maps of three sizes. FPN: Lin et al., "Feature pyramid networks", CVPR 2017, from coarse to fine
 * only. PAN: Liu et al., "Path aggregation network", CVPR 2018, and back to coarse, as YOLOX has it. BiFPN: Tan, Pang,
 * Le, "EfficientDet", CVPR 2020, sums with learned weights. The last neck here is YOLOv3's (Redmon & Farhadi 2018). */
#include "zoo/detect.h"
#include <math.h>
#include <stdio.h>

/* Repeats each pixel, to the size of the next finer map: exactly twice, as pictures' sides are multiples of 32. */
static fov_value twice_as_large(struct zoo_build *b, fov_value x)
{
    return fov_resize2d(b->graph, x, .scale = 2);
}

static fov_value beside(struct zoo_build *b, fov_value first, fov_value second)
{
    return fov_concat(b->graph, (fov_value[]){first, second}, 2, 1);
}

/* Channels of the three levels, and blocks in a cross-stage partial layer. */
struct sizes {
    int filters[DETECT_LEVELS], blocks;
};

static struct sizes sizes_of(const struct zoo_build *b)
{
    const struct detect_plan *plan = b->network->plan;
    struct sizes sizes = {.blocks = (int)lrint(3 * plan->depth)};
    for (int i = 0; i < DETECT_LEVELS; i++) {
        sizes.filters[i] = (int)((256 << i) * plan->width);
    }
    return sizes;
}

/* FPN; with `up` also PAN's path back to coarse maps. */
static void path_aggregation(struct zoo_build *b, fov_value map[DETECT_LEVELS], bool up)
{
    struct sizes s = sizes_of(b);
    fov_value deep = detect_conv(b, map[2], "lateral_conv0", s.filters[1], 1, 1);
    fov_value middle = beside(b, twice_as_large(b, deep), map[1]);
    middle = detect_csp(b, middle, "C3_p4", s.filters[1], s.blocks, false);
    fov_value narrow = detect_conv(b, middle, "reduce_conv1", s.filters[0], 1, 1);
    map[0] = beside(b, twice_as_large(b, narrow), map[0]);
    map[0] = detect_csp(b, map[0], "C3_p3", s.filters[0], s.blocks, false);
    if (!up) {
        map[1] = middle;
        map[2] = deep;
        return;
    }
    map[1] = beside(b, detect_wide(b, map[0], "bu_conv2", s.filters[0], 2), narrow);
    map[1] = detect_csp(b, map[1], "C3_n3", s.filters[1], s.blocks, false);
    map[2] = beside(b, detect_wide(b, map[1], "bu_conv1", s.filters[1], 2), deep);
    map[2] = detect_csp(b, map[2], "C3_n4", s.filters[2], s.blocks, false);
}

/* Sum of maps with weights that are kept positive and sum to about 1 (the paper's "fast normalised fusion"), then a
 * convolution. */
static fov_value fuse(struct zoo_build *b, const char *scope, const fov_value *maps, int count, int filters)
{
    static const float epsilon = 1e-4F;
    fov_graph *g = b->graph;
    fov_value sum = {0};
    zoo_push(b, "%s", scope);
    fov_value weights = zoo_parameter(g, "fusion", "weight", (fov_shape){1, {count}}, FOV_INITIAL_ONES, 0);
    weights = fov_relu(g, weights);
    fov_value all = fov_reduce_sum(g, weights, .axes = {0}, .axis_count = 1, .keep_dims = true);
    all = fov_add(g, all, fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &epsilon));
    weights = fov_div(g, weights, all);
    for (int i = 0; i < count; i++) {
        fov_value part = fov_mul(g, maps[i], fov_slice(g, weights, 0, i, 1, 1));
        sum = i == 0 ? part : fov_add(g, sum, part);
    }
    sum = detect_wide(b, sum, "conv", filters, 1);
    zoo_pop(b);
    return sum;
}

static fov_value half_as_large(struct zoo_build *b, fov_value x)
{
    return fov_max_pool2d(b->graph, x, .kernel = 3, .stride = 2, .pad = 1);
}

static void bidirectional(struct zoo_build *b, fov_value map[DETECT_LEVELS])
{
    static const char *const lateral[DETECT_LEVELS] = {"lateral0", "lateral1", "lateral2"};
    struct sizes s = sizes_of(b);
    int filters = s.filters[0], layers = s.blocks > 1 ? s.blocks : 2;
    for (int i = 0; i < DETECT_LEVELS; i++) {
        map[i] = detect_conv(b, map[i], lateral[i], filters, 1, 1);
    }
    for (int layer = 0; layer < layers; layer++) {
        zoo_push(b, "bifpn.%d", layer);
        fov_value down = fuse(b, "p4_down", (fov_value[]){map[1], twice_as_large(b, map[2])}, 2, filters);
        map[0] = fuse(b, "p3", (fov_value[]){map[0], twice_as_large(b, down)}, 2, filters);
        map[1] = fuse(b, "p4", (fov_value[]){map[1], down, half_as_large(b, map[0])}, 3, filters);
        map[2] = fuse(b, "p5", (fov_value[]){map[2], half_as_large(b, map[1])}, 2, filters);
        zoo_pop(b);
    }
}

void detect_neck(struct zoo_build *b, fov_value map[DETECT_LEVELS])
{
    switch ((enum detect_neck)zoo_detect_options(b)->neck) {
    case DETECT_PAN:
        path_aggregation(b, map, true);
        break;
    case DETECT_FPN:
        path_aggregation(b, map, false);
        break;
    case DETECT_BIFPN:
        bidirectional(b, map);
        break;
    }
}

/* Five convolutions, narrow and wide in turn. */
static fov_value embedding(struct zoo_build *b, fov_value x, const char *scope, int filters)
{
    static const char *const numbers[] = {"0", "1", "2", "3", "4"};
    zoo_push(b, "%s", scope);
    for (int i = 0; i < 5; i++) {
        x = detect_conv(b, x, numbers[i], i % 2 == 0 ? filters : 2 * filters, i % 2 == 0 ? 1 : 3, 1);
    }
    zoo_pop(b);
    return x;
}

void detect_neck_v3(struct zoo_build *b, fov_value map[DETECT_LEVELS])
{
    for (int i = 1; i >= 0; i--) {
        char narrow[16], wide[16];
        int filters = 128 << i;
        snprintf(narrow, sizeof narrow, "out%d_cbl", 2 - i);
        snprintf(wide, sizeof wide, "out%d", 2 - i);
        fov_value deep = detect_conv(b, map[i + 1], narrow, filters, 1, 1);
        map[i] = embedding(b, beside(b, twice_as_large(b, deep), map[i]), wide, filters);
    }
}
