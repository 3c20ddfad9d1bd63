/* SPDX-License-Identifier: MIT */
/* Deformable convolution: an offset tensor moves every tap of every window to a position of its own, where x is
 * interpolated bilinearly; an optional mask weighs the taps. The definition is also the implementation: each sample is
 * taken once for all filters. The gradient with respect to image, weight, offset and mask is at the end of the file. */
#include "op/common.h"
#include "op/onnx.h"
#include "op/window.h"

#include <math.h>

enum { X, WEIGHT, OFFSET, BIAS, MASK, DY };

struct deform_options {
    struct op_list kernel, stride, pad, dilation;
    int64_t        groups, offset_groups;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct deform_options, kernel), .onnx = "kernel_shape", .kind = OP_LIST, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels: the weight's, which say it too"},
    {OP_ATTRIBUTE(struct deform_options, stride), .onnx = "strides", .kind = OP_LIST, .standard = 1, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels between windows, per axis"},
    {OP_ATTRIBUTE(struct deform_options, pad), .onnx = "pads", .kind = OP_LIST, .minimum = 0,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels of zeros around x: all beginnings, then all ends"},
    {OP_ATTRIBUTE(struct deform_options, dilation), .onnx = "dilations", .kind = OP_LIST, .standard = 1, .minimum = 1,
     .maximum = WINDOW_SIZE_LIMIT, .doc = "pixels between taps, per axis"},
    {OP_ATTRIBUTE(struct deform_options, groups), .onnx = "group", .kind = OP_INTEGER, .standard = 1, .minimum = 1,
     .maximum = INT32_MAX, .doc = "parts of the channels, each with filters of its own"},
    {OP_ATTRIBUTE(struct deform_options, offset_groups), .onnx = "offset_group", .kind = OP_INTEGER, .standard = 1,
     .minimum = 1, .maximum = INT32_MAX, .doc = "parts of the channels, each with offsets of its own"},
    {0},
};

static int resolve(struct window *window, const struct deform_options *options, const fov_shape *x,
                   const fov_shape *weight, struct error *error)
{
    struct op_list kernel = window_spatial(weight);
    return window_resolve(window, x,
                          &(struct window_request){.kernel = &kernel,
                                                   .stride = &options->stride,
                                                   .pad = &options->pad,
                                                   .dilation = &options->dilation},
                          error);
}

/** Checks that input `index` is [x's samples, channels, the result's spatial sizes], of x's dtype. */
static int check_maps(const struct op_infer *infer, int index, const char *name, int64_t channels,
                      const struct window *window)
{
    const fov_shape *maps = &infer->in[index].shape;
    fov_shape wanted = window_out_shape(window, infer->in[X].shape.dim[0], channels);
    if (!shape_fits(maps, &wanted)) {
        char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "%s %s must be %s", name, shape_text(maps, text),
                         shape_text(&wanted, other));
    }
    return op_check_same_dtype(infer, index, name, X, "x");
}

static bool has(const struct op_tensor *in, int in_count, int index)
{
    return index < in_count && in[index].shape.rank >= 0;
}

static int infer(const struct op_infer *infer)
{
    const struct deform_options *options = infer->options;
    const fov_shape *x = &infer->in[X].shape, *weight = &infer->in[WEIGHT].shape;
    char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
    struct window window;
    size_t numbers;
    if (x->rank != 4 || weight->rank != 4 || x->dim[1] < 1 || !shape_count(weight, &numbers) || numbers == 0 ||
        x->dim[1] % options->groups != 0 || weight->dim[0] % options->groups != 0 ||
        x->dim[1] % options->offset_groups != 0 || weight->dim[1] != x->dim[1] / options->groups) {
        return error_set(infer->error, FOV_E_SHAPE,
                         "x %s must be [N, C, H, W] and weight %s [filters, C / %lld, height, width]; %lld groups and "
                         "%lld offset groups must divide C",
                         shape_text(x, a), shape_text(weight, b), (long long)options->groups,
                         (long long)options->groups, (long long)options->offset_groups);
    }
    for (int i = 0; i < options->kernel.count; i++) {
        if (options->kernel.count != 2 || options->kernel.at[i] != weight->dim[2 + i]) {
            return error_set(infer->error, FOV_E_SHAPE, "kernel does not say the size of weight %s",
                             shape_text(weight, b));
        }
    }
    int status = op_check_float(infer, X, "x");
    status = status != FOV_OK ? status : op_check_same_dtype(infer, WEIGHT, "weight", X, "x");
    status = status != FOV_OK ? status : resolve(&window, options, x, weight, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    int64_t taps = window_taps(&window);
    infer->out[0].shape = window_out_shape(&window, x->dim[0], weight->dim[0]);
    status = check_maps(infer, OFFSET, "offset", 2 * taps * options->offset_groups, &window);
    if (status == FOV_OK && has(infer->in, infer->in_count, MASK)) {
        status = check_maps(infer, MASK, "mask", taps * options->offset_groups, &window);
    }
    if (status == FOV_OK && has(infer->in, infer->in_count, BIAS)) {
        status = op_check_same_dtype(infer, BIAS, "bias", X, "x");
    }
    fov_shape filters = {1, {weight->dim[0]}};
    if (status == FOV_OK && has(infer->in, infer->in_count, BIAS) && !shape_fits(&infer->in[BIAS].shape, &filters)) {
        return error_set(infer->error, FOV_E_SHAPE, "bias %s must be %s", shape_text(&infer->in[BIAS].shape, a),
                         shape_text(&filters, b));
    }
    return status;
}

static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value dy = gradient->out_gradient[0], in[] = {gradient->in[X], gradient->in[WEIGHT], gradient->in[OFFSET], {0},
                                                      {0}, dy};
    static const int port[] = {[X] = 0, [WEIGHT] = 1, [OFFSET] = 2, [MASK] = 3};
    in[MASK] = gradient->in_count > MASK ? gradient->in[MASK] : (fov_value){0};
    fov_value dx = op_emit(emitter, "deform_conv_gradient", in, 6, gradient->options);
    for (int i = 0; i < gradient->in_count; i++) {
        if (gradient->wanted[i]) {
            gradient->in_gradient[i] = i == BIAS ? op_emit1(emitter, "sum_channels", dy, NULL)
                                       : i == X  ? dx
                                                 : op_emit_output(emitter, dx, port[i]);
        }
    }
}

static void cost(struct op_cost *cost)
{
    const fov_shape *weight = &cost->in[WEIGHT].shape, *y = &cost->out[0].shape;
    struct window window;
    if (resolve(&window, cost->options, &cost->in[X].shape, weight, NULL) == 0) {
        window_cost(&window, cost); /* of the undeformed window */
    }
    cost->multiply_adds = (int64_t)(shape_span(y, 0, y->rank) * shape_span(weight, 1, weight->rank));
}

/* ---- one tap ----------------------------------------------------------------------------------------------------- */

enum { CORNERS = 4 };

/** The four pixels around a position: their weights, and the weights' derivatives by y and x. All are 0 outside x. */
struct place {
    size_t pixel[CORNERS];
    double weight[CORNERS], by_y[CORNERS], by_x[CORNERS];
};

static struct place place_at(double y, double x, int64_t height, int64_t width)
{
    struct place place = {{0}, {0}, {0}, {0}};
    if (!(y > -1 && y < (double)height && x > -1 && x < (double)width)) {
        return place; /* all four pixels lie outside, or the position is NaN */
    }
    double top = floor(y), left = floor(x), v = y - top, h = x - left;
    for (int k = 0; k < CORNERS; k++) {
        int64_t row = (int64_t)top + k / 2, column = (int64_t)left + k % 2;
        double down = k / 2 != 0 ? v : 1 - v, right = k % 2 != 0 ? h : 1 - h;
        if (row >= 0 && row < height && column >= 0 && column < width) {
            place.pixel[k] = (size_t)(row * width + column);
            place.weight[k] = down * right;
            place.by_y[k] = (k / 2 != 0 ? 1 : -1) * right;
            place.by_x[k] = (k % 2 != 0 ? 1 : -1) * down;
        }
    }
    return place;
}

static double weigh(const struct place *place, const double weight[CORNERS], const double *plane)
{
    double sum = 0;
    for (int k = 0; k < CORNERS; k++) {
        sum += weight[k] * plane[place->pixel[k]];
    }
    return sum;
}

/** One channel of one sample under one tap of one window: its sampled value, and the indices of its elements. */
struct tap {
    struct place  place;
    const double *plane;              /**< of x */
    double        value, mask;        /**< value: sampled from x, not masked yet */
    size_t        offset_y, offset_x; /**< indices into offset */
    size_t        mask_at, plane_at;  /**< into mask and x */
    /** of the filters that read this channel: weight and result of the first, steps to the next, how many */
    size_t        weight_at, weight_step, y_at, y_step, filters;
};

/* Calls `visit` for all (sample, channel, tap, window). */
static void walk(const struct op_textbook *textbook, void (*visit)(const struct op_textbook *, const struct tap *))
{
    const struct deform_options *options = textbook->options;
    const fov_shape *x = &textbook->in[X].shape, *weight = &textbook->in[WEIGHT].shape;
    struct window window;
    if (resolve(&window, options, x, weight, NULL) != 0) {
        return;
    }
    const double *mask = textbook->in_count > MASK ? textbook->in[MASK].data : NULL;
    size_t taps = (size_t)window_taps(&window), windows = (size_t)window_out_pixels(&window);
    size_t channels = (size_t)x->dim[1], pixels = (size_t)window_in_pixels(&window), filters = (size_t)weight->dim[0];
    size_t groups = (size_t)options->groups, per_group = channels / groups,
           offset_groups = (size_t)options->offset_groups;
    for (size_t i = 0; i < (size_t)x->dim[0] * channels * taps * windows; i++) {
        size_t o = i % windows, t = i / windows % taps, c = i / windows / taps % channels;
        size_t n = i / windows / taps / channels;
        size_t map = (n * offset_groups + c / (channels / offset_groups)) * taps + t, group = c / per_group;
        struct tap tap = {.plane_at = (n * channels + c) * pixels,
                          .mask_at = map * windows + o,
                          .offset_y = 2 * map * windows + o,
                          .offset_x = (2 * map + 1) * windows + o,
                          .filters = filters / groups,
                          .weight_step = per_group * taps,
                          .y_step = windows};
        int64_t row = window_meets(&window, 1, (int64_t)o / window.out[2], (int64_t)t / window.kernel[2]);
        int64_t column = window_meets(&window, 2, (int64_t)o % window.out[2], (int64_t)t % window.kernel[2]);
        tap.weight_at = (group * tap.filters * per_group + c % per_group) * taps + t;
        tap.y_at = (n * filters + group * tap.filters) * windows + o;
        tap.plane = textbook->in[X].data + tap.plane_at;
        tap.place = place_at((double)row + textbook->in[OFFSET].data[tap.offset_y],
                             (double)column + textbook->in[OFFSET].data[tap.offset_x], window.in[1], window.in[2]);
        tap.value = weigh(&tap.place, tap.place.weight, tap.plane);
        tap.mask = mask != NULL ? mask[tap.mask_at] : 1;
        visit(textbook, &tap);
    }
}

static void add_to_filters(const struct op_textbook *textbook, const struct tap *tap)
{
    for (size_t f = 0; f < tap->filters; f++) {
        textbook->out[0].data[tap->y_at + f * tap->y_step] +=
            textbook->in[WEIGHT].data[tap->weight_at + f * tap->weight_step] * tap->value * tap->mask;
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const fov_shape *y = &textbook->out[0].shape;
    size_t pixels = shape_span(y, 2, 4);
    for (size_t i = 0; textbook->in_count > BIAS && textbook->in[BIAS].data != NULL && i < op_count(y); i++) {
        textbook->out[0].data[i] = textbook->in[BIAS].data[i / pixels % (size_t)y->dim[1]];
    }
    walk(textbook, add_to_filters);
}

static const struct op_onnx onnx = {.type = "DeformConv", .since = 19};

/* ---- cases ------------------------------------------------------------------------------------------------------- */

/* Offsets that put positions well between pixels: at a pixel the derivative jumps. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; index == OFFSET && i < count; i++) {
        data[i] = (double)(float)((double)random_below(key, 2 * i, 5) - 2.8 + 0.6 * random_uniform(key, 2 * i + 1));
    }
}

static const struct deform_options simple = {.groups = 1, .offset_groups = 1},
                                   rich = {.stride = {2, {2, 1}}, .pad = {4, {1, 0, 1, 2}}, .dilation = {2, {1, 2}},
                                           .groups = 2, .offset_groups = 2, .kernel = {2, {3, 2}}},
                                   parts = {.pad = {4, {1, 1, 1, 1}}, .groups = 1, .offset_groups = 3};
#define NONE {-1, {0}}
static const struct op_case cases[] = {
    {.name = "2 x 2", .options = &simple,
     .in = {FOV_SHAPE(2, 2, 4, 5), FOV_SHAPE(3, 2, 2, 2), FOV_SHAPE(2, 8, 3, 4), FOV_SHAPE(3)}, .in_count = 4,
     .fill = fill},
    {.name = "groups, mask, stride, pad, dilation", .options = &rich,
     .in = {FOV_SHAPE(1, 4, 6, 5), FOV_SHAPE(6, 2, 3, 2), FOV_SHAPE(1, 24, 3, 5), FOV_SHAPE(6), FOV_SHAPE(1, 12, 3, 5)},
     .in_count = 5, .fill = fill},
    {.name = "offset groups, no bias", .options = &parts,
     .in = {FOV_SHAPE(1, 3, 3, 4), FOV_SHAPE(2, 3, 3, 3), FOV_SHAPE(1, 54, 3, 4), NONE, FOV_SHAPE(1, 27, 3, 4)},
     .in_count = 5, .fill = fill},
    {0},
};

const struct op op_deform_conv = {
    .name = "deform_conv",
    .family = OP_CONVOLUTION,
    .summary = "Convolution whose taps are read from places that another tensor says.",
    .formula =
        "y[n, f, o] = bias[f] + sum over c, t of weight[f, c, t] * mask[n, t, o] * x[n, c, o * stride - pad + t * "
        "dilation + offset[n, t, o]], x interpolated bilinearly, 0 outside",
    .source = "Zhu et al., Deformable ConvNets v2, CVPR 2019, equation 1",
    .in =
        (const struct op_port[]){
            {.name = "x", .shape = "[N, C, H, W]", .plain = true},
            {.name = "weight", .shape = "[filters, C / groups, kernel...]", .plain = true},
            {.name = "offset", .shape = "[N, offset groups * taps * (y, x), H', W']", .plain = true},
            {.name = "bias", .shape = "[filters]", .optional = true, .plain = true},
            {.name = "mask", .shape = "[N, offset groups * taps, H', W']", .optional = true, .plain = true},
            {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, filters, H', W']", .plain = true}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct deform_options),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};

/* ---- the gradient ------------------------------------------------------------------------------------------------ */

enum { DX, DWEIGHT, DOFFSET, DMASK };

static int infer_gradient(const struct op_infer *infer_of)
{
    struct op_infer forward = *infer_of;
    struct op_tensor y = infer_of->in[X];
    forward.out = &y;
    forward.out_count = 1;
    forward.in_count = DY;
    int status = infer(&forward);
    if (status == FOV_OK && !shape_fits(&y.shape, &infer_of->in[DY].shape)) {
        char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
        return error_set(infer_of->error, FOV_E_SHAPE, "dy %s does not fit the result's shape %s",
                         shape_text(&infer_of->in[DY].shape, text), shape_text(&y.shape, other));
    }
    static const int of[] = {[DX] = X, [DWEIGHT] = WEIGHT, [DOFFSET] = OFFSET, [DMASK] = MASK};
    for (int i = 0; i < infer_of->out_count; i++) {
        infer_of->out[i].shape = infer_of->in[of[i]].shape;
    }
    return status;
}

static double *output(const struct op_textbook *textbook, int index)
{
    return index < textbook->out_count ? textbook->out[index].data : NULL;
}

/* The chain rule at one tap: dy reaches it through the weights of its filters. */
static void spread(const struct op_textbook *textbook, const struct tap *tap)
{
    double *dx = output(textbook, DX), *dweight = output(textbook, DWEIGHT), *doffset = output(textbook, DOFFSET);
    double *dmask = output(textbook, DMASK), flow = 0;
    for (size_t f = 0; f < tap->filters; f++) {
        double dy = textbook->in[DY].data[tap->y_at + f * tap->y_step];
        size_t weight = tap->weight_at + f * tap->weight_step;
        flow += dy * textbook->in[WEIGHT].data[weight];
        if (dweight != NULL) {
            dweight[weight] += dy * tap->value * tap->mask;
        }
    }
    for (int k = 0; dx != NULL && k < CORNERS; k++) {
        dx[tap->plane_at + tap->place.pixel[k]] += flow * tap->mask * tap->place.weight[k];
    }
    if (doffset != NULL) {
        doffset[tap->offset_y] += flow * tap->mask * weigh(&tap->place, tap->place.by_y, tap->plane);
        doffset[tap->offset_x] += flow * tap->mask * weigh(&tap->place, tap->place.by_x, tap->plane);
    }
    if (dmask != NULL) {
        dmask[tap->mask_at] += flow * tap->value;
    }
}

static void textbook_gradient(const struct op_textbook *textbook)
{
    walk(textbook, spread);
}

/* Gradients of this gradient do not exist yet. */
static const struct op_case gradient_cases[] = {
    {.name = "2 x 2", .options = &simple,
     .in = {FOV_SHAPE(2, 2, 4, 5), FOV_SHAPE(3, 2, 2, 2), FOV_SHAPE(2, 8, 3, 4), NONE, NONE, FOV_SHAPE(2, 3, 3, 4)},
     .in_count = 6, .fill = fill, .no_gradient = true},
    {.name = "groups, mask, stride, pad, dilation", .options = &rich,
     .in = {FOV_SHAPE(1, 4, 6, 5), FOV_SHAPE(6, 2, 3, 2), FOV_SHAPE(1, 24, 3, 5), NONE, FOV_SHAPE(1, 12, 3, 5),
            FOV_SHAPE(1, 6, 3, 5)},
     .in_count = 6, .fill = fill, .no_gradient = true},
    {0},
};

const struct op op_deform_conv_gradient = {
    .name = "deform_conv_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of deformable convolution by image, weight, offset and mask.",
    .formula =
        "with s = x at the tap's place, g = sum over f of weight[f, c, t] dy[f, o]: dx = g mask ds/dx; dweight = sum "
        "dy mask s; doffset = g mask ds/dplace; dmask = g s",
    .in =
        (const struct op_port[]){
            {.name = "x", .shape = "[N, C, H, W]", .plain = true},
            {.name = "weight", .shape = "[filters, C / groups, kernel...]", .plain = true},
            {.name = "offset", .shape = "[N, offset groups * taps * (y, x), H', W']", .plain = true},
            {.name = "unused", .shape = "none", .optional = true, .plain = true},
            {.name = "mask", .shape = "[N, offset groups * taps, H', W']", .optional = true, .plain = true},
            {.name = "dy", .shape = "[N, filters, H', W']", .plain = true},
            {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as x", .plain = true},
                                    {.name = "dweight", .shape = "as weight", .optional = true, .plain = true},
                                    {.name = "doffset", .shape = "as offset", .optional = true, .plain = true},
                                    {.name = "dmask", .shape = "as mask", .optional = true, .plain = true},
                                    {0}},
    .attributes = attributes,
    .options_size = sizeof(struct deform_options),
    .infer = infer_gradient,
    .textbook = textbook_gradient,
    .cases = gradient_cases,
};
