/* SPDX-License-Identifier: MIT */
/* Sizes of a convolution, and the shape checks that its three operators share. */
#include "op/conv/conv.h"

int conv_geometry(struct conv_geometry *geometry, const struct conv_options *options, const fov_shape *x,
                  const fov_shape *weight, struct error *error)
{
    char text[SHAPE_TEXT_SIZE], weight_text[SHAPE_TEXT_SIZE];
    if (weight->rank != x->rank) {
        return error_set(error, FOV_E_SHAPE, "weight %s and input %s must have the same rank",
                         shape_text(weight, weight_text), shape_text(x, text));
    }
    if (x->rank < 3 || x->rank > 5) {
        return error_set(error, FOV_E_SHAPE, "input %s must be [N, C, and 1 to 3 spatial sizes]", shape_text(x, text));
    }
    int64_t groups = options->groups, channels = x->dim[1], filters = weight->dim[0];
    for (int i = 0; i < weight->rank; i++) {
        if (weight->dim[i] < 1) {
            return error_set(error, FOV_E_SHAPE, "weight %s must have known sizes of at least 1",
                             shape_text(weight, weight_text));
        }
    }
    if (channels < 1) {
        return error_set(error, FOV_E_SHAPE, "input %s: the number of channels must be known", shape_text(x, text));
    }
    if (groups < 1 || channels % groups != 0 || filters % groups != 0) {
        return error_set(error, FOV_E_SHAPE, "groups %lld must divide the %lld channels and the %lld filters",
                         (long long)groups, (long long)channels, (long long)filters);
    }
    if (weight->dim[1] != channels / groups) {
        return error_set(error, FOV_E_SHAPE, "input %s has %lld channels, weight %s takes %lld (%lld groups of %lld)",
                         shape_text(x, text), (long long)channels, shape_text(weight, weight_text),
                         (long long)(weight->dim[1] * groups), (long long)groups, (long long)weight->dim[1]);
    }
    struct op_list kernel = window_spatial(weight);
    for (int i = 0; i < options->kernel.count; i++) {
        if (options->kernel.count != kernel.count || options->kernel.at[i] != kernel.at[i]) {
            return error_set(error, FOV_E_SHAPE, "weight %s does not have the kernel that the options name",
                             shape_text(weight, weight_text));
        }
    }
    struct window_request request = {&kernel, &options->stride, &options->pad, &options->dilation,
                                     options->auto_pad, false};
    *geometry = (struct conv_geometry){.batch = x->dim[0], .channels = channels, .filters = filters, .groups = groups};
    if (window_resolve(&geometry->window, x, &request, error) != 0) {
        return FOV_E_SHAPE;
    }
    geometry->group_channels = channels / groups;
    geometry->group_filters = filters / groups;
    geometry->taps = window_taps(&geometry->window);
    geometry->in_pixels = window_in_pixels(&geometry->window);
    geometry->out_pixels = window_out_pixels(&geometry->window);
    return 0;
}

int conv_x_shape(const struct conv_options *options, const fov_shape *dy, const fov_shape *weight, fov_shape *x,
                 struct error *error)
{
    char text[SHAPE_TEXT_SIZE];
    if (dy->rank < 3 || dy->rank > 5 || weight->rank != dy->rank) {
        return error_set(error, FOV_E_SHAPE, "dy %s must be [N, filters, and 1 to 3 spatial sizes], as weight",
                         shape_text(dy, text));
    }
    if (options->size.count != dy->rank - 2) {
        return error_set(error, FOV_E_USAGE, "size has %d numbers where %d are needed", options->size.count,
                         dy->rank - 2);
    }
    *x = (fov_shape){.rank = dy->rank, .dim = {dy->dim[0], weight->dim[1] * options->groups}};
    for (int i = 0; i < options->size.count; i++) {
        x->dim[2 + i] = options->size.at[i];
    }
    return 0;
}

int conv_weight_shape(const struct conv_options *options, const fov_shape *x, const fov_shape *dy, fov_shape *weight,
                      struct error *error)
{
    char text[SHAPE_TEXT_SIZE];
    if (x->rank < 3 || x->rank > 5 || dy->rank != x->rank) {
        return error_set(error, FOV_E_SHAPE, "input %s must be [N, C, and 1 to 3 spatial sizes], as dy",
                         shape_text(x, text));
    }
    if (options->kernel.count != x->rank - 2) {
        return error_set(error, FOV_E_USAGE, "kernel has %d numbers where %d are needed", options->kernel.count,
                         x->rank - 2);
    }
    *weight =
        (fov_shape){.rank = x->rank, .dim = {dy->dim[1], x->dim[1] / (options->groups < 1 ? 1 : options->groups)}};
    for (int i = 0; i < options->kernel.count; i++) {
        weight->dim[2 + i] = options->kernel.at[i];
    }
    return 0;
}

int conv_forward_geometry(struct conv_geometry *geometry, const struct op_compile *compile)
{
    return conv_geometry(geometry, compile->options, &compile->in[0].shape, &compile->in[1].shape, compile->error);
}

int conv_input_geometry(struct conv_geometry *geometry, const struct op_compile *compile)
{
    fov_shape x;
    const fov_shape *weight = &compile->in[1].shape;
    int status = conv_x_shape(compile->options, &compile->in[0].shape, weight, &x, compile->error);
    return status != 0 ? status : conv_geometry(geometry, compile->options, &x, weight, compile->error);
}

int conv_weight_geometry(struct conv_geometry *geometry, const struct op_compile *compile)
{
    fov_shape weight;
    const fov_shape *x = &compile->in[0].shape;
    int status = conv_weight_shape(compile->options, x, &compile->in[1].shape, &weight, compile->error);
    return status != 0 ? status : conv_geometry(geometry, compile->options, x, &weight, compile->error);
}

fov_shape conv_y_shape(const struct conv_geometry *geometry)
{
    return window_out_shape(&geometry->window, geometry->batch, geometry->filters);
}

int conv_check_dy(const struct conv_geometry *geometry, const fov_shape *dy, struct error *error)
{
    char text[SHAPE_TEXT_SIZE], expected_text[SHAPE_TEXT_SIZE];
    fov_shape expected = conv_y_shape(geometry);
    if (!shape_fits(&expected, dy)) {
        return error_set(error, FOV_E_SHAPE, "dy is %s where the convolution makes %s", shape_text(dy, text),
                         shape_text(&expected, expected_text));
    }
    return 0;
}

void conv_activation_gradient(const struct op_run *run, size_t count, const float *saved, float *out)
{
    bool reads_x = unary_gradient_reads(run->activation) == READS_X;
    run->kernel->unary_gradient[run->activation](count, reads_x ? saved : NULL, reads_x ? NULL : saved, out, out,
                                                 run->alpha, run->beta);
}

/** a * b, or INT64_MAX where that is more. b is not negative. */
static int64_t times(int64_t a, int64_t b)
{
    return b > 0 && a > INT64_MAX / b ? INT64_MAX : a * b;
}

int64_t conv_multiply_adds(const struct conv_geometry *geometry)
{
    int64_t each = times(times(times(geometry->taps, geometry->group_channels), geometry->filters), geometry->out_pixels);
    return geometry->batch < 0 ? -each : times(each, geometry->batch);
}

bool conv_is_pointwise(const struct window *window)
{
    for (int axis = 0; axis < 3; axis++) {
        if (window->kernel[axis] != 1 || window->stride[axis] != 1 || window->begin[axis] != 0 ||
            window->end[axis] != 0) {
            return false;
        }
    }
    return true;
}

bool conv_has_idle_taps(const struct window *window)
{
    bool idle = false;
    for (int axis = 0; axis < WINDOW_AXES; axis++) {
        int64_t last = window->kernel[axis] - 1;
        idle |= window_meets(window, axis, window->out[axis] - 1, 0) < 0 ||
                window_meets(window, axis, 0, last) >= window->in[axis];
    }
    return idle;
}

bool conv_reads_rows(const struct conv_geometry *geometry)
{
    return conv_is_depthwise(geometry) ? geometry->window.in[0] == 1 && geometry->window.kernel[0] == 1
                                       : conv_is_pointwise(&geometry->window) && geometry->groups == 1;
}

bool conv_is_depthwise(const struct conv_geometry *geometry)
{
    return geometry->groups > 1 && geometry->groups == geometry->channels && geometry->channels == geometry->filters;
}

struct conv_options conv_complete_options(const struct conv_options *options, const fov_shape *x,
                                          const fov_shape *weight)
{
    struct conv_options complete = *options;
    complete.kernel = window_spatial(weight);
    complete.size = window_spatial(x);
    return complete;
}

/** The products of one sample and filter: all output pixels, all channels of the filter's group, all taps that meet the
 *  image. */
static void each_pair_of_filter(const struct conv_geometry *geometry, int64_t n, int64_t f, conv_meet *meet,
                                void *context)
{
    const struct window *window = &geometry->window;
    int64_t first_channel = f / geometry->group_filters * geometry->group_channels;
    int64_t y = (n * geometry->filters + f) * geometry->out_pixels;
    for (int64_t pixel = 0; pixel < geometry->out_pixels; pixel++, y++) {
        int64_t oz = pixel / (window->out[1] * window->out[2]), oy = pixel / window->out[2] % window->out[1];
        int64_t ox = pixel % window->out[2];
        for (int64_t c = 0; c < geometry->group_channels; c++) {
            int64_t image = (n * geometry->channels + first_channel + c) * geometry->in_pixels;
            int64_t weight = (f * geometry->group_channels + c) * geometry->taps;
            for (int64_t tap = 0; tap < geometry->taps; tap++) {
                int64_t kz = tap / (window->kernel[1] * window->kernel[2]);
                int64_t ky = tap / window->kernel[2] % window->kernel[1], kx = tap % window->kernel[2];
                int64_t x = window_pixel(window->in, window_meets(window, 0, oz, kz), window_meets(window, 1, oy, ky),
                                         window_meets(window, 2, ox, kx));
                if (x >= 0) { /* taps outside the image meet zeros */
                    meet(context, (size_t)(image + x), (size_t)(weight + tap), (size_t)y);
                }
            }
        }
    }
}

void conv_each_pair(const struct conv_geometry *geometry, conv_meet *meet, void *context)
{
    for (int64_t n = 0; n < geometry->batch; n++) {
        for (int64_t f = 0; f < geometry->filters; f++) {
            each_pair_of_filter(geometry, n, f, meet, context);
        }
    }
}
