/* SPDX-License-Identifier: MIT */
/* MobileNet v3: Howard et al., "Searching for MobileNetV3", ICCV 2019, tables 1 and 2: inverted residuals with squeeze
 * and excitation, hard swish where maps are small. Names are torchvision's. */
#include "zoo/blocks.h"
#include <stdio.h>

struct row { /* of the tables */
    int kernel, expanded, channels;
    bool squeeze, hard_swish;
    int stride;
};

struct mobilenet_v3 {
    const struct row *rows;
    int count, last; /* rows; last: units of the classifier's first layer */
};

struct mobile_options {
    double width;
};
static const struct attribute attributes[] = {
    {ATTRIBUTE(struct mobile_options, width), .kind = ATTRIBUTE_NUMBER, .standard = 1, .minimum = 0.1, .maximum = 4,
     .doc = "factor of all channels, rounded to multiples of 8"},
    {.name = NULL},
};

static const float EPSILON = 1e-3F, MOMENTUM = 0.01F;

static int scaled(const struct zoo_build *b, int channels)
{
    const struct mobile_options *options = zoo_options(b);
    return zoo_round_channels(channels * options->width, 8);
}

static fov_value features(struct zoo_build *b, fov_value x)
{
    const struct mobilenet_v3 *plan = b->network->plan;
    int most = b->output_stride > 0 ? b->output_stride : 32, reached = 2, dilation = 1;
    x = zoo_conv_block(b, x, "features.0", .filters = scaled(b, 16), .kernel = 3, .stride = 2, .epsilon = EPSILON,
                       .momentum = MOMENTUM, .activation = ZOO_HARD_SWISH);
    zoo_stage(b, 2, x);
    for (int i = 0; i < plan->count; i++) {
        const struct row *row = &plan->rows[i];
        int expanded = scaled(b, row->expanded);
        bool shrinks = row->stride > 1 && reached < most;
        dilation *= row->stride > 1 && !shrinks ? 2 : 1;
        reached *= shrinks ? 2 : 1;
        zoo_push(b, "features.%d", i + 1);
        x = zoo_inverted_residual(
            b, x,
            &(struct zoo_inverted){.expanded = expanded,
                                   .filters = scaled(b, row->channels),
                                   .kernel = row->kernel,
                                   .stride = row->stride,
                                   .dilation = dilation,
                                   .squeeze = row->squeeze ? zoo_round_channels(expanded / 4.0, 8) : 0,
                                   .hard = true,
                                   .epsilon = EPSILON,
                                   .momentum = MOMENTUM,
                                   .activation = row->hard_swish ? ZOO_HARD_SWISH : ZOO_RELU});
        zoo_pop(b);
        zoo_stage(b, reached, x);
    }
    zoo_push(b, "features");
    char number[16];
    snprintf(number, sizeof number, "%d", plan->count + 1);
    x = zoo_conv_block(b, x, number, .filters = 6 * zoo_channels(b, x), .kernel = 1, .epsilon = EPSILON,
                       .momentum = MOMENTUM, .activation = ZOO_HARD_SWISH);
    zoo_pop(b);
    zoo_stage(b, 32, x);
    return x;
}

/* The dense layer before the last one comes after pooling, where it is cheap: figure 5. */
static fov_value head(struct zoo_build *b, fov_value x)
{
    const struct mobilenet_v3 *plan = b->network->plan;
    fov_graph *g = b->graph;
    x = fov_flatten(g, fov_global_avg_pool(g, x));
    x = fov_hard_swish(g, fov_dense(g, x, .units = scaled(b, plan->last), .name = "classifier.0"));
    x = zoo_dropout(b, x);
    return fov_dense(g, x, .units = b->input.classes, .name = "classifier.3");
}

/* ---- by name ----------------------------------------------------------------------------------------------------- */

static const struct row large[] = {
    {3, 16, 16, false, false, 1}, {3, 64, 24, false, false, 2}, {3, 72, 24, false, false, 1},
    {5, 72, 40, true, false, 2},  {5, 120, 40, true, false, 1}, {5, 120, 40, true, false, 1},
    {3, 240, 80, false, true, 2}, {3, 200, 80, false, true, 1}, {3, 184, 80, false, true, 1},
    {3, 184, 80, false, true, 1}, {3, 480, 112, true, true, 1}, {3, 672, 112, true, true, 1},
    {5, 672, 160, true, true, 2}, {5, 960, 160, true, true, 1}, {5, 960, 160, true, true, 1},
};
static const struct row small[] = {
    {3, 16, 16, true, false, 2}, {3, 72, 24, false, false, 2}, {3, 88, 24, false, false, 1},
    {5, 96, 40, true, true, 2},  {5, 240, 40, true, true, 1},  {5, 240, 40, true, true, 1},
    {5, 120, 48, true, true, 1}, {5, 144, 48, true, true, 1},  {5, 288, 96, true, true, 2},
    {5, 576, 96, true, true, 1}, {5, 576, 96, true, true, 1},
};

#define MOBILENET_V3(table, units)                                                                                 \
    .plan = &(const struct mobilenet_v3){(table), (int)(sizeof(table) / sizeof *(table)), (units)},                \
    .family = "MobileNet", .year = 2019, .reference = "torchvision",                                               \
    .paper = "Howard et al.: Searching for MobileNetV3", .attributes = attributes,                                 \
    .options_size = sizeof(struct mobile_options), .common = {.dropout = 0.2}, .features = features, .head = head, \
    ZOO_IMAGENET(224), .shorter = 256

const struct zoo_network zoo_mobilenet_v3_large = {
    .name = "mobilenet_v3_large",
    .summary = "MobileNet v3 large: squeeze and excitation, hard swish",
    .accuracy = "ImageNet top-1 74.042 %, top-5 91.340 %",
    MOBILENET_V3(large, 1280),
};
const struct zoo_network zoo_mobilenet_v3_small = {
    .name = "mobilenet_v3_small",
    .summary = "MobileNet v3 small",
    .accuracy = "ImageNet top-1 67.668 %, top-5 87.402 %",
    MOBILENET_V3(small, 1024),
};
