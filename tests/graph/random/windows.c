/* SPDX-License-Identifier: MIT */
/* Makers of operators that slide a window over an image: convolutions of all kinds and ranks, transposed ones, pools.
 * Sizes are drawn so that the result has at least one pixel. */
#include "random.h"

/** Sizes of a window on an image, per axis. */
struct window_draw {
    int axes;
    int64_t kernel[3], stride[3], dilation[3], pads[6], out[3], taps, pixels;
};

static int64_t pixels_of(const fov_shape *shape)
{
    int64_t pixels = 1;
    for (int i = 2; i < shape->rank; i++) {
        pixels *= shape->dim[i];
    }
    return pixels;
}

static int draw_stride(struct random_builder *b)
{
    return random_chance(b, 68) ? 1 : random_chance(b, 85) ? 2 : 3;
}

/** kernel 0, stride 0: drawn. Pads: those that keep the size, random ones below the dilated kernel's size, or none. */
static struct window_draw draw_window(struct random_builder *b, const fov_shape *x, int kernel, int stride,
                                      bool dilates)
{
    static const int kernels[] = {1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 7};
    struct window_draw window = {.axes = x->rank - 2, .taps = 1, .pixels = 1};
    int size = kernel != 0 ? kernel : kernels[random_draw(b, 11)], step = stride != 0 ? stride : draw_stride(b);
    int apart = dilates && random_chance(b, 15) ? random_between(b, 2, 3) : 1, pads = random_draw(b, 100);
    bool even = random_chance(b, 85);
    for (int i = 0; i < window.axes; i++) {
        window.kernel[i] = kernel == 0 && !even ? kernels[random_draw(b, 11)] : size;
        window.stride[i] = stride == 0 && !even ? draw_stride(b) : step;
        window.dilation[i] = apart;
        int64_t reach = apart * (window.kernel[i] - 1), before = 0, behind = 0;
        if (pads < 65) {
            before = reach / 2;
            behind = reach - before;
        } else if (pads < 80) {
            before = reach > 0 ? random_draw(b, (int)reach + 1) : 0;
            behind = reach > 0 ? random_draw(b, (int)reach + 1) : 0;
        }
        if (x->dim[2 + i] + before + behind <= reach) {
            before = reach / 2;
            behind = reach - before;
        }
        window.pads[i] = before;
        window.pads[window.axes + i] = behind;
        window.out[i] = (x->dim[2 + i] + before + behind - reach - 1) / window.stride[i] + 1;
        window.taps *= window.kernel[i];
        window.pixels *= window.out[i];
    }
    return window;
}

static struct random_setting list_setting(const char *name, int count, const int64_t *values)
{
    struct random_setting setting = {.name = name, .count = count};
    for (int i = 0; i < count; i++) {
        setting.list[i] = values[i];
    }
    return setting;
}

static fov_value add_convolution(struct random_builder *b, fov_value x, const struct window_draw *window, int filters,
                                 int groups, bool bias)
{
    fov_shape shape = fov_value_shape(b->graph, x), weight = {shape.rank, {filters, shape.dim[1] / groups}};
    if (!random_affords(b, filters * window->pixels, filters * window->pixels * weight.dim[1] * window->taps)) {
        return (fov_value){0};
    }
    for (int i = 0; i < window->axes; i++) {
        weight.dim[2 + i] = window->kernel[i];
    }
    fov_value in[] = {x, random_parameter(b, "weight", weight), {0}};
    if (bias) {
        in[2] = random_parameter(b, "bias", (fov_shape){1, {filters}});
    }
    const struct random_setting settings[] = {list_setting("stride", window->axes, window->stride),
                                              list_setting("dilation", window->axes, window->dilation),
                                              list_setting("pad", 2 * window->axes, window->pads),
                                              {.name = "groups", .number = groups}};
    return random_node(b, "conv", in, bias ? 3 : 2, settings, 4);
}

fov_value random_conv_with(struct random_builder *b, fov_value x, int filters, int kernel, int stride, int groups,
                           bool bias)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    if (!random_is_image(b, x, 0) || shape.dim[1] % groups != 0 || filters % groups != 0) {
        return (fov_value){0};
    }
    struct window_draw window = draw_window(b, &shape, kernel, stride, kernel > 1);
    return add_convolution(b, x, &window, filters, groups, bias);
}

/** Any kernel, stride, dilation, pads; mostly one group. */
fov_value random_convolution(struct random_builder *b, fov_value x)
{
    static const int divisors[] = {2, 3, 4, 8};
    fov_shape shape = fov_value_shape(b->graph, x);
    int filters = random_channels(b), groups = 1;
    if (!random_is_image(b, x, 0)) {
        return (fov_value){0};
    }
    if (random_chance(b, 25)) {
        groups = divisors[random_draw(b, 4)];
        groups = shape.dim[1] % groups == 0 ? groups : 1;
        filters = (filters + groups - 1) / groups * groups;
    }
    struct window_draw window = draw_window(b, &shape, 0, 0, true);
    return add_convolution(b, x, &window, filters, groups, random_chance(b, 60));
}

fov_value random_pointwise(struct random_builder *b, fov_value x)
{
    return random_conv_with(b, x, random_channels(b), 1, random_chance(b, 93) ? 1 : 2, 1, random_chance(b, 60));
}

/** Each channel has a filter of its own, sometimes two or three. */
fov_value random_depthwise(struct random_builder *b, fov_value x)
{
    static const int kernels[] = {3, 3, 3, 5, 7, 0, 1};
    fov_shape shape = fov_value_shape(b->graph, x);
    int channels = (int)shape.dim[1], multiplier = random_chance(b, 85) ? 1 : random_between(b, 2, 3);
    if (!random_is_image(b, x, 0)) {
        return (fov_value){0};
    }
    struct window_draw window = draw_window(b, &shape, kernels[random_draw(b, 7)], 0, true);
    return add_convolution(b, x, &window, channels * multiplier, channels, random_chance(b, 60));
}

/** One depthwise convolution behind another, perhaps with something in between. */
static fov_value depthwise_chain(struct random_builder *b, fov_value x)
{
    fov_value y = random_depthwise(b, x);
    for (int i = random_between(b, 1, 2); i > 0 && y.id != 0; i--) {
        fov_value next = random_chance(b, 30) ? random_norm(b, y) : (fov_value){0};
        y = next.id != 0 ? next : y;
        next = random_chance(b, 40) ? random_activation(b, y) : (fov_value){0};
        y = next.id != 0 ? next : y;
        next = random_depthwise(b, y);
        y = next.id != 0 ? next : y;
    }
    return y;
}

/** A network's first layer: a convolution of at most four channels. */
static fov_value first_layer(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    if (shape.rank < 3 || shape.dim[1] > 4) {
        return (fov_value){0};
    }
    fov_value y = random_conv_with(b, x, random_channels(b), random_between(b, 3, 7), random_between(b, 1, 2), 1, true);
    return y;
}

static fov_value transposed(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x), weight = shape;
    int kind = random_draw(b, 100), channels = (int)shape.dim[1];
    int groups = kind < 50 ? 1 : kind < 85 ? channels : channels % 2 == 0 ? 2 : 1;
    int filters = kind < 50 ? random_channels(b) : kind < 80 ? channels : groups * random_between(b, 1, 3);
    bool bias = random_chance(b, 60);
    if (!random_is_image(b, x, 0)) {
        return (fov_value){0};
    }
    int axes = shape.rank - 2;
    int64_t stride[3], pads[6], kernel = random_between(b, 1, 4), taps = 1, pixels = 1;
    for (int i = 0; i < axes; i++) {
        stride[i] = random_between(b, 1, 2);
        pads[i] = kernel > 1 ? random_draw(b, (int)kernel / 2 + 1) : 0;
        pads[axes + i] = kernel > 1 ? random_draw(b, (int)kernel / 2 + 1) : 0;
        int64_t out = (shape.dim[2 + i] - 1) * stride[i] + kernel - pads[i] - pads[axes + i];
        if (out < 1) {
            pads[i] = pads[axes + i] = 0;
            out = (shape.dim[2 + i] - 1) * stride[i] + kernel;
        }
        weight.dim[2 + i] = kernel;
        taps *= kernel;
        pixels *= out;
    }
    weight.dim[0] = channels;
    weight.dim[1] = filters / groups;
    if (!random_affords(b, filters * pixels, pixels_of(&shape) * channels * taps * weight.dim[1])) {
        return (fov_value){0};
    }
    fov_value in[] = {x, random_parameter(b, "weight", weight), {0}};
    if (bias) {
        in[2] = random_parameter(b, "bias", (fov_shape){1, {filters}});
    }
    const struct random_setting settings[] = {list_setting("stride", axes, stride),
                                              list_setting("pad", 2 * axes, pads),
                                              {.name = "groups", .number = groups}};
    return random_node(b, "conv_transpose", in, bias ? 3 : 2, settings, 3);
}

/** A convolution to few filters, as at a network's end, plain or transposed, and perhaps an activation. Narrow images
 *  are stretched: from WIDE pixels on all instruction sets take planes. */
static fov_value few_filters(struct random_builder *b, fov_value x)
{
    enum { WIDE = 16, WIDER = 20 };
    fov_shape shape = fov_value_shape(b->graph, x);
    int filters = random_between(b, 1, random_chance(b, 70) ? 2 : 4), kernel = random_between(b, 3, 5);
    if (!random_is_image(b, x, 4)) {
        return (fov_value){0};
    }
    int64_t height = shape.dim[2] < WIDE ? shape.dim[2] : WIDE,
            width = shape.dim[3] < WIDE ? random_between(b, WIDE, WIDER) : shape.dim[3];
    int64_t pixels = height * width;
    if (!random_affords(b, pixels * (shape.dim[1] + 2 * filters), pixels * shape.dim[1] * filters * kernel * kernel)) {
        return (fov_value){0};
    }
    if (height != shape.dim[2] || width != shape.dim[3]) {
        x = fov_resize2d(b->graph, x, .height = (int)height, .width = (int)width, .mode = FOV_RESIZE_LINEAR);
    }
    fov_value y = random_chance(b, 50)
                      ? random_conv_with(b, x, filters, kernel, 1, 1, random_chance(b, 60))
                      : fov_conv_transpose2d(b->graph, x, .filters = filters, .kernel = kernel, .stride = 1,
                                             .pad = (kernel - 1) / 2, .no_bias = random_chance(b, 40));
    fov_value after = y.id != 0 && random_chance(b, 50) ? random_activation(b, y) : y;
    return after.id != 0 ? after : y;
}

/** A dynamic convolution: a dense layer computes each sample's weights from the image's mean. */
static fov_value dynamic(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    int channels = (int)shape.dim[1], groups = random_chance(b, 50) ? 1 : channels;
    int filters = groups == 1 ? random_between(b, 1, 9) : channels, kernel = random_chance(b, 50) ? 1 : 3;
    int64_t each = (int64_t)filters * channels / groups * kernel * kernel;
    if (!random_is_image(b, x, 4) || shape.dim[2] < kernel || shape.dim[3] < kernel ||
        !random_affords(b, each, each * channels) ||
        !random_affords(b, filters * shape.dim[2] * shape.dim[3], each * shape.dim[2] * shape.dim[3])) {
        return (fov_value){0};
    }
    fov_value features = fov_flatten(b->graph, fov_global_avg_pool(b->graph, x));
    fov_value weight = fov_tanh(b->graph, fov_dense(b->graph, features, .units = (int)each));
    weight = fov_reshape(b->graph, weight, (fov_shape){5, {-1, filters, channels / groups, kernel, kernel}});
    return fov_dynamic_conv2d(b->graph, x, weight, .pad = kernel / 2, .groups = groups);
}

/* ---- pools -------------------------------------------------------------------------------------------------------- */

/** Windows whose pads are below their kernel, as pools require; false: the window does not fit the image. */
static bool draw_pool(struct random_builder *b, const fov_shape *x, struct window_draw *window)
{
    static const int kernels[] = {2, 2, 2, 3, 3, 3, 5, 1};
    *window = (struct window_draw){.axes = x->rank - 2, .pixels = 1};
    int kernel = kernels[random_draw(b, 8)], stride = random_chance(b, 60) ? 2 : random_between(b, 1, 3);
    int pad = random_chance(b, 50) ? 0 : random_draw(b, kernel / 2 + 1), uneven = random_chance(b, 20);
    for (int i = 0; i < window->axes; i++) {
        window->kernel[i] = uneven ? random_between(b, kernel > 1 ? 2 : 1, kernel) : kernel;
        window->stride[i] = stride;
        window->pads[i] = pad < window->kernel[i] ? pad : 0;
        window->pads[window->axes + i] = uneven ? 0 : window->pads[i];
        int64_t room = x->dim[2 + i] + window->pads[i] + window->pads[window->axes + i] - window->kernel[i];
        if (room < 0) {
            return false;
        }
        window->out[i] = room / stride + 1;
        window->pixels *= window->out[i];
    }
    return true;
}

static fov_value add_pool(struct random_builder *b, fov_value x, const char *op)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    struct window_draw window;
    if (!random_is_image(b, x, 0) || !draw_pool(b, &shape, &window) ||
        !random_affords(b, shape.dim[1] * window.pixels, 0)) {
        return (fov_value){0};
    }
    struct random_setting settings[5] = {list_setting("kernel", window.axes, window.kernel),
                                         list_setting("stride", window.axes, window.stride),
                                         list_setting("pad", 2 * window.axes, window.pads),
                                         {.name = "ceil_mode", .number = random_chance(b, 20)},
                                         {.name = "count_include_pad", .number = random_chance(b, 40)}};
    return random_node(b, op, &x, 1, settings, 5);
}

static fov_value max_pool(struct random_builder *b, fov_value x)
{
    return add_pool(b, x, "max_pool");
}

static fov_value average_pool(struct random_builder *b, fov_value x)
{
    return add_pool(b, x, "avg_pool");
}

/** A pool behind a frame of zeros, which a plan may turn into the pool's own pads. */
static fov_value padded_pool(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    fov_pad_options pad = {.before = {0}};
    int64_t elements = shape.dim[1];
    if (!random_is_image(b, x, 0)) {
        return (fov_value){0};
    }
    for (int i = 2; i < shape.rank; i++) {
        pad.before[i] = random_draw(b, 3);
        pad.behind[i] = random_draw(b, 3);
        elements *= shape.dim[i] + pad.before[i] + pad.behind[i];
    }
    if (!random_affords(b, elements, 0)) {
        return (fov_value){0};
    }
    fov_value padded = fov_pad_opt(b->graph, x, &pad);
    fov_value y = add_pool(b, padded, random_chance(b, 50) ? "max_pool" : "avg_pool");
    return y.id != 0 ? y : padded;
}

/** Layers as LeNet's: convolution, relu and max pooling in a row, one step where few channels meet many images. */
static fov_value pooled_convolution(struct random_builder *b, fov_value x)
{
    bool made = false;
    for (int layers = random_between(b, 1, 3); layers > 0; layers--) {
        fov_value y =
            random_conv_with(b, x, random_between(b, 1, 16), 1 + 2 * random_draw(b, 3), 1, 1, random_chance(b, 70));
        fov_shape shape = fov_value_shape(b->graph, y);
        if (y.id == 0) {
            break;
        }
        bool relu_first = random_chance(b, 50), usual = shape.rank == 4 && shape.dim[2] > 1 && shape.dim[3] > 1;
        y = relu_first ? fov_relu(b->graph, y) : y;
        fov_value pooled = usual && random_chance(b, 80) ? fov_max_pool2d(b->graph, y, .kernel = 2) : max_pool(b, y);
        y = pooled.id != 0 ? pooled : y;
        x = relu_first || random_chance(b, 20) ? y
            : random_chance(b, 70)             ? fov_relu(b->graph, y)
                                               : fov_tanh(b->graph, y);
        made = true;
    }
    return made ? x : (fov_value){0};
}

static fov_value whole_pool(struct random_builder *b, fov_value x)
{
    static const char *const ops[] = {"global_avg_pool", "global_avg_pool", "global_max_pool", "global_lp_pool"};
    return random_is_image(b, x, 0) ? random_node1(b, ops[random_draw(b, 4)], x) : (fov_value){0};
}

static fov_value adaptive_pool(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    if (!random_is_image(b, x, 4)) {
        return (fov_value){0};
    }
    int height = random_between(b, 1, (int)shape.dim[2]), width = random_between(b, 1, (int)shape.dim[3]);
    return random_chance(b, 50) ? fov_adaptive_avg_pool2d(b->graph, x, height, width)
                                : fov_adaptive_max_pool2d(b->graph, x, height, width);
}

static fov_value lp_pool(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    if (!random_is_image(b, x, 4) || shape.dim[2] < 2 || shape.dim[3] < 2) {
        return (fov_value){0};
    }
    return fov_lp_pool2d(b->graph, x, .kernel = 2, .stride = random_between(b, 1, 2),
                         .p = random_chance(b, 50) ? 2 : 3);
}

const struct random_made random_windows[] = {
    {"convolution", 20, random_convolution},
    {"pointwise", 16, random_pointwise},
    {"depthwise", 18, random_depthwise},
    {"depthwise chain", 14, depthwise_chain},
    {"first layer", 8, first_layer},
    {"transposed", 8, transposed},
    {"few filters", 6, few_filters},
    {"dynamic", 2, dynamic},
    {"max pool", 5, max_pool},
    {"average pool", 5, average_pool},
    {"padded pool", 2, padded_pool},
    {"pooled convolution", 9, pooled_convolution},
    {"whole pool", 2, whole_pool},
    {"adaptive pool", 2, adaptive_pool},
    {"lp pool", 1, lp_pool},
    {NULL, 0, NULL},
};
