/* SPDX-License-Identifier: MIT */
/* Attention over channels and pixels: a map is multiplied by gates that are computed from the map itself. Each of these
 * keeps the map's shape, so that it can stand at the end of any residual branch or stage. */
#include "zoo/blocks.h"
#include <math.h>

/* Equations 2 to 4 of Hu, Shen, Sun, "Squeeze-and-excitation networks", CVPR 2018. */
fov_value zoo_squeeze_excite(struct zoo_build *b, fov_value x, const char *scope, int squeeze,
                             enum zoo_activation activation, bool hard)
{
    fov_graph *g = b->graph;
    int channels = zoo_channels(b, x);

    fov_scope_push(g, scope);
    fov_value gate = fov_global_avg_pool(g, x); /* [N, C, 1, 1] */
    gate = zoo_activate(b, fov_conv2d(g, gate, .filters = squeeze, .kernel = 1, .name = "fc1"), activation);
    gate = fov_conv2d(g, gate, .filters = channels, .kernel = 1, .name = "fc2");
    gate = hard ? fov_hard_sigmoid(g, gate, 1.0F / 6, 0.5F) : fov_sigmoid(g, gate);
    zoo_pop(b);
    return fov_mul(g, x, gate);
}

/* Woo, Park, Lee, Kweon, "CBAM: convolutional block attention module", ECCV 2018, equations 2 and 3, with the names of
 * the authors' program: one small perceptron reads the means and the maxima of channels, then one 7 x 7 convolution
 * reads the maximum and the mean over channels. */
static fov_value cbam(struct zoo_build *b, fov_value x)
{
    enum { REDUCTION = 16 };
    fov_graph *g = b->graph;
    int channels = zoo_channels(b, x), squeeze = channels / REDUCTION > 1 ? channels / REDUCTION : 1;

    zoo_push(b, "cbam");
    fov_value squeezed[2] = {fov_global_avg_pool(g, x), fov_global_max_pool(g, x)};
    fov_value both = fov_concat(g, squeezed, 2, 3); /* [N, C, 1, 2]: the perceptron is one for the two */
    both = fov_relu(g, fov_conv2d(g, both, .filters = squeeze, .kernel = 1, .name = "ChannelGate.mlp.1"));
    both = fov_conv2d(g, both, .filters = channels, .kernel = 1, .name = "ChannelGate.mlp.3");
    fov_value gate = fov_reduce_sum(g, both, .axes = {3}, .axis_count = 1, .keep_dims = true);
    x = fov_mul(g, x, fov_sigmoid(g, gate));

    fov_value pooled[2] = {fov_reduce_max(g, x, .axes = {1}, .axis_count = 1, .keep_dims = true),
                           fov_reduce_mean(g, x, .axes = {1}, .axis_count = 1, .keep_dims = true)};
    gate = zoo_conv(b, fov_concat(g, pooled, 2, 1), .filters = 1, .kernel = 7, .fixed = true, .momentum = 0.01F,
                    .name = "SpatialGate.spatial.conv", .norm = "SpatialGate.spatial.bn"); /* [N, 1, H, W] */
    zoo_pop(b);
    return fov_mul(g, x, fov_sigmoid(g, gate));
}

/* Wang et al., "ECA-Net: efficient channel attention", CVPR 2020: a gate looks at its neighbours among the means of
 * channels, k of them, the odd number near log2(C) / 2 + 1 / 2 (equation 12). */
static fov_value eca(struct zoo_build *b, fov_value x)
{
    fov_graph *g = b->graph;
    int channels = zoo_channels(b, x), kernel = (int)(log2(channels) / 2 + 0.5);
    kernel = kernel % 2 == 1 ? kernel : kernel + 1;
    fov_value gate = fov_reshape(g, fov_global_avg_pool(g, x), (fov_shape){3, {FOV_BATCH, 1, channels}});
    gate = fov_conv1d_opt(
        g, gate,
        &(fov_conv_options){.filters = 1, .kernel = kernel, .pad = kernel / 2, .no_bias = true, .name = "eca.conv"});
    gate = fov_reshape(g, gate, (fov_shape){4, {FOV_BATCH, channels, 1, 1}});
    return fov_mul(g, x, fov_sigmoid(g, gate));
}

fov_value zoo_attend(struct zoo_build *b, fov_value x)
{
    enum { REDUCTION = 16 };
    int channels = zoo_channels(b, x);
    if (channels < 1) {
        return x; /* the graph has failed */
    }
    switch ((enum zoo_attention)b->common.attention) {
    case ZOO_ATTENTION_NONE:
        break;
    case ZOO_ATTENTION_SE:
        return zoo_squeeze_excite(b, x, "se", channels / REDUCTION > 1 ? channels / REDUCTION : 1, ZOO_RELU, false);
    case ZOO_ATTENTION_CBAM:
        return cbam(b, x);
    case ZOO_ATTENTION_ECA:
        return eca(b, x);
    }
    return x;
}

fov_value zoo_end_stage(struct zoo_build *b, int stride, fov_value x)
{
    zoo_push(b, "stage%d", stride);
    x = zoo_attend(b, x);
    zoo_pop(b);
    zoo_stage(b, stride, x);
    return x;
}
