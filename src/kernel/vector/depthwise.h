/* SPDX-License-Identifier: MIT */
/* Depthwise convolution, a line of output pixels at a time, vectors along channels. Its gradients are in
   depthwise_gradient.h, the definition in reference/window.c. */
#ifndef KERNEL_VECTOR_DEPTHWISE_H
#define KERNEL_VECTOR_DEPTHWISE_H

#include "kernel/vector/product.h"
#include "kernel/vector/window.h"

/* One output pixel with any window. */
INLINE void depthwise_pixel(const struct kernel_window *w, const float *const *rows, const float *weights,
                            const float *bias, const struct ending *end_of, size_t o, float *y)
{
    size_t first, end;
    window_columns(w, o, &first, &end);
    EACH_VECTOR(w->channels, {
        vf sum = bias ? load_some(bias + i, left) : (vf){0};
        for (size_t ky = 0; ky < w->kernel_height; ky++) {
            for (size_t k = first; rows[ky] && k < end; k++) {
                vf v = load_some(weights + (ky * w->kernel_width + k) * w->channels + i, left);
                sum = plus_product(sum, load_some(window_pixel(w, rows[ky], o, k) + i, left), v);
            }
        }
        finish(end_of, sum, y + i, y + i, left);
    });
}

/* Output pixels computed together (more than four leave too few of 16 registers), room for the inputs that they meet in
   a row, and the most kernel rows that the forms below take. */
enum { DEPTHWISE_PIXELS = 4, DEPTHWISE_INPUTS = 16, DEPTHWISE_ROWS = 8 };

/* What all groups of pixels of a line share: the kernel rows that are not NULL, and the limits of the activation
   (infinite: none). Collected here and copied into registers, because as far as the compiler knows a store to y may
   change anything that a pointer leads to. */
struct depthwise_line {
    size_t       channels, x_stride, y_stride, count;
    const float *rows[DEPTHWISE_ROWS], *weights[DEPTHWISE_ROWS], *bias;
    const float *read_ahead;          /**< the next line to read, to prefetch; NULL: none */
    size_t       second, write_ahead; /**< floats from there to a second line, and from y to the next line to write */
    vf           low, high;
};

/* Four output pixels of a kernel of width `taps`, `stride` apart; of the inputs that they meet in a row, the first
   `left_out` and the last `right_out` lie outside the row. Callers pass constants for these four, so that a row's
   inputs are loaded once and stay in registers, and inputs outside cost nothing. x is the offset of the first input
   inside, in floats from the beginning of a row. */
INLINE void depthwise_run(const struct depthwise_line *line, size_t x, float *y, const size_t taps, const size_t stride,
                          const size_t left_out, const size_t right_out)
{
    size_t channels = line->channels, x_stride = line->x_stride, y_stride = line->y_stride, count = line->count;
    const size_t inputs = (DEPTHWISE_PIXELS - 1) * stride + taps, inside = inputs - right_out;
    const float *const bias = line->bias, *const read_ahead = line->read_ahead;
    const size_t write_ahead = line->write_ahead, second = line->second;
    vf low = line->low, high = line->high;
    EACH_VECTOR(channels, {
        vf sum[DEPTHWISE_PIXELS];
        vf first = bias ? load_some(bias + i, left) : (vf){0};
        UNROLL
        for (size_t p = 0; p < DEPTHWISE_PIXELS; p++) {
            sum[p] = first;
        }
        if (read_ahead) {
            UNROLL
            for (size_t p = 0; p < DEPTHWISE_PIXELS * stride; p++) {
                bring_nearer(read_ahead + x + p * x_stride + i);
                if (stride == 2) {
                    bring_nearer(read_ahead + second + x + p * x_stride + i);
                }
            }
            UNROLL
            for (size_t p = 0; p < DEPTHWISE_PIXELS; p++) {
                bring_nearer(y + write_ahead + p * y_stride + i);
            }
        }
        for (size_t ky = 0; ky < count; ky++) {
            const float *row = line->rows[ky] + x + i;
            const float *weight = line->weights[ky] + i;
            vf in[DEPTHWISE_INPUTS];
            UNROLL
            for (size_t k = left_out; k < inside; k++) {
                in[k] = load_some(row + (k - left_out) * x_stride, left);
            }
            UNROLL
            for (size_t k = 0; k < taps; k++) {
                vf v = load_some(weight + k * channels, left);
                UNROLL
                for (size_t p = 0; p < DEPTHWISE_PIXELS; p++) {
                    if (p * stride + k >= left_out && p * stride + k < inside) {
                        multiply_add(sum[p], in[p * stride + k], v);
                    }
                }
            }
        }
        UNROLL
        for (size_t p = 0; p < DEPTHWISE_PIXELS; p++) {
            store_some(y + p * y_stride + i, vmin(high, vmax(low, sum[p])), left);
        }
    });
}

/* Four output pixels of a kernel of any width, stride and dilation, whose windows lie inside the row. */
INLINE void depthwise_any(const struct kernel_window *w, const float *const *rows, const float *weights,
                          const float *bias, const struct ending *end_of, size_t o, float *y)
{
    size_t step = w->stride * w->x_stride, across = w->dilation * w->x_stride;
    EACH_VECTOR(w->channels, {
        vf sum0 = bias ? load_some(bias + i, left) : (vf){0};
        vf sum1 = sum0, sum2 = sum0, sum3 = sum0;
        const float *weight = weights + i;
        for (size_t ky = 0; ky < w->kernel_height; ky++) {
            if (!rows[ky]) {
                weight += w->kernel_width * w->channels;
                continue;
            }
            const float *x = window_pixel(w, rows[ky], o, 0) + i;
            for (size_t k = 0; k < w->kernel_width; k++, x += across, weight += w->channels) {
                vf v = load_some(weight, left);
                sum0 = plus_product(sum0, load_some(x, left), v);
                sum1 = plus_product(sum1, load_some(x + step, left), v);
                sum2 = plus_product(sum2, load_some(x + 2 * step, left), v);
                sum3 = plus_product(sum3, load_some(x + 3 * step, left), v);
            }
        }
        float *to = y + i;
        finish(end_of, sum0, to, to, left);
        finish(end_of, sum1, to + w->y_stride, to, left);
        finish(end_of, sum2, to + 2 * w->y_stride, to, left);
        finish(end_of, sum3, to + 3 * w->y_stride, to, left);
    });
}

typedef void depthwise_function(const struct depthwise_line *line, size_t x, float *y);
#define DEPTHWISE(taps, stride, left, right)                                                                          \
    static void depthwise_##taps##_##stride##_##left##_##right(const struct depthwise_line *line, size_t x, float *y) \
    {                                                                                                                 \
        depthwise_run(line, x, y, taps, stride, left, right);                                                         \
    }
#define DEPTHWISE_FORMS(F)                                                        \
    F(3, 1, 0, 0) F(3, 1, 1, 0) F(3, 1, 0, 1)                                     \
    F(3, 2, 0, 0) F(3, 2, 1, 0) F(3, 2, 0, 1)                                     \
    F(5, 1, 0, 0) F(5, 1, 2, 0) F(5, 1, 0, 1) F(5, 1, 0, 2)                       \
    F(5, 2, 0, 0) F(5, 2, 2, 0) F(5, 2, 0, 1) F(5, 2, 0, 2)
DEPTHWISE_FORMS(DEPTHWISE)
#undef DEPTHWISE

/* [kernel width is 5][stride - 1][inputs outside on the left][on the right]; NULL: done pixel by pixel */
enum { DEPTHWISE_OUT = 2 };
static depthwise_function *const depthwise_forms[2][2][DEPTHWISE_OUT + 1][DEPTHWISE_OUT + 1] = {
#define DEPTHWISE(taps, stride, left, right) \
    [taps == 5][stride - 1][left][right] = depthwise_##taps##_##stride##_##left##_##right,
    DEPTHWISE_FORMS(DEPTHWISE)
#undef DEPTHWISE
#undef DEPTHWISE_FORMS
};

/* Whether there are forms for this size of kernel. */
INLINE bool depthwise_has_forms(const struct kernel_window *w)
{
    return w->dilation == 1 && (w->kernel_width == 3 || w->kernel_width == 5) && w->stride <= 2 &&
           w->kernel_height <= DEPTHWISE_ROWS;
}

/* The form for the four output pixels from o on, NULL if there is none; *x is where their inputs begin in a row. */
INLINE depthwise_function *depthwise_for(const struct kernel_window *w, size_t o, size_t *x)
{
    /* in padded coordinates */
    size_t begin = o * w->stride, end = (o + DEPTHWISE_PIXELS - 1) * w->stride + w->kernel_width;
    size_t left = begin < w->pad ? w->pad - begin : 0, right = end > w->pad + w->width ? end - w->pad - w->width : 0;
    if (o + DEPTHWISE_PIXELS > w->out_width || left > DEPTHWISE_OUT || right > DEPTHWISE_OUT) {
        return NULL;
    }
    *x = (begin + left - w->pad) * w->x_stride;
    return depthwise_forms[w->kernel_width == 5][w->stride - 1][left][right];
}

INLINE struct depthwise_line depthwise_line(const struct kernel_window *w, const float *const *rows,
                                            const float *weights, const float *bias, const float *y,
                                            const struct ending *end_of)
{
    struct depthwise_line line = {.channels = w->channels,
                                  .x_stride = w->x_stride,
                                  .y_stride = w->y_stride,
                                  .bias = bias,
                                  .read_ahead = w->read_ahead,
                                  .second = w->read_lines > 1 ? w->width * w->x_stride : 0,
                                  .write_ahead = w->write_ahead ? (size_t)(w->write_ahead - y) : 0,
                                  .low = splat(-INFINITY),
                                  .high = splat(INFINITY)};
    if (end_of->limits) {
        line.low = end_of->low;
        line.high = end_of->high;
    }
    for (size_t ky = 0; ky < w->kernel_height; ky++) {
        if (rows[ky]) {
            line.rows[line.count] = rows[ky];
            line.weights[line.count++] = weights + ky * w->kernel_width * w->channels;
        }
    }
    return line;
}

static void vector_depthwise(const struct kernel_window *w, const float *const *rows, const float *weights,
                             const float *bias, float *y, enum unary activation, float alpha, float beta)
{
    struct kernel_product as_product = {.activation = activation, .alpha = alpha, .beta = beta};
    struct ending end_of = make_ending(&as_product, w->channels);
    end_of.after = end_of.after || end_of.leaks;
    end_of.leaks = false;
    bool has_forms = depthwise_has_forms(w);
    struct depthwise_line line = {0};
    if (has_forms) {
        line = depthwise_line(w, rows, weights, bias, y, &end_of);
    }
    /* The whole width of the kernel lies inside the row for output pixels [inner, outer). */
    size_t reach = (w->kernel_width - 1) * w->dilation;
    size_t inner = (w->pad + w->stride - 1) / w->stride;
    size_t outer = w->width + w->pad > reach ? (w->width + w->pad - reach - 1) / w->stride + 1 : 0;
    outer = outer < w->out_width ? outer : w->out_width;
    for (size_t o = 0; o < w->out_width;) {
        size_t done = 1, x = 0;
        /* The last two or three pixels are computed in a group of four that overlaps the previous one: faster than one
           by one. */
        size_t rest = w->out_width - o;
        bool few = rest > 1 && rest < DEPTHWISE_PIXELS && w->out_width > DEPTHWISE_PIXELS;
        size_t first = few ? w->out_width - DEPTHWISE_PIXELS : o;
        depthwise_function *form = has_forms ? depthwise_for(w, first, &x) : NULL;
        if (form) {
            o = first;
            done = DEPTHWISE_PIXELS;
            form(&line, x, y + o * w->y_stride);
        } else if (!has_forms && o >= inner && inner + DEPTHWISE_PIXELS <= outer && o + 1 < outer) {
            o = o + DEPTHWISE_PIXELS <= outer ? o : outer - DEPTHWISE_PIXELS;
            done = DEPTHWISE_PIXELS;
            depthwise_any(w, rows, weights, bias, &end_of, o, y + o * w->y_stride);
        } else {
            depthwise_pixel(w, rows, weights, bias, &end_of, o, y + o * w->y_stride);
        }
        o += done;
    }
    if (end_of.after) { /* on the whole line: many vectors hide a long chain of operations better than a few do */
        bool dense = w->y_stride == w->channels;
        for (size_t o = 0; o < (dense ? 1 : w->out_width); o++, y += w->y_stride) {
            vector_unary[activation](dense ? w->out_width * w->channels : w->channels, y, y, alpha, beta);
        }
    }
}

#endif
