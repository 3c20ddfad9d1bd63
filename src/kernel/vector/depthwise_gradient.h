/* SPDX-License-Identifier: MIT */
/* The gradients of depthwise convolution with respect to its input and to its weights, a line of input pixels at a
   time. Both visit the same triples (pixel, tap, pixel of dy), so for kernels of width three both are computed in one
   pass over the line, for others one after the other. A gradient computed alone is summed in the same order as when
   both are wanted, so that it has the same bits. The forward pass is in depthwise.h, the definitions are in
   reference/window.c. */
#ifndef KERNEL_VECTOR_DEPTHWISE_GRADIENT_H
#define KERNEL_VECTOR_DEPTHWISE_GRADIENT_H

#include "kernel/vector/window.h"

/* ---- three taps wide: both at once ------------------------------------------------------------------------------- */

/* What the passes over a line share; `count` is the number of kernel rows through which the line meets a line of dy. */
struct three_line {
    const struct kernel_window *window;
    size_t                      count;
    const float                *dy[3], *weights[3], *x;
    float                      *dweights[3], *dx;
};

/* Computes the inner pixels [inner, outer): pairs of pixels that meet pixels of dy through all possible kernel columns.
   At stride 1 that is all three columns for each pixel; at stride 2 columns 0 and 2 for a pair's first pixel and column
   1 for its second. */
INLINE void three_inner(const struct kernel_window *w, const size_t stride, size_t *inner, size_t *outer)
{
    size_t first = (w->pad + stride - 1) / stride, least = stride == 1 ? 2 : 1; /* padded coordinates / stride */
    size_t end = (w->width + w->pad) / stride;
    first = first > least ? first : least;
    end = end < w->out_width ? end : w->out_width;
    end = end > first ? end : first;
    end -= stride == 1 ? (end - first) % 2 : 0;
    *inner = first * stride - w->pad;
    *outer = end * stride - w->pad;
    *inner = *inner < w->width ? *inner : w->width;
    *outer = *outer < w->width ? *outer : w->width;
}

/* Any pixel. */
INLINE void three_pixel(const struct three_line *line, const struct kernel_window *w, const size_t count,
                        const size_t stride, const bool input, const bool weight, size_t pixel, size_t i, size_t left,
                        const vf *weights, vf *sums)
{
    vf x = weight ? load_some(line->x + pixel * w->x_stride + i, left) : (vf){0};
    vf sum = {0};
    UNROLL
    for (size_t column = 0; column < 3; column++) { /* of dy, as in three_pair */
        const size_t k = 2 - column;
        size_t padded = pixel + w->pad, o = (padded - k) / stride;
        bool meets = padded >= k && (padded - k) % stride == 0 && o < w->out_width;
        UNROLL
        for (size_t r = 0; r < count; r++) {
            if (meets) {
                vf g = load_some(line->dy[r] + o * w->y_stride + i, left);
                sum = plus_product(sum, g, weights[3 * r + k]);
                if (weight) {
                    sums[3 * r + k] = plus_product(sums[3 * r + k], g, x);
                }
            }
        }
    }
    if (input) {
        store_some(line->dx + pixel * w->x_stride + i, sum, left);
    }
}

/* A pair of inner pixels: pixels of dy that both meet are loaded once, and their sums do not wait for each other. */
INLINE void three_pair(const struct three_line *line, const struct kernel_window *w, const size_t count,
                       const size_t stride, const bool input, const bool weight, size_t pixel, size_t i, size_t left,
                       const vf *weights, vf *sums)
{
    const size_t columns = stride == 1 ? 4 : 2; /* of dy */
    size_t at = (pixel + w->pad - 2) / stride * w->y_stride + i; /* of dy: what the first meets through column 2 */
    vf x[2];
    vf sum[2];
    UNROLL
    for (size_t q = 0; q < 2; q++) {
        x[q] = weight ? load_some(line->x + (pixel + q) * w->x_stride + i, left) : (vf){0};
        sum[q] = (vf){0};
    }
    UNROLL
    for (size_t r = 0; r < count; r++) {
        UNROLL
        for (size_t column = 0; column < columns; column++) {
            vf g = load_some(line->dy[r] + at + column * w->y_stride, left);
            UNROLL
            for (size_t q = 0; q < 2; q++) {
                size_t k = q + 2 - column * stride; /* negative ones wrap around */
                if (k < 3) {
                    if (input) {
                        multiply_add(sum[q], g, weights[3 * r + k]);
                    }
                    if (weight) {
                        multiply_add(sums[3 * r + k], g, x[q]);
                    }
                }
            }
        }
    }
    UNROLL
    for (size_t q = 0; input && q < 2; q++) {
        store_some(line->dx + (pixel + q) * w->x_stride + i, sum[q], left);
    }
}

/* Callers pass constants for count, stride, input and weight (the latter two say which gradients are wanted): the
   weight gradient's sums stay in registers for the whole line, and so do the weights as far as registers remain. */
INLINE void three_run(const struct three_line *given, const size_t count, const size_t stride, const bool input,
                      const bool weight)
{
    const struct three_line line = *given; /* a local copy, which no store can change */
    struct kernel_window w = *line.window;
    size_t inner, outer;
    const float *read = w.read_ahead, *write = w.write_ahead; /* prefetched in order of address: fastest for memory */
    three_inner(&w, stride, &inner, &outer);
    EACH_VECTOR(w.channels, {
        vf weights[9];
        vf sums[9];
        UNROLL
        for (size_t t = 0; t < 3 * count; t++) {
            weights[t] = load_some(line.weights[t / 3] + t % 3 * w.channels + i, left);
            sums[t] = weight ? load_some(line.dweights[t / 3] + t % 3 * w.channels + i, left) : (vf){0};
        }
        for (size_t edge = 0; edge < inner + (w.width - outer); edge++) {
            size_t pixel = edge < inner ? edge : outer + edge - inner;
            three_pixel(&line, &w, count, stride, input, weight, pixel, i, left, weights, sums);
        }
        for (size_t pixel = inner; pixel < outer; pixel += 2) {
            if (read) {
                bring_nearer(read);
                bring_nearer(read + VECTOR);
                read += 2 * VECTOR;
            }
            if (input && write) {
                bring_nearer(write);
                bring_nearer(write + VECTOR);
                write += 2 * VECTOR;
            }
            three_pair(&line, &w, count, stride, input, weight, pixel, i, left, weights, sums);
        }
        UNROLL
        for (size_t t = 0; t < 3 * count; t++) {
            if (weight) {
                store_some(line.dweights[t / 3] + t % 3 * w.channels + i, sums[t], left);
            }
        }
    });
}

/* One form for each number of kernel rows (at stride 2 a line meets lines of dy through at most two of three), stride,
   and number for the gradients wanted: 1 the input's, 2 the weight's, 3 both. */
typedef void three_function(const struct three_line *line);
#define THREE_FORMS(F) F(1, 1, 1) F(2, 1, 1) F(3, 1, 1) F(1, 2, 1) F(2, 2, 1) \
                       F(1, 1, 2) F(2, 1, 2) F(3, 1, 2) F(1, 2, 2) F(2, 2, 2) \
                       F(1, 1, 3) F(2, 1, 3) F(3, 1, 3) F(1, 2, 3) F(2, 2, 3)
#define THREE(count, stride, wanted)                                               \
    static void three_##count##_##stride##_##wanted(const struct three_line *line) \
    {                                                                              \
        three_run(line, count, stride, ((wanted) & 1) != 0, (wanted) > 1);         \
    }
THREE_FORMS(THREE)
#undef THREE

static three_function *const three_forms[4][3][4] = {
#define THREE(count, stride, wanted) [count][stride][wanted] = three_##count##_##stride##_##wanted,
    THREE_FORMS(THREE)
#undef THREE
#undef THREE_FORMS
};

/* Computes the gradients by one of these forms; false if there is none. */
static bool gradients_of_three(const struct kernel_window *w, const float *const *dy_rows, const float *weights,
                               const float *x, float *dx, float *dweights)
{
    struct three_line line = {.window = w, .x = x, .dx = dx};
    if (w->kernel_width != 3 || w->kernel_height > 3 || w->dilation != 1 || w->stride > 2) {
        return false;
    }
    for (size_t ky = 0; ky < w->kernel_height; ky++) {
        if (dy_rows[ky]) {
            line.dy[line.count] = dy_rows[ky];
            line.weights[line.count] = weights ? weights + 3 * ky * w->channels : dweights;
            line.dweights[line.count++] = dweights ? dweights + 3 * ky * w->channels : NULL;
        }
    }
    three_function *form = three_forms[line.count][w->stride][(dx ? 1 : 0) + (dweights ? 2 : 0)];
    if (form) {
        form(&line);
    }
    return form;
}

/* ---- any size: one after the other ------------------------------------------------------------------------------- */

/* One product in the gradient of a pixel: a pixel of dy by the weights of a tap. Pairs are in order of taps. */
struct depthwise_pair {
    const float *dy, *weights;
};
enum { PAIRS = 32 };

/* The sum of `count` pairs; callers pass a constant count, which makes the chain free of branches. */
INLINE void sum_some_pairs(size_t channels, const struct depthwise_pair *pairs, size_t count, float *dx)
{
    EACH_VECTOR(channels, {
        vf sum = load_some(pairs[0].dy + i, left) * load_some(pairs[0].weights + i, left);
        UNROLL_CONSTANT
        for (size_t p = 1; p < count; p++) {
            sum = plus_product(sum, load_some(pairs[p].dy + i, left), load_some(pairs[p].weights + i, left));
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
                sum = plus_product(sum, load_some(pairs[p].dy + i, left), load_some(pairs[p].weights + i, left));
            }
            store_some(dx + i, sum, left);
        });
    }
}

/* Four pixels at stride 1 that meet dy through every kernel column: each weight is loaded once for the four. */
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
                sum0 = plus_product(sum0, load_some(dy, left), v);
                sum1 = plus_product(sum1, load_some(dy + step, left), v);
                sum2 = plus_product(sum2, load_some(dy + 2 * step, left), v);
                sum3 = plus_product(sum3, load_some(dy + 3 * step, left), v);
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
    bool more = false, first = true; /* more: dx holds the sum of earlier pairs of a large kernel */
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

static void depthwise_input_gradient(const struct kernel_window *w, const float *const *dy_rows, const float *weights,
                                     float *dx)
{
    /* At stride 1, pixels [inner, outer) meet dy through every kernel column. */
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

static void depthwise_weight_gradient(const struct kernel_window *w, const float *const *dy_rows, const float *x_row,
                                      float *dweights)
{
    for (size_t tap = 0; tap < w->kernel_height * w->kernel_width; tap++, dweights += w->channels) {
        const float *dy = dy_rows[tap / w->kernel_width];
        /* Output pixels [first, end) meet a pixel inside the row through this kernel column. */
        size_t column = tap % w->kernel_width * w->dilation, limit = w->width + w->pad;
        size_t first = column >= w->pad ? 0 : (w->pad - column + w->stride - 1) / w->stride;
        size_t end = column >= limit ? 0 : (limit - column - 1) / w->stride + 1;
        end = end < w->out_width ? end : w->out_width;
        if (!dy || first >= end) {
            continue;
        }
        size_t step = w->stride * w->x_stride, c = 0;
        const float *x0 = x_row + (first * w->stride + column - w->pad) * w->x_stride;
        const float *dy0 = dy + first * w->y_stride;
        /* Four registers of channels at a time: four chains of sums that do not wait for each other. */
        for (; c + 4 * VECTOR <= w->channels; c += 4 * VECTOR) {
            float *to = dweights + c;
            vf sum0 = load(to), sum1 = load(to + VECTOR), sum2 = load(to + 2 * VECTOR), sum3 = load(to + 3 * VECTOR);
            const float *x = x0 + c, *g = dy0 + c;
            for (size_t o = first; o < end; o++, x += step, g += w->y_stride) {
                sum0 = plus_product(sum0, load(x), load(g));
                sum1 = plus_product(sum1, load(x + VECTOR), load(g + VECTOR));
                sum2 = plus_product(sum2, load(x + 2 * VECTOR), load(g + 2 * VECTOR));
                sum3 = plus_product(sum3, load(x + 3 * VECTOR), load(g + 3 * VECTOR));
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
                sum = plus_product(sum, load_some(x, left), load_some(g, left));
            }
            store_some(dweights + c + i, sum, left);
        });
    }
}

static void vector_depthwise_gradients(const struct kernel_window *w, const float *const *dy_rows, const float *weights,
                                       const float *x, float *dx, float *dweights)
{
    if (gradients_of_three(w, dy_rows, weights, x, dx, dweights)) {
        return;
    }
    if (dx) {
        depthwise_input_gradient(w, dy_rows, weights, dx);
    }
    if (dweights) {
        depthwise_weight_gradient(w, dy_rows, x, dweights);
    }
}

#endif
