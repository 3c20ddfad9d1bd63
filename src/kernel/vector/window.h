/* SPDX-License-Identifier: MIT */
/* Windows over rows of channels-last data: which taps a pixel has, found once per pixel, and depthwise convolution, vectors
   along channels; the loops over channels ask nothing. Pooling is in pool.h, the definitions in reference/window.c. */
#ifndef KERNEL_VECTOR_WINDOW_H
#define KERNEL_VECTOR_WINDOW_H

#include "kernel/vector/product.h"

/* Kernel columns [first, end) of output pixel o lie inside the row. */
INLINE void window_columns(const struct kernel_window *w, size_t o, size_t *first, size_t *end)
{
    size_t begin = o * w->stride; /* in padded coordinates */
    *first = begin >= w->pad ? 0 : (w->pad - begin + w->dilation - 1) / w->dilation;
    size_t limit = w->width + w->pad; /* the first padded coordinate beyond the row */
    *end = begin >= limit ? 0 : (limit - begin + w->dilation - 1) / w->dilation;
    *end = *end < w->kernel_width ? *end : w->kernel_width;
    *first = *first < *end ? *first : *end;
}

/* The pixel that output o sees through kernel column k, which window_columns found inside. */
INLINE const float *window_pixel(const struct kernel_window *w, const float *row, size_t o, size_t k)
{
    return row + (o * w->stride + k * w->dilation - w->pad) * w->x_stride;
}

/* The pairs (kernel column, output pixel) that meet input pixel i, in order of column; at most `room` from column *next
   on, which is advanced. */
struct meeting {
    size_t column, output;
};
enum { MEETINGS = 32 };

INLINE size_t find_meetings(const struct kernel_window *w, size_t i, size_t *next, struct meeting *found)
{
    size_t count = 0, padded = i + w->pad, k = *next;
    for (; k < w->kernel_width && k * w->dilation <= padded && count < MEETINGS; k++) {
        size_t distance = padded - k * w->dilation;
        if (distance % w->stride == 0 && distance / w->stride < w->out_width) {
            found[count++] = (struct meeting){k, distance / w->stride};
        }
    }
    *next = count == MEETINGS ? k : w->kernel_width;
    return count;
}

/* One output pixel, kernel columns [first, end). */
INLINE void depthwise_pixel(const struct kernel_window *w, const float *const *rows, const float *weights,
                            const float *bias, const struct ending *end_of, size_t o, float *y)
{
    size_t first, end;
    window_columns(w, o, &first, &end);
    EACH_VECTOR(w->channels, {
        vf sum = bias ? load_some(bias + i, left) : (vf){0};
        for (size_t ky = 0; ky < w->kernel_height; ky++) {
            for (size_t k = first; rows[ky] && k < end; k++) {
                sum += load_some(window_pixel(w, rows[ky], o, k) + i, left) *
                       load_some(weights + (ky * w->kernel_width + k) * w->channels + i, left);
            }
        }
        finish(end_of, sum, y + i, y + i, left);
    });
}

/* Pixels taken together (more than four leave too few of 16 registers), and the most kernel rows of the forms below. */
enum { DEPTHWISE_PIXELS = 4, DEPTHWISE_INPUTS = 16, DEPTHWISE_ROWS = 8 };

/* What a line's groups of pixels share: the kernel rows that are there, and limits that are infinite where there are none. In
   one place and copied into registers: a store of y might change anything that a pointer leads to. */
struct depthwise_line {
    size_t       channels, x_stride, y_stride, count;
    const float *rows[DEPTHWISE_ROWS], *weights[DEPTHWISE_ROWS], *bias;
    vf           low, high;
};

/* Four pixels of a kernel of width `taps`, `stride` apart, of whose inputs the first `left` and the last `right` lie
   outside
   the row; all four are constants where this is called, so that a row's inputs are loaded once and stay in registers,
   and what lies outside costs nothing. x is how far in the rows the first input inside lies. */
INLINE void depthwise_run(const struct depthwise_line *line, size_t x, float *y, const size_t taps, const size_t stride,
                          const size_t left_out, const size_t right_out)
{
    size_t channels = line->channels, x_stride = line->x_stride, y_stride = line->y_stride, count = line->count;
    const size_t inputs = (DEPTHWISE_PIXELS - 1) * stride + taps, inside = inputs - right_out;
    const float *const bias = line->bias;
    vf low = line->low, high = line->high;
    EACH_VECTOR(channels, {
        vf sum[DEPTHWISE_PIXELS];
        vf first = bias ? load_some(bias + i, left) : (vf){0};
        UNROLL
        for (size_t p = 0; p < DEPTHWISE_PIXELS; p++) {
            sum[p] = first;
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

/* Any width, stride and dilation. */
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
                sum0 += load_some(x, left) * v;
                sum1 += load_some(x + step, left) * v;
                sum2 += load_some(x + 2 * step, left) * v;
                sum3 += load_some(x + 3 * step, left) * v;
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

/* [width 5][stride - 1][inputs outside on the left][on the right]; NULL: pixel by pixel */
enum { DEPTHWISE_OUT = 2 };
static depthwise_function *const depthwise_forms[2][2][DEPTHWISE_OUT + 1][DEPTHWISE_OUT + 1] = {
#define DEPTHWISE(taps, stride, left, right) \
    [taps == 5][stride - 1][left][right] = depthwise_##taps##_##stride##_##left##_##right,
    DEPTHWISE_FORMS(DEPTHWISE)
#undef DEPTHWISE
#undef DEPTHWISE_FORMS
};

/* Whether there are forms for this kernel's size. */
INLINE bool depthwise_has_forms(const struct kernel_window *w)
{
    return w->dilation == 1 && (w->kernel_width == 3 || w->kernel_width == 5) && w->stride <= 2 &&
           w->kernel_height <= DEPTHWISE_ROWS;
}

/* The form for the pixels from o on, NULL where there is none; *x is where their inputs begin. */
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

INLINE struct depthwise_line depthwise_line(const struct kernel_window *w, const float *const *rows, const float *weights,
                                            const float *bias, const struct ending *end_of)
{
    struct depthwise_line line = {.channels = w->channels,
                                  .x_stride = w->x_stride,
                                  .y_stride = w->y_stride,
                                  .bias = bias,
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
    end_of.after = end_of.after || end_of.leaks; /* once for all pixels of a group */
    end_of.leaks = false;
    bool has_forms = depthwise_has_forms(w);
    struct depthwise_line line = {0};
    if (has_forms) {
        line = depthwise_line(w, rows, weights, bias, &end_of);
    }
    /* Output pixels [inner, outer) see the whole width of the kernel. */
    size_t reach = (w->kernel_width - 1) * w->dilation;
    size_t inner = (w->pad + w->stride - 1) / w->stride;
    size_t outer = w->width + w->pad > reach ? (w->width + w->pad - reach - 1) / w->stride + 1 : 0;
    outer = outer < w->out_width ? outer : w->out_width;
    for (size_t o = 0; o < w->out_width;) {
        size_t done = 1, x = 0;
        /* The last two or three once more with those before them: faster than one by one. */
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
        if (end_of.after) {
            float *to = y + o * w->y_stride;
            bool dense = w->y_stride == w->channels;
            for (size_t i = 0; i < (dense ? 1 : done); i++, to += w->y_stride) {
                vector_unary[activation](dense ? done * w->channels : w->channels, to, to, alpha, beta);
            }
        }
        o += done;
    }
}

/* A pixel's products: a pixel of dy by the weights of a tap, in order of taps. */
struct depthwise_pair {
    const float *dy, *weights;
};
enum { PAIRS = 32 };

/* The commonest numbers of them, a constant each: the chain is then without branches. */
INLINE void sum_some_pairs(size_t channels, const struct depthwise_pair *pairs, size_t count, float *dx)
{
    EACH_VECTOR(channels, {
        vf sum = load_some(pairs[0].dy + i, left) * load_some(pairs[0].weights + i, left);
        UNROLL_CONSTANT
        for (size_t p = 1; p < count; p++) {
            sum += load_some(pairs[p].dy + i, left) * load_some(pairs[p].weights + i, left);
        }
        store_some(dx + i, sum, left);
    });
}

static void add_pairs(size_t channels, const struct depthwise_pair *pairs, size_t count, bool more, float *dx)
{
    if (count == 1 && !more) {
        sum_some_pairs(channels, pairs, 1, dx);
    } else if (count == 2 && !more) {
        sum_some_pairs(channels, pairs, 2, dx);
    } else if (count == 4 && !more) {
        sum_some_pairs(channels, pairs, 4, dx);
    } else if (count == 6 && !more) {
        sum_some_pairs(channels, pairs, 6, dx);
    } else if (count == 9 && !more) {
        sum_some_pairs(channels, pairs, 9, dx);
    } else {
        EACH_VECTOR(channels, {
            vf sum = more ? load_some(dx + i, left) : (vf){0};
            for (size_t p = 0; p < count; p++) {
                sum += load_some(pairs[p].dy + i, left) * load_some(pairs[p].weights + i, left);
            }
            store_some(dx + i, sum, left);
        });
    }
}

/* Four pixels that every kernel column meets, at stride 1: a weight is loaded once for the four. */
INLINE void depthwise_gradient_four(const struct kernel_window *w, const float *const *dy_rows, const float *weights,
                                    size_t pixel, float *dx)
{
    size_t step = w->y_stride, across = w->dilation * w->y_stride;
    EACH_VECTOR(w->channels, {
        vf sum0 = {0};
        vf sum1 = {0};
        vf sum2 = {0};
        vf sum3 = {0};
        const float *weight = weights + i;
        for (size_t ky = 0; ky < w->kernel_height; ky++) {
            if (!dy_rows[ky]) {
                weight += w->kernel_width * w->channels;
                continue;
            }
            const float *dy = dy_rows[ky] + (pixel + w->pad) * step + i;
            for (size_t k = 0; k < w->kernel_width; k++, dy -= across, weight += w->channels) {
                vf v = load_some(weight, left);
                sum0 += load_some(dy, left) * v;
                sum1 += load_some(dy + step, left) * v;
                sum2 += load_some(dy + 2 * step, left) * v;
                sum3 += load_some(dy + 3 * step, left) * v;
            }
        }
        store_some(dx + i, sum0, left);
        store_some(dx + w->x_stride + i, sum1, left);
        store_some(dx + 2 * w->x_stride + i, sum2, left);
        store_some(dx + 3 * w->x_stride + i, sum3, left);
    });
}

/* Any pixel. */
INLINE void depthwise_gradient_pixel(const struct kernel_window *w, const float *const *dy_rows, const float *weights,
                                     size_t pixel, float *dx)
{
    struct meeting found[MEETINGS];
    struct depthwise_pair pairs[PAIRS];
    size_t next = 0, count = 0;
    bool more = false, first = true; /* a large kernel comes in parts */
    while (first || next < w->kernel_width) {
        size_t columns = find_meetings(w, pixel, &next, found);
        for (size_t ky = 0; ky < w->kernel_height; ky++) {
            for (size_t m = 0; dy_rows[ky] && m < columns; m++) {
                if (count == PAIRS) {
                    add_pairs(w->channels, pairs, count, more, dx);
                    more = true;
                    count = 0;
                }
                pairs[count].dy = dy_rows[ky] + found[m].output * w->y_stride;
                pairs[count].weights = weights + (ky * w->kernel_width + found[m].column) * w->channels;
                count++;
            }
        }
        first = false;
    }
    add_pairs(w->channels, pairs, count, more, dx);
}

static void vector_depthwise_input_gradient(const struct kernel_window *w, const float *const *dy_rows,
                                            const float *weights, float *dx)
{
    /* Pixels [inner, outer) are met by every kernel column, if the stride is 1. */
    size_t reach = (w->kernel_width - 1) * w->dilation, inner = reach > w->pad ? reach - w->pad : 0;
    size_t outer = w->stride == 1 && w->out_width > w->pad ? w->out_width - w->pad : 0;
    outer = outer < w->width ? outer : w->width;
    for (size_t pixel = 0; pixel < w->width;) {
        if (pixel >= inner && pixel + 4 <= outer) {
            depthwise_gradient_four(w, dy_rows, weights, pixel, dx);
            pixel += 4;
            dx += 4 * w->x_stride;
        } else {
            depthwise_gradient_pixel(w, dy_rows, weights, pixel, dx);
            pixel++;
            dx += w->x_stride;
        }
    }
}

/* One output pixel that sees columns [first, end) of `count` kernel rows of width three; sums [rows][3]. */
INLINE void add_products_of_pixel(const struct kernel_window *w, const float *const *rows, const size_t count, size_t o,
                                  size_t first, size_t end, size_t i, size_t left, vf g, vf *sums)
{
    UNROLL
    for (size_t r = 0; r < count; r++) {
        UNROLL
        for (size_t k = 0; k < 3; k++) {
            if (k >= first && k < end) {
                sums[3 * r + k] += load_some(window_pixel(w, rows[r], o, k) + i, left) * g;
            }
        }
    }
}

/* A kernel of width three: a pixel of dy is loaded once for all taps, whose sums stay in registers while the line goes by. count,
 * of the kernel rows that are there, is a constant where this is called. */
INLINE void weight_gradient_of_three(const struct kernel_window *w, const float *const *rows, const size_t count, const float *dy,
                                     float *const *dweights)
{
    size_t limit = w->width + w->pad, out = w->out_width, stride = w->stride, channels = w->channels, y_stride = w->y_stride;
    size_t inner = (w->pad + stride - 1) / stride, outer = limit < 3 ? 0 : (limit - 3) / stride + 1;
    size_t x_stride = w->x_stride, step = stride * x_stride;
    inner = inner < out ? inner : out;
    outer = outer < out ? outer : out;
    outer = outer > inner ? outer : inner;
    EACH_VECTOR(channels, {
        vf sums[9];
        UNROLL
        for (size_t t = 0; t < 3 * count; t++) {
            sums[t] = load_some(dweights[t / 3] + t % 3 * channels + i, left);
        }
        for (size_t edge = 0; edge < inner + (out - outer); edge++) {
            size_t o = edge < inner ? edge : outer + edge - inner, first, end;
            window_columns(w, o, &first, &end);
            add_products_of_pixel(w, rows, count, o, first, end, i, left, load_some(dy + o * y_stride + i, left), sums);
        }
        const float *g = dy + inner * y_stride + i;
        size_t at = (inner * stride - w->pad) * x_stride + i;
        for (size_t o = inner; o < outer; o++, g += y_stride, at += step) {
            vf v = load_some(g, left);
            UNROLL
            for (size_t t = 0; t < 3 * count; t++) {
                sums[t] += load_some(rows[t / 3] + at + t % 3 * x_stride, left) * v;
            }
        }
        UNROLL
        for (size_t t = 0; t < 3 * count; t++) {
            store_some(dweights[t / 3] + t % 3 * channels + i, sums[t], left);
        }
    });
}

static bool weight_gradient_by_rows(const struct kernel_window *w, const float *const *rows, const float *dy, float *dweights)
{
    const float *there[3] = {NULL};
    float *to[3] = {NULL};
    size_t count = 0;
    if (w->kernel_width != 3 || w->kernel_height > 3 || w->dilation != 1) {
        return false;
    }
    for (size_t ky = 0; ky < w->kernel_height; ky++) {
        if (rows[ky]) {
            there[count] = rows[ky];
            to[count++] = dweights + 3 * ky * w->channels;
        }
    }
    if (count == 3) {
        weight_gradient_of_three(w, there, 3, dy, to);
    } else if (count == 2) {
        weight_gradient_of_three(w, there, 2, dy, to);
    } else if (count == 1) {
        weight_gradient_of_three(w, there, 1, dy, to);
    }
    return true;
}

static void vector_depthwise_weight_gradient(const struct kernel_window *w, const float *const *rows, const float *dy,
                                             float *dweights)
{
    if (weight_gradient_by_rows(w, rows, dy, dweights)) {
        return;
    }
    for (size_t tap = 0; tap < w->kernel_height * w->kernel_width; tap++, dweights += w->channels) {
        const float *row = rows[tap / w->kernel_width];
        /* Output pixels [first, end) see this kernel column inside the row. */
        size_t column = tap % w->kernel_width * w->dilation, limit = w->width + w->pad;
        size_t first = column >= w->pad ? 0 : (w->pad - column + w->stride - 1) / w->stride;
        size_t end = column >= limit ? 0 : (limit - column - 1) / w->stride + 1;
        end = end < w->out_width ? end : w->out_width;
        if (!row || first >= end) {
            continue;
        }
        size_t step = w->stride * w->x_stride, c = 0;
        const float *x0 = row + (first * w->stride + column - w->pad) * w->x_stride;
        const float *dy0 = dy + first * w->y_stride;
        /* Four registers of channels at a time: four chains of sums that do not wait for each other. */
        for (; c + 4 * VECTOR <= w->channels; c += 4 * VECTOR) {
            float *to = dweights + c;
            vf sum0 = load(to), sum1 = load(to + VECTOR), sum2 = load(to + 2 * VECTOR), sum3 = load(to + 3 * VECTOR);
            const float *x = x0 + c, *g = dy0 + c;
            for (size_t o = first; o < end; o++, x += step, g += w->y_stride) {
                sum0 += load(x) * load(g);
                sum1 += load(x + VECTOR) * load(g + VECTOR);
                sum2 += load(x + 2 * VECTOR) * load(g + 2 * VECTOR);
                sum3 += load(x + 3 * VECTOR) * load(g + 3 * VECTOR);
            }
            store(to, sum0);
            store(to + VECTOR, sum1);
            store(to + 2 * VECTOR, sum2);
            store(to + 3 * VECTOR, sum3);
        }
        EACH_VECTOR(w->channels - c, {
            vf sum = load_some(dweights + c + i, left);
            const float *x = x0 + c + i, *g = dy0 + c + i;
            for (size_t o = first; o < end; o++, x += step, g += w->y_stride) {
                sum += load_some(x, left) * load_some(g, left);
            }
            store_some(dweights + c + i, sum, left);
        });
    }
}

#endif
