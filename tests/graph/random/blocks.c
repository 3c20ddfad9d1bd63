/* SPDX-License-Identifier: MIT */
/* Makers of the blocks that real networks consist of. All that may vary is drawn: where a residual is added, which
 * normalisation and activation follow, which later nodes read the values in between. */
#include "random.h"

static const fov_value nothing = {0};

static int channels_of(const struct random_builder *b, fov_value x)
{
    return (int)fov_value_shape(b->graph, x).dim[1];
}

static fov_value or_else(fov_value y, fov_value x)
{
    return y.id != 0 ? y : x;
}

/** Mostly batch norm, then mostly an activation; later nodes may read the value between them. */
static fov_value finish(struct random_builder *b, fov_value x)
{
    fov_value y = random_chance(b, 75) ? random_batch_norm(b, x) : random_chance(b, 40) ? random_norm(b, x) : nothing;
    y = or_else(y, x);
    if (random_chance(b, 6)) {
        random_keep(b, y);
    }
    return random_chance(b, 80) ? or_else(random_activation(b, y), y) : y;
}

static fov_value depthwise(struct random_builder *b, fov_value x, int stride)
{
    static const int kernels[] = {3, 3, 3, 5, 5, 7};
    int channels = channels_of(b, x);
    return random_conv_with(b, x, channels, kernels[random_draw(b, 6)], stride, channels, random_chance(b, 25));
}

/** Squeeze and excite (Hu et al. 2018): channels are weighted by a small network of their means. */
static fov_value squeeze_excite(struct random_builder *b, fov_value x)
{
    int channels = channels_of(b, x), narrow = channels / 4 + 1;
    if (!random_is_image(b, x, 4) || !random_affords(b, channels, 2 * narrow * channels)) {
        return nothing;
    }
    fov_value s = fov_global_avg_pool(b->graph, x);
    s = fov_conv2d(b->graph, s, .filters = narrow, .kernel = 1);
    s = random_chance(b, 50) ? fov_relu(b->graph, s) : fov_swish(b->graph, s);
    s = fov_conv2d(b->graph, s, .filters = channels, .kernel = 1);
    s = random_chance(b, 60) ? fov_sigmoid(b->graph, s) : fov_hard_sigmoid(b->graph, s, 1.0F / 6, 0.5F);
    return random_chance(b, 50) ? fov_mul(b->graph, x, s) : fov_mul(b->graph, s, x);
}

/** Expand, filter each channel, project (Sandler et al. 2018). */
static fov_value inverted_residual(struct random_builder *b, fov_value x)
{
    int narrow = channels_of(b, x), wide = random_chance(b, 70) ? narrow * random_between(b, 2, 6) : random_channels(b);
    int stride = random_chance(b, 75) ? 1 : 2, out = random_chance(b, 70) ? narrow : random_channels(b);
    if (!random_is_image(b, x, 4)) {
        return nothing;
    }
    fov_value y = random_conv_with(b, x, wide, 1, 1, 1, random_chance(b, 20));
    if (y.id == 0) {
        return nothing;
    }
    y = finish(b, y);
    fov_value filtered = depthwise(b, y, stride);
    y = filtered.id != 0 ? finish(b, filtered) : y;
    if (random_chance(b, 25)) {
        y = or_else(squeeze_excite(b, y), y);
    }
    y = or_else(random_conv_with(b, y, out, 1, 1, 1, random_chance(b, 20)), y);
    if (random_chance(b, 80)) {
        y = random_batch_norm(b, y);
    }
    return random_residual(b, y, x);
}

/** Two convolutions and a sum; norm and activation come after them (He et al. 2015) or before (2016). */
static fov_value residual(struct random_builder *b, fov_value x)
{
    int channels = channels_of(b, x), kernel = random_chance(b, 70) ? 3 : 1;
    bool before = random_chance(b, 35);
    if (!random_is_image(b, x, 0)) {
        return nothing;
    }
    fov_value y = before ? finish(b, x) : x;
    y = or_else(random_conv_with(b, y, channels, kernel, 1, 1, random_chance(b, 30)), y);
    y = finish(b, y);
    y = or_else(random_conv_with(b, y, channels, kernel, 1, 1, random_chance(b, 30)), y);
    y = before || random_chance(b, 15) ? y : random_batch_norm(b, y);
    y = random_residual(b, y, x);
    return before ? y : or_else(random_activation(b, y), y);
}

/** Narrow, filter (in one group, or in 2 groups, or in 4), widen. */
static fov_value bottleneck(struct random_builder *b, fov_value x)
{
    int channels = channels_of(b, x), narrow = channels / 2 + 1, groups = random_chance(b, 50) ? 1 : 2;
    if (!random_is_image(b, x, 0)) {
        return nothing;
    }
    if (groups == 2 && narrow % 2 == 1) { /* many small groups, as in ResNeXt */
        groups = narrow < 4 ? 4 : 2;
        narrow = 16;
    }
    fov_value y = random_conv_with(b, x, narrow, 1, 1, 1, false);
    if (y.id == 0) {
        return nothing;
    }
    y = finish(b, y);
    y = finish(b, or_else(random_conv_with(b, y, narrow, 3, 1, groups, false), y));
    y = or_else(random_conv_with(b, y, channels, 1, 1, 1, false), y);
    y = random_residual(b, random_batch_norm(b, y), x);
    return or_else(random_activation(b, y), y);
}

/** A depthwise convolution added to another branch, or to its own input. */
static fov_value depthwise_sum(struct random_builder *b, fov_value x)
{
    fov_value y = depthwise(b, x, 1), other = x;
    if (y.id == 0) {
        return nothing;
    }
    y = random_chance(b, 30) ? finish(b, y) : y;
    switch (random_draw(b, 4)) {
    case 0:
        other = depthwise(b, x, 1);
        break;
    case 1:
        other = random_conv_with(b, x, channels_of(b, x), random_chance(b, 50) ? 1 : 3, 1, 1, true);
        break;
    case 2:
        other = random_companion(b, x);
        break;
    default:
        break;
    }
    y = other.id != 0 ? random_residual(b, y, other) : y;
    return random_chance(b, 50) ? or_else(random_activation(b, y), y) : y;
}

/** Each layer reads all before it (Huang et al. 2017). */
static fov_value dense_block(struct random_builder *b, fov_value x)
{
    int growth = random_between(b, 1, 16), layers = random_between(b, 2, 3);
    fov_value y = x;
    if (!random_is_image(b, x, 0)) {
        return nothing;
    }
    for (int i = 0; i < layers; i++) {
        fov_value part = random_chance(b, 60) ? finish(b, y) : y;
        part = random_conv_with(b, part, growth, 3, 1, 1, random_chance(b, 30));
        if (part.id == 0) {
            break;
        }
        part = random_chance(b, 40) ? finish(b, part) : part;
        fov_value joined[] = {y, part};
        fov_shape shape = fov_value_shape(b->graph, y), more = fov_value_shape(b->graph, part);
        bool fits = shape.rank == more.rank;
        for (int k = 2; k < shape.rank; k++) {
            fits = fits && shape.dim[k] == more.dim[k];
        }
        y = fits ? fov_concat(b->graph, joined, 2, 1) : part;
    }
    return y;
}

/** Branches of several windows side by side (Szegedy et al. 2015). */
static fov_value inception(struct random_builder *b, fov_value x)
{
    fov_value branches[4];
    int count = 0;
    if (!random_is_image(b, x, 4)) {
        return nothing;
    }
    for (int kernel = 1; kernel <= 5; kernel += 2) {
        fov_value y =
            random_chance(b, 75) ? random_conv_with(b, x, random_between(b, 1, 20), kernel, 1, 1, true) : nothing;
        fov_shape shape = fov_value_shape(b->graph, y), whole = fov_value_shape(b->graph, x);
        if (y.id != 0 && shape.dim[2] == whole.dim[2] && shape.dim[3] == whole.dim[3]) {
            branches[count++] = random_chance(b, 70) ? finish(b, y) : y;
        }
    }
    if (random_chance(b, 50)) {
        branches[count++] = random_chance(b, 50) ? fov_max_pool2d(b->graph, x, .kernel = 3, .stride = 1, .pad = 1)
                                                 : fov_avg_pool2d(b->graph, x, .kernel = 3, .stride = 1, .pad = 1);
    }
    return count > 1 ? fov_concat(b->graph, branches, count, 1) : count == 1 ? branches[0] : nothing;
}

/** Half of the channels pass, the others are filtered; then all are shuffled (Ma et al. 2018). */
static fov_value shuffle_unit(struct random_builder *b, fov_value x)
{
    int channels = channels_of(b, x);
    fov_value parts[2], y;
    if (!random_is_image(b, x, 4) || channels % 2 != 0) {
        return nothing;
    }
    if (fov_split_into(b->graph, x, 1, NULL, 2, parts) != FOV_OK) {
        return nothing;
    }
    y = or_else(random_conv_with(b, parts[1], channels / 2, 1, 1, 1, false), parts[1]);
    y = finish(b, y);
    fov_value filtered = random_conv_with(b, y, channels / 2, 3, 1, channels / 2, false);
    fov_shape shape = fov_value_shape(b->graph, filtered), whole = fov_value_shape(b->graph, x);
    if (filtered.id != 0 && shape.dim[2] == whole.dim[2] && shape.dim[3] == whole.dim[3]) {
        y = random_chance(b, 80) ? random_batch_norm(b, filtered) : filtered;
    }
    y = finish(b, or_else(random_conv_with(b, y, channels / 2, 1, 1, 1, false), y));
    fov_value joined[] = {parts[0], y};
    return fov_channel_shuffle(b->graph, fov_concat(b->graph, joined, 2, 1), 2);
}

/** Depthwise 7 x 7, layer norm over channels, two pointwise layers (Liu et al. 2022). */
static fov_value conv_next(struct random_builder *b, fov_value x)
{
    static const int last[] = {0, 2, 3, 1}, first[] = {0, 3, 1, 2};
    int channels = channels_of(b, x);
    if (!random_is_image(b, x, 4)) {
        return nothing;
    }
    fov_value y = random_conv_with(b, x, channels, 7, 1, channels, true);
    if (y.id == 0) {
        return nothing;
    }
    y = fov_layer_norm_opt(b->graph, fov_transpose(b->graph, y, last, 4), NULL);
    y = fov_transpose(b->graph, y, first, 4);
    y = or_else(random_conv_with(b, y, 2 * channels, 1, 1, 1, true), y);
    y = fov_gelu(b->graph, y);
    y = or_else(random_conv_with(b, y, channels, 1, 1, 1, true), y);
    return random_residual(b, y, x);
}

/** Attention by large windows: depthwise 5 x 5, depthwise 3 to 7, perhaps dilated, pointwise; times x (Guo et al.
 *  2022). */
static fov_value large_kernel_attention(struct random_builder *b, fov_value x)
{
    int channels = channels_of(b, x);
    if (!random_is_image(b, x, 4)) {
        return nothing;
    }
    fov_value y = random_conv_with(b, x, channels, 5, 1, channels, true);
    y = y.id != 0 ? or_else(random_conv_with(b, y, channels, random_between(b, 3, 7), 1, channels, true), y) : y;
    y = y.id != 0 ? or_else(random_conv_with(b, y, channels, 1, 1, 1, true), y) : y;
    fov_shape shape = fov_value_shape(b->graph, y), whole = fov_value_shape(b->graph, x);
    if (y.id == 0 || shape.dim[2] != whole.dim[2] || shape.dim[3] != whole.dim[3]) {
        return y;
    }
    return fov_mul(b->graph, y, x);
}

/** Down, a convolution, up again, then joined with the shortcut (Ronneberger et al. 2015). */
static fov_value hourglass(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    int channels = channels_of(b, x);
    if (!random_is_image(b, x, 4) || shape.dim[2] % 2 != 0 || shape.dim[3] % 2 != 0) {
        return nothing;
    }
    fov_value y =
        random_chance(b, 50) ? fov_max_pool2d(b->graph, x, .kernel = 2) : fov_avg_pool2d(b->graph, x, .kernel = 2);
    y = finish(b, or_else(random_conv_with(b, y, channels, 1, 1, 1, true), y));
    y = random_chance(b, 50) ? fov_conv_transpose2d(b->graph, y, .filters = channels, .kernel = 2, .stride = 2,
                                                    .groups = random_chance(b, 30) ? channels : 1)
                             : fov_resize2d(b->graph, y, .scale = 2,
                                            .mode = random_chance(b, 50) ? FOV_RESIZE_NEAREST : FOV_RESIZE_LINEAR);
    y = random_chance(b, 40) ? finish(b, y) : y;
    fov_value joined[] = {x, y};
    return random_chance(b, 50) && random_affords(b, 2 * channels * shape.dim[2] * shape.dim[3], 0)
               ? fov_concat(b->graph, joined, 2, 1)
               : random_residual(b, y, x);
}

/** Convolution, norm, activation. */
static fov_value plain_block(struct random_builder *b, fov_value x)
{
    fov_value y = random_chance(b, 65)   ? random_convolution(b, x)
                  : random_chance(b, 50) ? random_depthwise(b, x)
                                         : random_pointwise(b, x);
    return y.id != 0 ? finish(b, y) : y;
}

/** A transposed convolution with norm and activation behind it, as in generators. */
static fov_value generator_block(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    int channels = channels_of(b, x), filters = random_chance(b, 50) ? channels : random_between(b, 1, 32);
    int groups = filters == channels && random_chance(b, 60) ? channels : 1, kernel = random_between(b, 2, 4);
    if (!random_is_image(b, x, 4) ||
        !random_affords(b, 4 * (shape.dim[2] + 2) * (shape.dim[3] + 2) * filters,
                        shape.dim[2] * shape.dim[3] * channels * filters / groups * kernel * kernel)) {
        return nothing;
    }
    fov_value y = fov_conv_transpose2d(b->graph, x, .filters = filters, .kernel = kernel, .stride = 2,
                                       .pad = kernel > 2 ? 1 : 0, .groups = groups, .no_bias = random_chance(b, 70));
    return finish(b, y);
}

/** Attention among pixels: softmax of their products (Vaswani et al. 2017), one head. */
static fov_value attention(struct random_builder *b, fov_value x)
{
    static const int turned[] = {0, 2, 1};
    fov_shape shape = fov_value_shape(b->graph, x);
    int64_t channels = shape.dim[1], pixels = shape.dim[2] * shape.dim[3];
    if (!random_is_image(b, x, 4) || !random_affords(b, pixels * pixels, 2 * pixels * pixels * channels)) {
        return nothing;
    }
    fov_value flat = fov_reshape(b->graph, x, (fov_shape){3, {-1, channels, pixels}});
    fov_value rows = fov_transpose(b->graph, flat, turned, 3);
    fov_value share = fov_softmax(b->graph, fov_matmul(b->graph, rows, flat));
    fov_value y = fov_transpose(b->graph, fov_matmul(b->graph, share, rows), turned, 3);
    y = fov_reshape(b->graph, y, (fov_shape){4, {-1, channels, shape.dim[2], shape.dim[3]}});
    return random_residual(b, y, x);
}

const struct random_made random_blocks[] = {
    {"plain block", 20, plain_block},
    {"inverted residual", 16, inverted_residual},
    {"residual", 12, residual},
    {"bottleneck", 5, bottleneck},
    {"depthwise sum", 9, depthwise_sum},
    {"squeeze and excite", 5, squeeze_excite},
    {"dense block", 5, dense_block},
    {"inception", 4, inception},
    {"shuffle unit", 4, shuffle_unit},
    {"ConvNeXt", 3, conv_next},
    {"large kernel attention", 3, large_kernel_attention},
    {"hourglass", 4, hourglass},
    {"generator block", 7, generator_block},
    {"attention", 1, attention},
    {NULL, 0, NULL},
};
