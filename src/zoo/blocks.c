/* SPDX-License-Identifier: MIT */
/* Convolutions with their norms and activations. A family describes its layers; this file decides whether a convolution
 * is built as a plain one, as a depthwise and a pointwise one, or as a mixture of several kernels. Attention is in
 * attention.c. */
#include "zoo/blocks.h"
#include "graph/graph.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

void zoo_push(struct zoo_build *b, const char *format, ...)
{
    char name[64];
    va_list list;
    va_start(list, format);
    vsnprintf(name, sizeof name, format, list);
    va_end(list);
    fov_scope_push(b->graph, name);
}

void zoo_pop(struct zoo_build *b)
{
    fov_scope_pop(b->graph);
}

int zoo_channels(const struct zoo_build *b, fov_value x)
{
    return (int)fov_value_shape(b->graph, x).dim[1];
}

int zoo_round_channels(double channels, int divisor)
{
    int rounded = (int)(channels + divisor / 2.0) / divisor * divisor;
    rounded = rounded > divisor ? rounded : divisor;
    return rounded < 0.9 * channels ? rounded + divisor : rounded;
}

fov_value zoo_activate(struct zoo_build *b, fov_value x, enum zoo_activation activation)
{
    switch (activation) {
    case ZOO_LINEAR:
        return x;
    case ZOO_RELU:
        return fov_relu(b->graph, x);
    case ZOO_RELU6:
        return fov_clip(b->graph, x, 0, 6);
    case ZOO_SWISH:
        return fov_swish(b->graph, x);
    case ZOO_HARD_SWISH:
        return fov_hard_swish(b->graph, x);
    case ZOO_TANH:
        return fov_tanh(b->graph, x);
    case ZOO_LEAKY_RELU:
        return fov_leaky_relu(b->graph, x, 0.1F);
    }
    return x;
}

void zoo_start_for_relu(fov_graph *graph, int parameter)
{
    struct value *weight = graph_value(graph, fov_parameter_at(graph, parameter).id);
    weight->initial = FOV_INITIAL_UNIFORM;
    weight->scale = (float)sqrt(6.0 / (double)shape_span(&weight->shape, 1, weight->shape.rank));
}

fov_value zoo_conv2d_for_relu_opt(fov_graph *graph, fov_value x, const fov_conv2d_options *options)
{
    int weight = fov_parameter_count(graph); /* the first that the convolution will add */
    fov_value y = fov_conv2d_opt(graph, x, options);
    if (y.id != 0) {
        zoo_start_for_relu(graph, weight);
    }
    return y;
}

fov_value zoo_parameter(fov_graph *graph, const char *layer, const char *name, fov_shape shape, fov_initial initial,
                        float scale)
{
    const char *node = fov_graph_node_name(graph, layer, layer);
    if (name != NULL || node == NULL) {
        return fov_graph_parameter(graph, node, name, shape, initial, scale, false);
    }
    return fov_parameter(graph, .name = node, .shape = shape, .initial = initial, .scale = scale);
}

/* ---- forms of a convolution -------------------------------------------------------------------------------------- */

/* A depthwise convolution and a pointwise one (Sifre 2014; Chollet 2017): NAME.depthwise, NAME.pointwise. */
static fov_value separable(struct zoo_build *b, fov_value x, const fov_conv2d_options *plain)
{
    fov_conv2d_options depthwise = *plain,
                       pointwise = {
                           .filters = plain->filters, .kernel = 1, .no_bias = plain->no_bias, .name = "pointwise"};
    depthwise.filters = depthwise.groups = zoo_channels(b, x);
    depthwise.no_bias = true;
    depthwise.name = "depthwise";
    fov_scope_push(b->graph, plain->name);
    x = zoo_conv2d_for_relu_opt(b->graph, x, &depthwise);
    x = zoo_conv2d_for_relu_opt(b->graph, x, &pointwise);
    zoo_pop(b);
    return x;
}

/* Dynamic convolution: Chen et al., "Dynamic convolution: attention over convolution kernels", CVPR 2020, equation 3.
 * Each sample mixes four kernels by shares from its own means: softmax(W2 relu(W1 means) / 30), where the temperature
 * keeps shares nearly even while they are learned. */
static fov_value dynamic(struct zoo_build *b, fov_value x, const fov_conv2d_options *plain)
{
    enum { KERNELS = 4 };
    static const float temperature = 30;
    fov_graph *g = b->graph;
    int channels = zoo_channels(b, x), squeeze = channels / 4 > 4 ? channels / 4 : 4;
    int height = plain->kernel > 0 ? plain->kernel : plain->kernel_size[0],
        width = plain->kernel > 0 ? plain->kernel : plain->kernel_size[1];
    int64_t weights = (int64_t)plain->filters * channels * height * width;

    fov_scope_push(g, plain->name);
    fov_value share = fov_flatten(g, fov_global_avg_pool(g, x)); /* [N, C] */
    share = fov_relu(g, fov_dense(g, share, .units = squeeze, .no_bias = true, .name = "attention.fc1"));
    share = fov_dense(g, share, .units = KERNELS, .name = "attention.fc2");
    share = fov_mul(g, share, fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &(float){1 / temperature}));
    share = fov_softmax(g, share); /* [N, KERNELS] */
    float scale = (float)sqrt(6.0 / ((double)channels * height * width));
    fov_value kernels =
        zoo_parameter(g, "kernels", "weight", (fov_shape){2, {KERNELS, weights}}, FOV_INITIAL_UNIFORM, scale);
    fov_value weight = fov_matmul(g, share, kernels);
    weight = fov_reshape(g, weight, (fov_shape){5, {FOV_BATCH, plain->filters, channels, height, width}});
    x = fov_dynamic_conv2d_opt(
        g, x, weight,
        &(fov_dynamic_conv2d_options){.stride = plain->stride,
                                      .pads = {plain->pads[0], plain->pads[1], plain->pads[2], plain->pads[3]},
                                      .dilation = plain->dilation});
    if (!plain->no_bias) {
        fov_shape per_map = {3, {plain->filters, 1, 1}};
        x = fov_add(g, x, zoo_parameter(g, "kernels", "bias", per_map, FOV_INITIAL_ZEROS, 0));
    }
    zoo_pop(b);
    return x;
}

/* The form that b->common asks for; grouped and 1 x 1 convolutions are always plain. */
static fov_value convolve(struct zoo_build *b, fov_value x, const fov_conv2d_options *o, bool fixed)
{
    bool wide = o->kernel > 1 || o->kernel_size[0] > 1 || o->kernel_size[1] > 1;
    if (fixed || !wide || o->groups > 1 || b->common.convolution == ZOO_CONVOLUTION_PLAIN) {
        return zoo_conv2d_for_relu_opt(b->graph, x, o);
    }
    return b->common.convolution == ZOO_CONVOLUTION_DYNAMIC ? dynamic(b, x, o) : separable(b, x, o);
}

fov_value zoo_conv_opt(struct zoo_build *b, fov_value x, const struct zoo_conv *conv)
{
    fov_conv2d_options o = {.filters = conv->filters,
                            .kernel = conv->kernel,
                            .kernel_size = {conv->kernel_size[0], conv->kernel_size[1]},
                            .stride = conv->stride,
                            .dilation = conv->dilation,
                            .groups = conv->groups,
                            .no_bias = !conv->bias,
                            .name = conv->name};
    int dilation = conv->dilation > 0 ? conv->dilation : 1;
    for (int side = 0; side < 4; side++) {
        int kernel = conv->kernel > 0 ? conv->kernel : conv->kernel_size[side % 2];
        o.pads[side] = conv->valid ? conv->pads[side] : dilation * (kernel / 2);
    }
    x = convolve(b, x, &o, conv->fixed);
    if (!conv->no_norm) {
        x = fov_batch_norm_opt(
            b->graph, x,
            &(fov_batch_norm_options){.epsilon = conv->epsilon, .momentum = conv->momentum, .name = conv->norm});
    }
    return zoo_activate(b, x, conv->activation);
}

fov_value zoo_conv_block_opt(struct zoo_build *b, fov_value x, const char *scope, const struct zoo_conv *conv)
{
    struct zoo_conv numbered = *conv;
    numbered.name = "0";
    numbered.norm = "1";
    fov_scope_push(b->graph, scope);
    x = zoo_conv_opt(b, x, &numbered);
    zoo_pop(b);
    return x;
}

/* ---- larger parts ------------------------------------------------------------------------------------------------ */

fov_value zoo_chain_of(struct zoo_build *b, fov_value x, const char *prefix, int first, const struct zoo_link *links)
{
    for (int i = 0; links[i].filters > 0; i++) {
        const struct zoo_link *link = &links[i];
        char number[16] = "";
        if (first >= 0) {
            snprintf(number, sizeof number, "%d", first + i);
        }
        zoo_push(b, "%s%s", prefix, number);
        x = zoo_conv(b, x, .filters = link->filters, .kernel_size = {link->height, link->width}, .stride = link->stride,
                     .valid = link->valid, .epsilon = 1e-3F, .activation = ZOO_RELU, .name = "conv", .norm = "bn");
        zoo_pop(b);
    }
    return x;
}

fov_value zoo_inverted_residual(struct zoo_build *b, fov_value x, const struct zoo_inverted *block)
{
    static const char *const number[] = {"0", "1", "2", "3"};
    int channels = zoo_channels(b, x), part = 0;
    bool shortcut = block->stride == 1 && channels == block->filters;
    fov_value y = x;

    zoo_push(b, "block");
    if (block->expanded != channels) {
        y = zoo_conv_block(b, y, number[part++], .filters = block->expanded, .kernel = 1, .epsilon = block->epsilon,
                           .momentum = block->momentum, .activation = block->activation);
    }
    y = zoo_conv_block(b, y, number[part++], .filters = block->expanded, .kernel = block->kernel,
                       .stride = block->dilation > 1 ? 1 : block->stride, .dilation = block->dilation,
                       .groups = block->expanded, .epsilon = block->epsilon, .momentum = block->momentum,
                       .activation = block->activation);
    if (block->squeeze > 0) {
        y = zoo_squeeze_excite(b, y, number[part++], block->squeeze, block->hard ? ZOO_RELU : ZOO_SWISH, block->hard);
    }
    y = zoo_conv_block(b, y, number[part], .filters = block->filters, .kernel = 1, .epsilon = block->epsilon,
                       .momentum = block->momentum);
    zoo_pop(b);
    y = zoo_attend(b, y);
    if (!shortcut) {
        return y;
    }
    return fov_add(b->graph, block->drop > 0 ? fov_drop_path(b->graph, y, (float)block->drop) : y, x);
}

fov_value zoo_dropout(struct zoo_build *b, fov_value x)
{
    return b->common.dropout > 0 ? fov_dropout(b->graph, x, (float)b->common.dropout) : x;
}

fov_value zoo_pooled_logits(struct zoo_build *b, fov_value x, const char *name)
{
    x = zoo_dropout(b, fov_flatten(b->graph, fov_global_avg_pool(b->graph, x)));
    return fov_dense(b->graph, x, .units = b->input.classes, .name = name);
}
