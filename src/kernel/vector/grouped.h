/* SPDX-License-Identifier: MIT */
/* Convolution in small groups, a line of output pixels at a time, vectors along channels. Each filter sums over the
   channels of its own group: where a vector spans several groups, each lane takes a channel of its own group (a shuffle
   within the register), otherwise all lanes take the same channel (a splat). The definition is in
   reference/window.c. */
#ifndef KERNEL_VECTOR_GROUPED_H
#define KERNEL_VECTOR_GROUPED_H

#include "kernel/vector/product.h"
#include "kernel/vector/window.h"

/* Output pixels computed together: with the inputs of a kernel row and one weight they fit 16 registers. */
enum { GROUPED_PIXELS = 4, GROUPED_ROWS = 8, GROUPED_WIDTH = 3, GROUPED_INPUTS = 9 };

/* How a vector of inputs is formed: by a splat, or by a shuffle of groups of four or eight channels. */
enum grouped_form { GROUPED_SPLAT = 1, GROUPED_FOURS = 4, GROUPED_EIGHTS = 8 };

/* In every lane, channel c of the lane's own group. */
#define CHANNEL_OF_FOUR(lane, c) ((lane) / 4 * 4 + (c))
#define CHANNEL_OF_EIGHT(lane, c) ((lane) / 8 * 8 + (c))
INLINE vf channel_of_four(vf v, const size_t c)
{
    switch (c) {
    case 0:
        return SHUFFLE_LANES(v, v, CHANNEL_OF_FOUR, 0);
    case 1:
        return SHUFFLE_LANES(v, v, CHANNEL_OF_FOUR, 1);
    case 2:
        return SHUFFLE_LANES(v, v, CHANNEL_OF_FOUR, 2);
    default:
        return SHUFFLE_LANES(v, v, CHANNEL_OF_FOUR, 3);
    }
}

#if VECTOR > 8
INLINE vf channel_of_eight(vf v, const size_t c)
{
    switch (c) {
    case 0:
        return SHUFFLE_LANES(v, v, CHANNEL_OF_EIGHT, 0);
    case 1:
        return SHUFFLE_LANES(v, v, CHANNEL_OF_EIGHT, 1);
    case 2:
        return SHUFFLE_LANES(v, v, CHANNEL_OF_EIGHT, 2);
    case 3:
        return SHUFFLE_LANES(v, v, CHANNEL_OF_EIGHT, 3);
    case 4:
        return SHUFFLE_LANES(v, v, CHANNEL_OF_EIGHT, 4);
    case 5:
        return SHUFFLE_LANES(v, v, CHANNEL_OF_EIGHT, 5);
    case 6:
        return SHUFFLE_LANES(v, v, CHANNEL_OF_EIGHT, 6);
    default:
        return SHUFFLE_LANES(v, v, CHANNEL_OF_EIGHT, 7);
    }
}
#endif
#undef CHANNEL_OF_FOUR
#undef CHANNEL_OF_EIGHT

/* Channel c of each lane's group; `pixel` is where the vector's first group begins. */
INLINE vf grouped_input(const float *pixel, const enum grouped_form form, const size_t c)
{
    if (form == GROUPED_FOURS) {
        return channel_of_four(load(pixel), c);
    }
#if VECTOR > 8
    if (form == GROUPED_EIGHTS) {
        return channel_of_eight(load(pixel), c);
    }
#endif
    return splat(pixel[c]);
}

/* What all pixels of a line share; `count` kernel rows are not NULL (compare struct depthwise_line in depthwise.h). */
struct grouped_line {
    size_t channels, group, x_stride, y_stride, count;
    size_t from_channel; /**< floats between the weights of two channels of a group */
    const float *rows[GROUPED_ROWS], *weights[GROUPED_ROWS], *bias;
    vf low, high;
};

/* Adds channel c's share to the sums of four pixels and one vector of filters, for one kernel row. The first `left_out`
   inputs and those from `inside` on lie outside the row. */
INLINE void grouped_add(vf *sum, const float *row, const float *weight, size_t x_stride, size_t channels,
                        const enum grouped_form form, const size_t c, const size_t stride, const size_t left_out,
                        const size_t inside)
{
    vf in[GROUPED_INPUTS];
    UNROLL
    for (size_t k = left_out; k < inside; k++) {
        in[k] = grouped_input(row + (k - left_out) * x_stride, form, c);
    }
    UNROLL
    for (size_t k = 0; k < GROUPED_WIDTH; k++) {
        vf v = load(weight + k * channels);
        UNROLL
        for (size_t p = 0; p < GROUPED_PIXELS; p++) {
            if (p * stride + k >= left_out && p * stride + k < inside) {
                multiply_add(sum[p], in[p * stride + k], v);
            }
        }
    }
}

/* Four output pixels, `stride` apart. Callers pass constants for form, stride, left_out and right_out. Even and odd
   channels have separate sums: with only four chains, multiply-adds would wait for each other. */
INLINE void grouped_run(const struct grouped_line *line, size_t x, float *y, const enum grouped_form form,
                        const size_t stride, const size_t left_out, const size_t right_out)
{
    const size_t inside = (GROUPED_PIXELS - 1) * stride + GROUPED_WIDTH - right_out;
    size_t channels = line->channels, group = line->group, from_channel = line->from_channel;
    size_t x_stride = line->x_stride, y_stride = line->y_stride, count = line->count;
    for (size_t i = 0; i < channels; i += VECTOR) {
        size_t begin = form == GROUPED_SPLAT ? i / group * group : i;
        vf even[GROUPED_PIXELS], odd[GROUPED_PIXELS];
        UNROLL
        for (size_t p = 0; p < GROUPED_PIXELS; p++) {
            even[p] = line->bias ? load(line->bias + i) : (vf){0};
            odd[p] = (vf){0};
        }
        for (size_t ky = 0; ky < count; ky++) {
            const float *row = line->rows[ky] + x + begin, *weight = line->weights[ky] + i;
            if (form == GROUPED_SPLAT) {
                for (size_t c = 0; c < group; c += 2, weight += 2 * from_channel) {
                    grouped_add(even, row, weight, x_stride, channels, form, c, stride, left_out, inside);
                    grouped_add(odd, row, weight + from_channel, x_stride, channels, form, c + 1, stride, left_out,
                                inside);
                }
            } else {
                UNROLL
                for (size_t c = 0; c < form; c += 2, weight += 2 * from_channel) {
                    grouped_add(even, row, weight, x_stride, channels, form, c, stride, left_out, inside);
                    grouped_add(odd, row, weight + from_channel, x_stride, channels, form, c + 1, stride, left_out,
                                inside);
                }
            }
        }
        UNROLL
        for (size_t p = 0; p < GROUPED_PIXELS; p++) {
            store(y + p * y_stride + i, vmin(line->high, vmax(line->low, even[p] + odd[p])));
        }
    }
}

/* One output pixel, summed in the same order as in grouped_run. */
INLINE void grouped_pixel(const struct kernel_window *w, const struct grouped_line *line, const enum grouped_form form,
                          size_t o, float *y)
{
    size_t first, end, group = line->group;
    window_columns(w, o, &first, &end);
    for (size_t i = 0; i < w->channels; i += VECTOR) {
        size_t begin = form == GROUPED_SPLAT ? i / group * group : i;
        vf sum[2] = {line->bias ? load(line->bias + i) : (vf){0}, (vf){0}};
        for (size_t ky = 0; ky < line->count; ky++) {
            for (size_t c = 0; c < group; c++) {
                const float *weight = line->weights[ky] + c * line->from_channel + i;
                for (size_t k = first; k < end; k++) {
                    const float *pixel = window_pixel(w, line->rows[ky], o, k) + begin;
                    multiply_add(sum[c % 2], grouped_input(pixel, form, c), load(weight + k * w->channels));
                }
            }
        }
        store(y + i, vmin(line->high, vmax(line->low, sum[0] + sum[1])));
    }
}

typedef void grouped_function(const struct grouped_line *line, size_t x, float *y);
typedef void grouped_pixel_function(const struct kernel_window *w, const struct grouped_line *line, size_t o, float *y);
#define GROUPED(form, stride, left, right)                                                                        \
    static void grouped_##form##_##stride##_##left##_##right(const struct grouped_line *line, size_t x, float *y) \
    {                                                                                                             \
        grouped_run(line, x, y, GROUPED_##form, stride, left, right);                                             \
    }
#define GROUPED_FORMS(F, form) \
    F(form, 1, 0, 0) F(form, 1, 1, 0) F(form, 1, 0, 1) F(form, 2, 0, 0) F(form, 2, 1, 0) F(form, 2, 0, 1)
#define GROUPED_ALL(form)                                                                                        \
    GROUPED_FORMS(GROUPED, form)                                                                                 \
    static void grouped_##form##_pixel(const struct kernel_window *w, const struct grouped_line *line, size_t o, \
                                       float *y)                                                                 \
    {                                                                                                            \
        grouped_pixel(w, line, GROUPED_##form, o, y);                                                            \
    }
GROUPED_ALL(SPLAT)
#if VECTOR > 4
GROUPED_ALL(FOURS)
#endif
#if VECTOR > 8
GROUPED_ALL(EIGHTS)
#endif

/* Functions for a width of groups; the last entry of the table serves all groups at least as wide as a vector. `run` is
   indexed by [stride - 1][inputs outside on the left][on the right]. */
struct grouped_functions {
    size_t group;
    grouped_pixel_function *pixel;
    grouped_function *run[2][2][2];
};
#define IN_TABLE(form, stride, left, right) \
    .run[stride - 1][left][right] = grouped_##form##_##stride##_##left##_##right,
#define GROUPED_TABLE(form)                                                   \
    {                                                                         \
        GROUPED_##form, grouped_##form##_pixel, GROUPED_FORMS(IN_TABLE, form) \
    }
static const struct grouped_functions grouped_forms[] = {
#if VECTOR > 4
    GROUPED_TABLE(FOURS),
#endif
#if VECTOR > 8
    GROUPED_TABLE(EIGHTS),
#endif
    GROUPED_TABLE(SPLAT)};
#undef GROUPED
#undef GROUPED_FORMS
#undef GROUPED_ALL
#undef GROUPED_TABLE
#undef IN_TABLE

/* The function for the four output pixels from o on, NULL if there is none; *x is the offset of their first input in a
   row. */
INLINE grouped_function *grouped_for(const struct grouped_functions *functions, const struct kernel_window *w, size_t o,
                                     size_t *x)
{
    /* in padded coordinates */
    size_t begin = o * w->stride, end = (o + GROUPED_PIXELS - 1) * w->stride + GROUPED_WIDTH;
    size_t left = begin < w->pad ? w->pad - begin : 0, right = end > w->pad + w->width ? end - w->pad - w->width : 0;
    if (w->stride > 2 || w->dilation > 1 || w->kernel_width != GROUPED_WIDTH || o + GROUPED_PIXELS > w->out_width ||
        left > 1 || right > 1) {
        return NULL;
    }
    *x = (begin + left - w->pad) * w->x_stride;
    return functions->run[w->stride - 1][left][right];
}

static void vector_grouped(const struct kernel_window *w, size_t group, const float *const *rows, const float *weights,
                           const float *bias, float *y, enum unary activation, float alpha, float beta)
{
    struct kernel_product as_product = {.activation = activation, .alpha = alpha, .beta = beta};
    struct ending end_of = make_ending(&as_product, w->channels);
    const struct grouped_functions *functions = grouped_forms;
    while (functions->group != GROUPED_SPLAT && functions->group != group) {
        functions++;
    }
    struct grouped_line line = {.channels = w->channels,
                                .group = group,
                                .x_stride = w->x_stride,
                                .y_stride = w->y_stride,
                                .from_channel = w->kernel_height * w->kernel_width * w->channels,
                                .bias = bias,
                                .low = end_of.low,
                                .high = end_of.high};
    for (size_t ky = 0; ky < w->kernel_height; ky++) {
        if (rows[ky]) {
            line.rows[line.count] = rows[ky];
            line.weights[line.count++] = weights + ky * w->kernel_width * w->channels;
        }
    }
    for (size_t o = 0; o < w->out_width;) {
        size_t done = 1, x = 0;
        /* The last two or three pixels are computed in a group of four that overlaps the previous one: faster than one
           by one. */
        size_t rest = w->out_width - o;
        bool few = rest > 1 && rest < GROUPED_PIXELS && w->out_width > GROUPED_PIXELS;
        size_t first = few ? w->out_width - GROUPED_PIXELS : o;
        grouped_function *run = grouped_for(functions, w, first, &x);
        if (run) {
            o = first;
            done = GROUPED_PIXELS;
            run(&line, x, y + o * w->y_stride);
        } else {
            functions->pixel(w, &line, o, y + o * w->y_stride);
        }
        o += done;
    }
    for (size_t o = 0; !end_of.limits && activation != UNARY_identity && o < w->out_width; o++, y += w->y_stride) {
        vector_unary[activation](w->channels, y, y, alpha, beta);
    }
}
#endif
