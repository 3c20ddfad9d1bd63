/* SPDX-License-Identifier: MIT */
/* Networks made to learn CIFAR-10 in seconds. ResNet-9: Page, "How to train your ResNet", 2019, 94 % in 26 s on one GPU
 * of its time. airbench94: Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024; the filters of its first
 * layer are computed from the training pictures if the recipe says so (airbench94; train/whiten.h). */
#include "zoo/blocks.h"
#include "graph/graph.h"
#include <math.h>

static fov_value scaled(fov_graph *g, fov_value x, float factor)
{
    return fov_mul(g, x, fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &factor));
}

/* ---- ResNet-9 ---------------------------------------------------------------------------------------------------- */

static fov_value conv(struct zoo_build *b, fov_value x, int filters, const char *scope)
{
    zoo_push(b, "%s", scope);
    x = zoo_conv(b, x, .filters = filters, .kernel = 3, .activation = ZOO_RELU, .name = "conv", .norm = "bn");
    zoo_pop(b);
    return x;
}

static fov_value resnet9_features(struct zoo_build *b, fov_value x)
{
    static const char *const layer[] = {"layer1", "layer2", "layer3"};
    x = conv(b, x, 64, "prep");
    for (int i = 0; i < 3; i++) {
        x = fov_max_pool2d(b->graph, conv(b, x, 128 << i, layer[i]), .kernel = 2);
        if (i != 1) {
            zoo_push(b, "%s.residual", layer[i]);
            fov_value y = zoo_attend(b, conv(b, conv(b, x, 128 << i, "res1"), 128 << i, "res2"));
            zoo_pop(b);
            x = fov_add(b->graph, x, y);
        }
        zoo_stage(b, 2 << i, x);
    }
    return x;
}

static fov_value resnet9_head(struct zoo_build *b, fov_value x)
{
    fov_graph *g = b->graph;
    x = zoo_dropout(b, fov_flatten(g, fov_global_max_pool(g, x)));
    return scaled(g, fov_dense(g, x, .units = b->input.classes, .no_bias = true, .name = "linear"), 0.125F);
}

/* ---- airbench94 -------------------------------------------------------------------------------------------------- */

static fov_value airbench_norm(fov_graph *g, fov_value x, const char *name)
{
    x = fov_batch_norm_opt(g, x, &(fov_batch_norm_options){.epsilon = 1e-12F, .momentum = 0.4F, .name = name});
    return fov_gelu(g, x);
}

/* A layer starts as the identity of its channels, so that more of the picture reaches the end in the first steps. */
static fov_value airbench_conv(struct zoo_build *b, fov_value x, int filters, const char *name)
{
    int weight = fov_parameter_count(b->graph); /* the first that the convolution will add */
    x = zoo_conv(b, x, .filters = filters, .kernel = 3, .no_norm = true, .name = name);
    if (x.id != 0 && b->common.convolution == ZOO_CONVOLUTION_PLAIN) {
        struct value *value = graph_value(b->graph, fov_parameter_at(b->graph, weight).id);
        value->initial = FOV_INITIAL_DIRAC;
        value->scale = (float)sqrt(1.0 / (double)shape_span(&value->shape, 1, value->shape.rank));
    }
    return x;
}

static fov_value airbench_features(struct zoo_build *b, fov_value x)
{
    static const int filters[] = {64, 256, 256};
    fov_graph *g = b->graph;
    int bias = fov_parameter_count(g) + 1; /* the second that the convolution will add */
    x = fov_gelu(g, fov_conv2d(g, x, .filters = 24, .kernel = 2, .name = "0")); /* [N, 24, 31, 31] */
    if (x.id != 0) {
        graph_value(g, fov_parameter_at(g, bias).id)->initial = FOV_INITIAL_ZEROS; /* its filters make both signs */
    }
    for (int i = 0; i < 3; i++) {
        zoo_push(b, "%d", 2 + i);
        x = airbench_conv(b, x, filters[i], "conv1");
        x = airbench_norm(g, fov_max_pool2d(g, x, .kernel = 2), "norm1");
        x = airbench_conv(b, x, filters[i], "conv2");
        x = airbench_norm(g, x, "norm2");
        zoo_pop(b);
        x = zoo_end_stage(b, 2 << i, x); /* 15, 7, 3 */
    }
    return x;
}

static fov_value airbench_head(struct zoo_build *b, fov_value x)
{
    fov_graph *g = b->graph;
    x = zoo_dropout(b, fov_flatten(g, fov_max_pool2d(g, x, .kernel = 3)));
    return scaled(g, fov_dense(g, x, .units = b->input.classes, .no_bias = true, .name = "7"), 1.0F / 9);
}

const struct zoo_network zoo_resnet9 = {
    .name = "resnet9",
    .summary = "ResNet-9, made to learn CIFAR-10 within half a minute",
    .family = "ResNet",
    .year = 2019,
    .paper = "Page: How to train your ResNet",
    .accuracy = "CIFAR-10 94.08 %",
    .features = resnet9_features,
    .head = resnet9_head,
    ZOO_CIFAR,
};
const struct zoo_network zoo_airbench94 = {
    .name = "airbench94",
    .summary = "The network of airbench, made to learn CIFAR-10 within seconds",
    .family = "airbench",
    .year = 2024,
    .paper = "Jordan: 94% on CIFAR-10 in 3.29 seconds on a single GPU",
    .accuracy = "CIFAR-10 94.01 %",
    .features = airbench_features,
    .head = airbench_head,
    ZOO_CIFAR,
};
