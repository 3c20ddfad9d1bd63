/* SPDX-License-Identifier: MIT */
/* Convolutions and blocks of detectors. The option `block` chooses the block that replaces YOLOX's bottleneck. */
#include "zoo/detect.h"

const struct detect_options *zoo_detect_options(const struct zoo_build *b)
{
    return zoo_options(b);
}

enum zoo_activation detect_activation(const struct zoo_build *b)
{
    const struct detect_plan *plan = b->network->plan;
    return plan->darknet ? ZOO_LEAKY_RELU : ZOO_SWISH;
}

static fov_value convolve(struct zoo_build *b, fov_value x, const char *scope, int filters, int kernel, int stride,
                          int groups)
{
    zoo_push(b, "%s", scope);
    x = zoo_conv(b, x, .filters = filters, .kernel = kernel, .stride = stride, .groups = groups,
                 .epsilon = detect_epsilon, .momentum = detect_momentum, .activation = detect_activation(b),
                 .name = "conv", .norm = "bn");
    zoo_pop(b);
    return x;
}

fov_value detect_conv(struct zoo_build *b, fov_value x, const char *scope, int filters, int kernel, int stride)
{
    return convolve(b, x, scope, filters, kernel, stride, 1);
}

fov_value detect_wide(struct zoo_build *b, fov_value x, const char *scope, int filters, int stride)
{
    if (zoo_detect_options(b)->block != DETECT_DEPTHWISE) {
        return detect_conv(b, x, scope, filters, 3, stride);
    }
    zoo_push(b, "%s", scope);
    x = convolve(b, x, "dconv", zoo_channels(b, x), 3, stride, zoo_channels(b, x));
    x = convolve(b, x, "pconv", filters, 1, 1, 1);
    zoo_pop(b);
    return x;
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

/* A 1 x 1 makes half of the filters, a depthwise 3 x 3 of these the other half. */
static fov_value ghost(struct zoo_build *b, fov_value x, const char *scope, int filters)
{
    int own = (filters + 1) / 2;
    fov_value half[2];
    zoo_push(b, "%s", scope);
    half[0] = convolve(b, x, "primary", own, 1, 1, 1);
    half[1] = convolve(b, half[0], "cheap", own, 3, 1, own);
    zoo_pop(b);
    return fov_slice(b->graph, fov_concat(b->graph, half, 2, 1), 1, 0, filters, 1);
}

/* Half of the channels pass unchanged, then all are shuffled; their number stays the same. */
static fov_value shuffle(struct zoo_build *b, fov_value x)
{
    int channels = zoo_channels(b, x), half_size = channels / 2;
    int64_t sizes[2] = {channels - half_size, half_size};
    fov_value half[2] = {x, x};
    fov_split_into(b->graph, x, 1, sizes, 2, half);
    half[1] = convolve(b, half[1], "conv1", half_size, 1, 1, 1);
    half[1] = convolve(b, half[1], "dconv", half_size, 3, 1, half_size);
    half[1] = zoo_attend(b, convolve(b, half[1], "pconv", half_size, 1, 1, 1));
    x = fov_concat(b->graph, half, 2, 1);
    return channels % 2 == 0 ? fov_channel_shuffle(b->graph, x, 2) : x;
}

/* A 1 x 1 and a 3 x 3 convolution, or what the option `block` asks for instead; x has `filters` channels, too. */
static fov_value block(struct zoo_build *b, fov_value x, int filters, bool shortcut)
{
    struct zoo_common common = b->common;
    enum detect_block kind = (enum detect_block)zoo_detect_options(b)->block;
    fov_value y;
    if (kind == DETECT_SHUFFLE) {
        return shuffle(b, x);
    }
    if (kind == DETECT_GHOST) {
        y = ghost(b, ghost(b, x, "conv1", filters), "conv2", filters);
    } else {
        b->common.convolution = kind == DETECT_DYNAMIC ? ZOO_CONVOLUTION_DYNAMIC : common.convolution;
        y = detect_conv(b, x, "conv1", filters, 1, 1);
        y = detect_wide(b, y, "conv2", filters, 1);
    }
    b->common.attention = kind == DETECT_CBAM_RESIDUAL ? ZOO_ATTENTION_CBAM : common.attention;
    y = zoo_attend(b, y);
    b->common = common;
    return shortcut || kind == DETECT_CBAM_RESIDUAL ? fov_add(b->graph, y, x) : y;
}

fov_value detect_csp(struct zoo_build *b, fov_value x, const char *scope, int filters, int blocks, bool shortcut)
{
    int hidden = filters / 2;
    fov_value both[2];
    zoo_push(b, "%s", scope);
    both[0] = detect_conv(b, x, "conv1", hidden, 1, 1);
    both[1] = detect_conv(b, x, "conv2", hidden, 1, 1);
    for (int i = 0; i < blocks; i++) {
        zoo_push(b, "m.%d", i);
        both[0] = block(b, both[0], hidden, shortcut);
        zoo_pop(b);
    }
    x = detect_conv(b, fov_concat(b->graph, both, 2, 1), "conv3", filters, 1, 1);
    zoo_pop(b);
    return x;
}

fov_value detect_pyramid(struct zoo_build *b, fov_value x, const char *scope, int filters)
{
    static const int kernels[] = {5, 9, 13};
    fov_value look[4];
    zoo_push(b, "%s", scope);
    look[0] = detect_conv(b, x, "conv1", zoo_channels(b, x) / 2, 1, 1);
    for (int i = 0; i < 3; i++) {
        look[1 + i] = fov_max_pool2d(b->graph, look[0], .kernel = kernels[i], .stride = 1, .pad = kernels[i] / 2);
    }
    x = detect_conv(b, fov_concat(b->graph, look, 4, 1), "conv2", filters, 1, 1);
    zoo_pop(b);
    return x;
}
