/* SPDX-License-Identifier: MIT */
/* Winograd's transformations (kernel.h defines them, reference/winograd.c derives the matrices). Vectors run over
   channels or filters. Points come in pairs +p and -p, for which the even and the odd part of a polynomial are
   evaluated once: about two multiply-adds per number and axis instead of six. */
#ifndef KERNEL_VECTOR_WINOGRAD_H
#define KERNEL_VECTOR_WINOGRAD_H

#include "kernel/vector/map.h"
#include "kernel/vector/pack.h"

enum { MOST_PLANES = 36 }; /* points of a tile */

/* ---- one axis: numbers `step` floats apart in, `to` floats apart out --------------------------------------------- */

INLINE void store_pair(vf even, vf odd, float p, float *out, size_t to)
{
    if (p == 1.0f) {
        store(out, even + odd);
        store(out + to, even - odd);
    } else {
        store(out, plus_product(even, p, odd));
        store(out + to, minus_product(even, p, odd));
    }
}

/* Rows of B^T with ten points: a polynomial in t^2, the product over pairs, with leading coefficient 1. spread_four
   leaves out the row's own pair; spread_five is the product over all four, for the points 0 and infinity. */
INLINE vf spread_four(vf d0, vf d1, vf d2, vf d3, float third, float second, float first)
{
    return minus_product(plus_product(minus_product(d3, first, d2), second, d1), third, d0);
}

INLINE vf spread_five(vf d0, vf d1, vf d2, vf d3, vf d4)
{
    return plus_product(spread_four(d1, d2, d3, d4, 5.8603515625f, 10.91015625f, 6.375f), 0.87890625f, d0);
}

/* B^T. A pair's rows are t (t +- p) times the product of (t^2 - q^2) over the other pairs q. */
INLINE void spread(size_t points, const float *d, size_t step, float *out, size_t to)
{
    if (points == 1) {
        store(out, load(d));
        return;
    }
    vf d0 = load(d), d1 = load(d + step), d2 = load(d + 2 * step), d3 = load(d + 3 * step);
    if (points == 4) {
        store(out, d2 - d0);
        store(out + to, d2 + d1);
        store(out + 2 * to, d2 - d1);
        store(out + 3 * to, d3 - d1);
        return;
    }
    vf d4 = load(d + 4 * step), d5 = load(d + 5 * step);
    if (points == 6) { /* p^2 = 9/16, 9/4 */
        store(out, plus_product(minus_product(d4, 2.8125f, d2), 1.265625f, d0));
        store_pair(minus_product(d4, 2.25f, d2), minus_product(d3, 2.25f, d1), 0.75f, out + to, to);
        store_pair(minus_product(d4, 0.5625f, d2), minus_product(d3, 0.5625f, d1), 1.5f, out + 3 * to, to);
        store(out + 5 * to, plus_product(minus_product(d5, 2.8125f, d3), 1.265625f, d1));
        return;
    }
    /* p^2 = 1/4, 9/16, 25/16, 4 */
    vf d6 = load(d + 6 * step), d7 = load(d + 7 * step), d8 = load(d + 8 * step), d9 = load(d + 9 * step);
    store(out, spread_five(d0, d2, d4, d6, d8));
    store_pair(spread_four(d2, d4, d6, d8, 3.515625f, 9.37890625f, 6.125f),
               spread_four(d1, d3, d5, d7, 3.515625f, 9.37890625f, 6.125f), 0.5f, out + to, to);
    store_pair(spread_four(d2, d4, d6, d8, 1.5625f, 7.640625f, 5.8125f),
               spread_four(d1, d3, d5, d7, 1.5625f, 7.640625f, 5.8125f), 0.75f, out + 3 * to, to);
    store_pair(spread_four(d2, d4, d6, d8, 0.5625f, 3.390625f, 4.8125f),
               spread_four(d1, d3, d5, d7, 0.5625f, 3.390625f, 4.8125f), 1.25f, out + 5 * to, to);
    store_pair(spread_four(d2, d4, d6, d8, 0.2197265625f, 1.41015625f, 2.375f),
               spread_four(d1, d3, d5, d7, 0.2197265625f, 1.41015625f, 2.375f), 2.0f, out + 7 * to, to);
    store(out + 9 * to, spread_five(d1, d3, d5, d7, d9));
}

/* A^T for two outputs: a row of ones, and a row of the points. With 4 points, m4 and m5 are ignored. */
INLINE void gather_two(size_t points, vf m0, vf m1, vf m2, vf m3, vf m4, vf m5, float *out, size_t to)
{
    vf even = m1 + m2, odd = m1 - m2;
    if (points == 4) {
        store(out, m0 + even);
        store(out + to, odd + m3);
    } else {
        store(out, m0 + even + (m3 + m4));
        store(out + to, plus_product(1.5f * (m3 - m4), 0.75f, odd) + m5);
    }
}

/* A^T: powers of the points. */
INLINE void gather(size_t points, size_t outputs, const float *m, size_t step, float *out, size_t to)
{
    vf m0 = load(m);
    if (points == 1) {
        store(out, m0);
        return;
    }
    if (outputs == 2) {
        bool six = points == 6;
        gather_two(points, m0, load(m + step), load(m + 2 * step), load(m + 3 * step), six ? load(m + 4 * step) : m0,
                   six ? load(m + 5 * step) : m0, out, to);
        return;
    }
    vf last = load(m + (points - 1) * step), plus = load(m + step), minus = load(m + 2 * step);
    vf even = plus + minus, odd = plus - minus;
    plus = load(m + 3 * step), minus = load(m + 4 * step);
    vf even2 = plus + minus, odd2 = plus - minus;
    if (points == 6) {
        store(out, m0 + even + even2);
        store(out + to, plus_product(1.5f * odd2, 0.75f, odd));
        store(out + 2 * to, plus_product(2.25f * even2, 0.5625f, even));
        store(out + 3 * to, plus_product(plus_product(last, 3.375f, odd2), 0.421875f, odd));
        return;
    }
    plus = load(m + 5 * step), minus = load(m + 6 * step);
    vf even3 = plus + minus, odd3 = plus - minus;
    plus = load(m + 7 * step), minus = load(m + 8 * step);
    vf even4 = plus + minus, odd4 = plus - minus;
    store(out, m0 + even + even2 + even3 + even4);
    vf low = plus_product(0.75f * odd2, 0.5f, odd), middle = plus_product(0.5625f * even2, 0.25f, even),
       high = plus_product(0.421875f * odd2, 0.125f, odd);
    store(out + to, plus_product(plus_product(low, 1.25f, odd3), 2.0f, odd4));
    store(out + 2 * to, plus_product(plus_product(middle, 1.5625f, even3), 4.0f, even4));
    store(out + 3 * to, plus_product(high, 1.953125f, odd3) + plus_product(last, 8.0f, odd4));
}

/* The filter's polynomial at +p and at -p, times `scale`. */
INLINE void evaluate(size_t taps, const vf *g, float p, float scale, float *out, size_t to)
{
    float square = p * p;
    vf even = g[taps - 1], odd = g[taps - 2]; /* the number of taps is odd */
    UNROLL
    for (size_t t = taps - 1; t >= 2; t -= 2) {
        even = plus_product(g[t - 2], even, square);
    }
    UNROLL
    for (size_t t = taps - 2; t >= 3; t -= 2) {
        odd = plus_product(g[t - 2], odd, square);
    }
    odd = p * (odd * scale);
    store(out, plus_product(odd, even, scale));
    store(out + to, product_less(even, scale, odd));
}

/* G: the filter's polynomial at each point p, divided by the product of (p - q) over all other finite points q. */
INLINE void evaluate_all(size_t points, size_t taps, const float *w, size_t step, float *out, size_t to)
{
    vf g[7];
    UNROLL
    for (size_t t = 0; t < taps; t++) {
        g[t] = load(w + t * step);
    }
    store(out + (points - 1) * to, g[taps - 1]);
    if (points == 4) {
        store(out, -g[0]);
        evaluate(taps, g, 1.0f, 0.5f, out + to, to);
    } else if (points == 6) {
        store(out, g[0] * (64.0f / 81.0f));
        evaluate(taps, g, 0.75f, -128.0f / 243.0f, out + to, to);
        evaluate(taps, g, 1.5f, 32.0f / 243.0f, out + 3 * to, to);
    } else if (points == 10) { /* scale = 1 / (2 p^2 times the product of (p^2 - q^2) over the other pairs q) */
        store(out, g[0] * (float)(1 / 0.87890625));
        evaluate(taps, g, 0.5f, (float)(1 / (0.5 * -0.3125 * -1.3125 * -3.75)), out + to, to);
        evaluate(taps, g, 0.75f, (float)(1 / (1.125 * 0.3125 * -1.0 * -3.4375)), out + 3 * to, to);
        evaluate(taps, g, 1.25f, (float)(1 / (3.125 * 1.3125 * 1.0 * -2.4375)), out + 5 * to, to);
        evaluate(taps, g, 2.0f, (float)(1 / (8.0 * 3.75 * 3.4375 * 2.4375)), out + 7 * to, to);
    }
}

/* d plus the term two powers above it, if the tile has more than two outputs. */
INLINE vf with_square(size_t outputs, vf d, float square, vf above)
{
    return outputs > 2 ? plus_product(d, square, above) : d;
}

/* A, the transpose of gather: a tile's pixels as a polynomial, evaluated at each point. */
INLINE void raise(size_t points, size_t outputs, const float *d, size_t step, float *out, size_t to)
{
    vf d0 = load(d);
    store(out, d0);
    if (points == 1) {
        return;
    }
    vf d1 = load(d + step), last = load(d + (outputs - 1) * step);
    vf d2 = outputs > 2 ? load(d + 2 * step) : (vf){0}, d3 = outputs > 3 ? last : (vf){0};
    store(out + (points - 1) * to, last);
    if (points == 4) {
        store_pair(d0, d1, 1.0f, out + to, to);
    } else if (points == 6) {
        store_pair(with_square(outputs, d0, 0.5625f, d2), with_square(outputs, d1, 0.5625f, d3), 0.75f, out + to, to);
        store_pair(with_square(outputs, d0, 2.25f, d2), with_square(outputs, d1, 2.25f, d3), 1.5f, out + 3 * to, to);
    } else {
        store_pair(with_square(outputs, d0, 0.25f, d2), with_square(outputs, d1, 0.25f, d3), 0.5f, out + to, to);
        store_pair(with_square(outputs, d0, 0.5625f, d2), with_square(outputs, d1, 0.5625f, d3),
                   0.75f, out + 3 * to, to);
        store_pair(with_square(outputs, d0, 1.5625f, d2), with_square(outputs, d1, 1.5625f, d3),
                   1.25f, out + 5 * to, to);
        store_pair(with_square(outputs, d0, 4.0f, d2), with_square(outputs, d1, 4.0f, d3), 2.0f, out + 7 * to, to);
    }
}

/* Adds `part` times `factor` to tap `first`, and to every second tap after it the same times one more `square`. */
INLINE void collect_part(size_t first, size_t taps, vf part, float factor, float square, vf *g)
{
    UNROLL
    for (size_t t = first; t + 2 < taps; t += 2) {
        if (square == 1.0f) {
            g[t] = plus_product(g[t], part, factor);
        } else {
            part = part * factor;
            g[t] += part;
            factor = square;
        }
    }
    size_t last = taps - 1 - (taps - 1 - first) % 2;
    g[last] = plus_product(g[last], part, factor);
}

/* The transpose of evaluate: adds to each tap its share of the sums at +p and -p. */
INLINE void collect(size_t taps, const float *m, size_t step, float p, float scale, vf *g)
{
    vf plus = load(m), minus = load(m + step);
    collect_part(0, taps, plus + minus, scale, p * p, g);
    collect_part(1, taps, plus - minus, scale * p, p * p, g);
}

/* G^T, the transpose of evaluate_all. */
INLINE void collect_all(size_t points, size_t taps, const float *m, size_t step, float *out, size_t to)
{
    vf g[7] = {{0}};
    g[taps - 1] = load(m + (points - 1) * step);
    if (points == 4) {
        g[0] = -load(m);
        collect(taps, m + step, step, 1.0f, 0.5f, g);
    } else if (points == 6) {
        collect(taps, m + step, step, 0.75f, -128.0f / 243.0f, g);
        g[0] = plus_product(g[0], load(m), 64.0f / 81.0f);
        collect(taps, m + 3 * step, step, 1.5f, 32.0f / 243.0f, g);
    } else if (points == 10) {
        collect(taps, m + step, step, 0.5f, (float)(1 / (0.5 * -0.3125 * -1.3125 * -3.75)), g);
        g[0] = plus_product(g[0], load(m), (float)(1 / 0.87890625));
        collect(taps, m + 3 * step, step, 0.75f, (float)(1 / (1.125 * 0.3125 * -1.0 * -3.4375)), g);
        collect(taps, m + 5 * step, step, 1.25f, (float)(1 / (3.125 * 1.3125 * 1.0 * -2.4375)), g);
        collect(taps, m + 7 * step, step, 2.0f, (float)(1 / (8.0 * 3.75 * 3.4375 * 2.4375)), g);
    }
    UNROLL
    for (size_t t = 0; t < taps; t++) {
        store(out + t * to, g[t]);
    }
}

/* ---- tiles ------------------------------------------------------------------------------------------------------- */

/* Copies a tile's pixels, with zeros for pixels outside the image and for channels beyond the last. */
static void __attribute__((noinline)) copy_tile(const struct kernel_winograd_input *w, size_t points_y, size_t points_x,
                                                ptrdiff_t left, size_t channel, size_t rest, float *copy)
{
    for (size_t i = 0; i < points_y; i++) {
        ptrdiff_t y = w->top + (ptrdiff_t)i;
        bool inside = y >= 0 && y < (ptrdiff_t)w->height;
        for (size_t j = 0; j < points_x; j++, copy += VECTOR) {
            ptrdiff_t x = left + (ptrdiff_t)j;
            vf v = {0};
            if (inside && x >= 0 && x < (ptrdiff_t)w->width) {
                v = load_some(w->x + (size_t)y * w->line + (size_t)x * w->pixel + channel, rest);
            }
            store(copy, v);
        }
    }
}

INLINE void spread_vector(size_t points_y, size_t points_x, const float *x, size_t line, size_t pixel, float *out,
                          size_t plane)
{
    float half[MOST_PLANES * VECTOR] __attribute__((aligned(4 * VECTOR)));
    for (size_t j = 0; j < points_x; j++) {
        spread(points_y, x + j * pixel, line, half + j * VECTOR, points_x * VECTOR);
    }
    for (size_t i = 0; i < points_y; i++) {
        spread(points_x, half + i * points_x * VECTOR, VECTOR, out + i * points_x * plane, plane);
    }
}

INLINE void spread_tiles(const struct kernel_winograd_input *w, size_t points_y, size_t points_x, size_t outputs_x)
{
    float copy[MOST_PLANES * VECTOR] __attribute__((aligned(4 * VECTOR)));
    ptrdiff_t left = w->left;
    float *out = w->out;
    bool rows_inside = w->top >= 0 && w->top + (ptrdiff_t)points_y <= (ptrdiff_t)w->height;
    for (size_t tile = 0; tile < w->tiles; tile++, left += (ptrdiff_t)outputs_x, out += w->stride) {
        size_t c = 0;
        if (rows_inside && left >= 0 && left + (ptrdiff_t)points_x <= (ptrdiff_t)w->width) {
            const float *x = w->x + (size_t)w->top * w->line + (size_t)left * w->pixel;
            for (; c + VECTOR <= w->channels; c += VECTOR) {
                spread_vector(points_y, points_x, x + c, w->line, w->pixel, out + c, w->plane);
            }
        }
        for (; c < w->channels; c += VECTOR) {
            size_t rest = w->channels - c;
            copy_tile(w, points_y, points_x, left, c, rest < VECTOR ? rest : 0, copy);
            spread_vector(points_y, points_x, copy, points_x * VECTOR, VECTOR, out + c, w->plane);
        }
    }
}

INLINE void raise_vector(size_t points_y, size_t outputs_y, size_t points_x, size_t outputs_x, const float *x,
                         size_t line, size_t pixel, float *out, size_t plane)
{
    float half[MOST_PLANES * VECTOR] __attribute__((aligned(4 * VECTOR)));
    for (size_t j = 0; j < outputs_x; j++) {
        raise(points_y, outputs_y, x + j * pixel, line, half + j * VECTOR, outputs_x * VECTOR);
    }
    for (size_t i = 0; i < points_y; i++) {
        raise(points_x, outputs_x, half + i * outputs_x * VECTOR, VECTOR, out + i * points_x * plane, plane);
    }
}

INLINE void raise_tiles(const struct kernel_winograd_input *w, size_t points_y, size_t outputs_y, size_t points_x,
                        size_t outputs_x)
{
    float copy[MOST_PLANES * VECTOR] __attribute__((aligned(4 * VECTOR)));
    ptrdiff_t left = w->left;
    float *out = w->out;
    bool rows_inside = w->top >= 0 && w->top + (ptrdiff_t)outputs_y <= (ptrdiff_t)w->height;
    for (size_t tile = 0; tile < w->tiles; tile++, left += (ptrdiff_t)outputs_x, out += w->stride) {
        size_t c = 0;
        if (rows_inside && left >= 0 && left + (ptrdiff_t)outputs_x <= (ptrdiff_t)w->width) {
            const float *x = w->x + (size_t)w->top * w->line + (size_t)left * w->pixel;
            for (; c + VECTOR <= w->channels; c += VECTOR) {
                raise_vector(points_y, outputs_y, points_x, outputs_x, x + c, w->line, w->pixel, out + c, w->plane);
            }
        }
        for (; c < w->channels; c += VECTOR) {
            size_t rest = w->channels - c;
            copy_tile(w, outputs_y, outputs_x, left, c, rest < VECTOR ? rest : 0, copy);
            raise_vector(points_y, outputs_y, points_x, outputs_x, copy, outputs_x * VECTOR, VECTOR, out + c, w->plane);
        }
    }
}

INLINE void collect_columns(size_t points_y, size_t taps_y, size_t points_x, size_t taps_x, size_t columns,
                            const float *sums, size_t plane, float *taps, size_t tap_plane)
{
    float half[MOST_PLANES * VECTOR] __attribute__((aligned(4 * VECTOR)));
    for (size_t i = 0; i < columns; i += VECTOR, sums += VECTOR, taps += VECTOR) {
        if (points_y == 1) {
            collect_all(points_x, taps_x, sums, plane, taps, tap_plane);
            continue;
        }
        if (points_x == 1) {
            collect_all(points_y, taps_y, sums, plane, taps, tap_plane);
            continue;
        }
        for (size_t j = 0; j < points_x; j++) {
            collect_all(points_y, taps_y, sums + j * plane, points_x * plane, half + j * VECTOR, points_x * VECTOR);
        }
        for (size_t t = 0; t < taps_y; t++) {
            collect_all(points_x, taps_x, half + t * points_x * VECTOR, VECTOR, taps + t * taps_x * tap_plane,
                        tap_plane);
        }
    }
}

/* The ending (epilogue) of an output tile: bias, residual, activation, and stores to pixels inside the image. */
struct winograd_ending {
    const struct kernel_winograd_output *w;
    vf   low, high; /* limits of relu and clip; infinite if there are none */
    bool leaks, after;
};

INLINE struct winograd_ending winograd_ending(const struct kernel_winograd_output *w)
{
    bool relu = w->activation == UNARY_relu, clip = w->activation == UNARY_clip;
    struct winograd_ending end = {.w = w, .leaks = w->activation == UNARY_leaky_relu};
    end.low = splat(relu ? 0.0f : clip ? w->alpha : -INFINITY);
    end.high = splat(clip ? w->beta : INFINITY);
    end.after = !relu && !clip && !end.leaks && w->activation != UNARY_identity;
    return end;
}

INLINE void store_tile(const struct winograd_ending *end, const float *tile, size_t tile_width, size_t rows,
                       size_t columns, size_t left, size_t filter, size_t rest)
{
    const struct kernel_winograd_output *w = end->w;
    vf bias = w->bias ? load_some(w->bias + filter, rest) : (vf){0};
    for (size_t i = 0; i < rows; i++) {
        float *y = w->y + (w->top + i) * w->line + left * w->pixel + filter;
        const float *residual = NULL;
        if (w->residual) {
            residual = w->residual + (w->top + i) * w->residual_line + left * w->residual_pixel + filter;
        }
        for (size_t j = 0; j < columns; j++) {
            vf v = load(tile + (i * tile_width + j) * VECTOR) + bias;
            if (residual) {
                v += load_some(residual + j * w->residual_pixel, rest);
            }
            if (end->leaks) {
                v = choose(v > 0.0f, v, v * w->alpha);
            }
            store_some(y + j * w->pixel, vmin(end->high, vmax(end->low, v)), rest);
        }
    }
}

/* Applies other activations to the pixels just stored. */
static void __attribute__((noinline)) activate_tile(const struct kernel_winograd_output *w, size_t rows, size_t columns,
                                                    size_t left)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            float *y = w->y + (w->top + i) * w->line + (left + j) * w->pixel;
            vector_unary[w->activation](w->filters, y, y, w->alpha, w->beta);
        }
    }
}

INLINE void gather_tiles(const struct kernel_winograd_output *w, size_t points_y, size_t points_x, size_t outputs_y,
                         size_t outputs_x)
{
    float half[MOST_PLANES * VECTOR] __attribute__((aligned(4 * VECTOR)));
    float whole[16 * VECTOR] __attribute__((aligned(4 * VECTOR)));
    struct winograd_ending end = winograd_ending(w);
    const float *sums = w->sums;
    size_t left = w->left, rows = w->height - w->top < outputs_y ? w->height - w->top : outputs_y;
    for (size_t tile = 0; tile < w->tiles; tile++, left += outputs_x, sums += w->stride) {
        size_t columns = w->width - left < outputs_x ? w->width - left : outputs_x;
        for (size_t f = 0; f < w->filters; f += VECTOR) {
            for (size_t j = 0; j < points_x; j++) {
                gather(points_y, outputs_y, sums + f + j * w->plane, points_x * w->plane, half + j * VECTOR,
                       points_x * VECTOR);
            }
            for (size_t i = 0; i < outputs_y; i++) {
                gather(points_x, outputs_x, half + i * points_x * VECTOR, VECTOR, whole + i * outputs_x * VECTOR,
                       VECTOR);
            }
            if (f + VECTOR <= w->filters) {
                store_tile(&end, whole, outputs_x, rows, columns, left, f, 0);
            } else {
                store_tile(&end, whole, outputs_x, rows, columns, left, f, w->filters - f);
            }
        }
        if (end.after) {
            activate_tile(w, rows, columns, left);
        }
    }
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

enum { WEIGHTS_TOGETHER = 8 }; /* channels whose weights are transposed at once */

/* Transforms the weights of one vector of filters and one channel: taps [taps][VECTOR] to all points. */
INLINE void weights_vector(size_t points_y, size_t taps_y, size_t points_x, size_t taps_x, const float *taps,
                           float *out, size_t plane)
{
    float half[MOST_PLANES * VECTOR] __attribute__((aligned(4 * VECTOR)));
    if (points_y == 1) {
        evaluate_all(points_x, taps_x, taps, VECTOR, out, plane);
        return;
    }
    if (points_x == 1) {
        evaluate_all(points_y, taps_y, taps, VECTOR, out, plane);
        return;
    }
    for (size_t j = 0; j < taps_x; j++) {
        evaluate_all(points_y, taps_y, taps + j * VECTOR, taps_x * VECTOR, half + j * VECTOR, taps_x * VECTOR);
    }
    for (size_t i = 0; i < points_y; i++) {
        evaluate_all(points_x, taps_x, half + i * taps_x * VECTOR, VECTOR, out + i * points_x * plane, plane);
    }
}

/* Transposes the weights of `count` filters and `channels` channels so that filters are adjacent: to
   [channel][tap][VECTOR]. Where a filter's channels are contiguous, as in plain weights, that is one matrix. */
static void turn_weights(const struct kernel_weights *s, const float *weights, size_t count, size_t channels, float *to)
{
    if (count < VECTOR) {
        memset(to, 0, channels * s->taps * VECTOR * sizeof *to);
    }
    if (s->channel_stride == s->taps) {
        vector_transpose(count, channels * s->taps, weights, s->filter_stride, to, VECTOR);
        return;
    }
    for (size_t c = 0; c < channels; c++) {
        vector_transpose(count, s->taps, weights + c * s->channel_stride, s->filter_stride, to + c * s->taps * VECTOR,
                         VECTOR);
    }
}

INLINE void weights_all(const struct kernel_winograd_weights *w, size_t points_y, size_t taps_y, size_t points_x,
                        size_t taps_x)
{
    float turned[WEIGHTS_TOGETHER * 25 * VECTOR] __attribute__((aligned(4 * VECTOR)));
    float taps[25 * VECTOR] __attribute__((aligned(4 * VECTOR)));
    const struct kernel_weights *s = &w->shape;
    size_t taps_count = taps_y * taps_x;
    for (size_t f = 0; f < s->filters; f += VECTOR) {
        size_t first = f / PANEL * PANEL, left = s->filters - first, count = s->filters - f;
        size_t width = left >= PANEL ? PANEL : (left + VECTOR - 1) / VECTOR * VECTOR;
        float *out = w->out + f / PANEL * w->panel + f % PANEL;
        vf factor = splat(1.0f);
        count = count < VECTOR ? count : VECTOR;
        if (w->factor) {
            factor = load_some(w->factor + f, count == VECTOR ? 0 : count);
        }
        for (size_t c = 0; c < s->channels; c += WEIGHTS_TOGETHER) {
            size_t channels = s->channels - c < WEIGHTS_TOGETHER ? s->channels - c : WEIGHTS_TOGETHER;
            turn_weights(s, w->weights + f * s->filter_stride + c * s->channel_stride, count, channels, turned);
            for (size_t k = 0; k < channels; k++) {
                for (size_t t = 0; t < taps_count; t++) {
                    size_t from = s->tap_offsets ? (size_t)s->tap_offsets[t] : t;
                    store(taps + t * VECTOR, factor * load(turned + (k * taps_count + from) * VECTOR));
                }
                weights_vector(points_y, taps_y, points_x, taps_x, taps, out + (c + k) * width, w->plane);
            }
        }
    }
}

/* ---- one function of each kind for each form --------------------------------------------------------------------- */

#define WINOGRAD(name, outputs_y, taps_y, outputs_x, taps_x)                                                  \
    static void spread_##name(const struct kernel_winograd_input *w)                                          \
    {                                                                                                         \
        spread_tiles(w, outputs_y + taps_y - 1, outputs_x + taps_x - 1, outputs_x);                           \
    }                                                                                                         \
    static void gather_##name(const struct kernel_winograd_output *w)                                         \
    {                                                                                                         \
        gather_tiles(w, outputs_y + taps_y - 1, outputs_x + taps_x - 1, outputs_y, outputs_x);                \
    }                                                                                                         \
    static void weights_##name(const struct kernel_winograd_weights *w)                                       \
    {                                                                                                         \
        weights_all(w, outputs_y + taps_y - 1, taps_y, outputs_x + taps_x - 1, taps_x);                       \
    }                                                                                                         \
    static void raise_##name(const struct kernel_winograd_input *w)                                           \
    {                                                                                                         \
        raise_tiles(w, outputs_y + taps_y - 1, outputs_y, outputs_x + taps_x - 1, outputs_x);                 \
    }                                                                                                         \
    static void collect_##name(size_t columns, const float *sums, size_t plane, float *taps, size_t tap_plane) \
    {                                                                                                         \
        collect_columns(outputs_y + taps_y - 1, taps_y, outputs_x + taps_x - 1, taps_x, columns, sums, plane, \
                        taps, tap_plane);                                                                     \
    }
#include "kernel/list.inc"

static void vector_winograd_input(const struct kernel_winograd_input *w)
{
    static void (*const of_form[])(const struct kernel_winograd_input *) = {
#define WINOGRAD(name, outputs_y, taps_y, outputs_x, taps_x) spread_##name,
#include "kernel/list.inc"
    };
    of_form[w->form](w);
}

static void vector_winograd_output(const struct kernel_winograd_output *w)
{
    static void (*const of_form[])(const struct kernel_winograd_output *) = {
#define WINOGRAD(name, outputs_y, taps_y, outputs_x, taps_x) gather_##name,
#include "kernel/list.inc"
    };
    of_form[w->form](w);
}

static void vector_winograd_weights(const struct kernel_winograd_weights *w)
{
    static void (*const of_form[])(const struct kernel_winograd_weights *) = {
#define WINOGRAD(name, outputs_y, taps_y, outputs_x, taps_x) weights_##name,
#include "kernel/list.inc"
    };
    of_form[w->form](w);
}

static void vector_winograd_gradient(const struct kernel_winograd_input *w)
{
    static void (*const of_form[])(const struct kernel_winograd_input *) = {
#define WINOGRAD(name, outputs_y, taps_y, outputs_x, taps_x) raise_##name,
#include "kernel/list.inc"
    };
    of_form[w->form](w);
}

static void vector_winograd_taps(enum winograd_form form, size_t columns, const float *sums, size_t plane, float *taps,
                                 size_t tap_plane)
{
    static void (*const of_form[])(size_t, const float *, size_t, float *, size_t) = {
#define WINOGRAD(name, outputs_y, taps_y, outputs_x, taps_x) collect_##name,
#include "kernel/list.inc"
    };
    of_form[form](columns, sums, plane, taps, tap_plane);
}

#endif
