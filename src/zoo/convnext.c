/* SPDX-License-Identifier: MIT */
/* ConvNeXt: Liu, Mao, Wu, Feichtenhofer, Darrell, Xie, "A ConvNet for the 2020s", CVPR 2022: a ResNet rebuilt step by
 * step after vision transformers. A block is a depthwise 7 x 7, then at each pixel a norm and two dense layers with
 * four times as many units between them. Names are torchvision's, in which the dense layers are matrices. */
#include "zoo/blocks.h"
#include <math.h>

struct convnext {
    int layers[4], channels[4];
};

struct convnext_options {
    double stochastic_depth;
};
static const struct attribute convnext_attributes[] = {
    {ATTRIBUTE(struct convnext_options, stochastic_depth), .kind = ATTRIBUTE_NUMBER, .standard = 0.1, .maximum = 0.99,
     .doc = "chance that the last residual branch is left out of a step; others less"},
    {.name = NULL},
};

static fov_value channels_last(fov_graph *g, fov_value x)
{
    return fov_transpose(g, x, (const int[]){0, 2, 3, 1}, 4);
}

static fov_value channels_first(fov_graph *g, fov_value x)
{
    return fov_transpose(g, x, (const int[]){0, 3, 1, 2}, 4);
}

/* Layer norm over the channels of each pixel: x [N, H, W, C]. */
static fov_value norm(fov_graph *g, fov_value x, const char *name)
{
    return fov_layer_norm(g, x, .epsilon = 1e-6F, .name = name);
}

static fov_value norm_of_map(fov_graph *g, fov_value x, const char *name)
{
    return channels_first(g, norm(g, channels_last(g, x), name));
}

/* A dense layer at each pixel: x [N, H, W, C] -> [N, H, W, units]. */
static fov_value pixel_dense(struct zoo_build *b, fov_value x, int units, const char *name)
{
    fov_graph *g = b->graph;
    int64_t channels = fov_value_shape(g, x).dim[3];
    float scale = (float)(1 / sqrt((double)channels));
    fov_value weight = zoo_parameter(g, name, "weight", (fov_shape){2, {units, channels}}, FOV_INITIAL_UNIFORM, scale);
    fov_value bias = zoo_parameter(g, name, "bias", (fov_shape){1, {units}}, FOV_INITIAL_ZEROS, 0);
    return fov_add(g, fov_matmul(g, x, fov_transpose(g, weight, NULL, 0)), bias);
}

static fov_value block(struct zoo_build *b, fov_value x, double drop)
{
    fov_graph *g = b->graph;
    int channels = zoo_channels(b, x);
    fov_value y = fov_conv2d(g, x, .filters = channels, .kernel = 7, .pad = 3, .groups = channels, .name = "block.0");
    y = norm(g, channels_last(g, y), "block.2");
    y = fov_gelu(g, pixel_dense(b, y, 4 * channels, "block.3"));
    y = channels_first(g, pixel_dense(b, y, channels, "block.5"));
    /* Layer scale (Touvron et al. 2021): at first the branches contribute almost nothing. */
    fov_value scale =
        zoo_parameter(g, "layer_scale", NULL, (fov_shape){3, {channels, 1, 1}}, FOV_INITIAL_CONSTANT, 1e-6F);
    y = zoo_attend(b, fov_mul(g, scale, y));
    return fov_add(g, drop > 0 ? fov_drop_path(g, y, (float)drop) : y, x);
}

static fov_value features(struct zoo_build *b, fov_value x)
{
    const struct convnext *plan = b->network->plan;
    const struct convnext_options *options = zoo_options(b);
    fov_graph *g = b->graph;
    int total = plan->layers[0] + plan->layers[1] + plan->layers[2] + plan->layers[3], number = 0;
    x = fov_conv2d(g, x, .filters = plan->channels[0], .kernel = 4, .stride = 4, .name = "features.0.0");
    x = norm_of_map(g, x, "features.0.1");
    for (int stage = 0; stage < 4; stage++) {
        if (stage > 0) {
            zoo_push(b, "features.%d", 2 * stage);
            x = norm_of_map(g, x, "0");
            x = fov_conv2d(g, x, .filters = plan->channels[stage], .kernel = 2, .stride = 2, .name = "1");
            zoo_pop(b);
        }
        for (int i = 0; i < plan->layers[stage]; i++, number++) {
            zoo_push(b, "features.%d.%d", 2 * stage + 1, i);
            x = block(b, x, options->stochastic_depth * number / (total - 1));
            zoo_pop(b);
        }
        zoo_stage(b, 4 << stage, x);
    }
    return x;
}

static fov_value head(struct zoo_build *b, fov_value x)
{
    fov_graph *g = b->graph;
    x = norm(g, channels_last(g, fov_global_avg_pool(g, x)), "classifier.0");
    return fov_dense(g, zoo_dropout(b, fov_flatten(g, x)), .units = b->input.classes, .name = "classifier.2");
}

const struct zoo_network zoo_convnext_tiny = {
    .name = "convnext_tiny",
    .summary = "ConvNeXt-T: depthwise 7 x 7, then a small dense network at each pixel",
    .family = "ConvNeXt",
    .year = 2022,
    .reference = "torchvision",
    .paper = "Liu, Mao, Wu, Feichtenhofer, Darrell, Xie: A ConvNet for the 2020s",
    .accuracy = "ImageNet top-1 82.520 %, top-5 96.146 %",
    .plan = &(const struct convnext){{3, 3, 9, 3}, {96, 192, 384, 768}},
    .attributes = convnext_attributes,
    .options_size = sizeof(struct convnext_options),
    .features = features,
    .head = head,
    ZOO_IMAGENET(224),
    .shorter = 236,
};
