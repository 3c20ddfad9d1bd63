/* SPDX-License-Identifier: MIT */
/* Winograd's convolution with images as lanes (kernel.h): its transformations along one axis, the sums over channels at
   each point, and the 2 x 2 pooling after them. The transformations of a vector are those of winograd.h. */
#ifndef KERNEL_VECTOR_IMAGES_WINOGRAD_H
#define KERNEL_VECTOR_IMAGES_WINOGRAD_H

#include "kernel/vector/images.h"
#include "kernel/vector/winograd.h"

/* B, the transpose of spread: adds to out. With 4 points, m4 and m5 are ignored. */
INLINE void unspread_sums(size_t points, vf m0, vf m1, vf m2, vf m3, vf m4, vf m5, float *out, size_t to)
{
    if (points == 4) {
        store(out, load(out) - m0);
        store(out + to, load(out + to) + (m1 - m2 - m3));
        store(out + 2 * to, load(out + 2 * to) + (m0 + m1 + m2));
        store(out + 3 * to, load(out + 3 * to) + m3);
        return;
    }
    vf even = m1 + m2, odd = 0.75f * (m1 - m2), even2 = m3 + m4, odd2 = 1.5f * (m3 - m4);
    vf first = minus_product(product_less(1.265625f, m5, 2.25f * odd), 0.5625f, odd2);
    vf second = plus_product(plus_product(2.25f * even, 2.8125f, m0), 0.5625f, even2);
    store(out, plus_product(load(out), 1.265625f, m0));
    store(out + to, load(out + to) + first);
    store(out + 2 * to, load(out + 2 * to) - second);
    store(out + 3 * to, load(out + 3 * to) + minus_product(odd + odd2, 2.8125f, m5));
    store(out + 4 * to, load(out + 4 * to) + (m0 + even + even2));
    store(out + 5 * to, load(out + 5 * to) + m5);
}

INLINE void unspread(size_t points, const float *m, size_t step, float *out, size_t to)
{
    bool six = points == 6;
    vf m0 = load(m);
    unspread_sums(points, m0, load(m + step), load(m + 2 * step), load(m + 3 * step), six ? load(m + 4 * step) : m0,
                  six ? load(m + 5 * step) : m0, out, to);
}

/* ---- lines of tiles ---------------------------------------------------------------------------------------------- */

#define TILE_TEMPLATE "kernel/vector/images_winograd_tile.h"
#define TILE_LIMIT IMAGE_TILE_FILTERS
#define VECTORS 1
#define PANELS 4
#include "kernel/vector/tile_heights.h"
#define TILE_LIMIT IMAGE_TILE_FILTERS
#define VECTORS 1
#define PANELS 6
#include "kernel/vector/tile_heights.h"
#undef TILE_TEMPLATE

typedef void images_sum_function(const float *values, size_t terms, const float *w, size_t weight_step, float *out,
                                 size_t step);
typedef void images_back_function(const float *y, size_t y_plane, size_t terms, const float *w, size_t weight_step,
                                  float *out, size_t step);
typedef void images_tiles_outer_function(const struct kernel_images_tiles *k, const float *values, const float *y,
                                         float *sums);

/* [points: 4, 6][filters or channels - 1] */
#if IMAGE_TILE_FILTERS >= 4
#define EACH_HEIGHT(name, p) {name##1x##p, name##2x##p, name##3x##p, name##4x##p}
#else
#define EACH_HEIGHT(name, p) {name##1x##p, name##2x##p}
#endif
static images_sum_function *const images_forward_tiles[2][IMAGE_TILE_FILTERS] = {EACH_HEIGHT(images_forward_, 4),
                                                                                 EACH_HEIGHT(images_forward_, 6)};
static images_back_function *const images_back_tiles[2][IMAGE_TILE_FILTERS] = {EACH_HEIGHT(images_back_, 4),
                                                                               EACH_HEIGHT(images_back_, 6)};
static images_tiles_outer_function *const images_outer_by_tiles[2][IMAGE_TILE_FILTERS] = {
    EACH_HEIGHT(images_tiles_outer_, 4), EACH_HEIGHT(images_tiles_outer_, 6)};
#undef EACH_HEIGHT

/* Transforms all channels of a tile along the line: values [channel][point]. */
INLINE void spread_tile(size_t points, const float *x, size_t channels, float *values)
{
    for (size_t c = 0; c < channels; c++) {
        spread(points, x + c * VECTOR, channels * VECTOR, values + c * points * VECTOR, VECTOR);
    }
}

static void vector_images_tiles(const struct kernel_images_tiles *k)
{
    size_t blocks = (k->filters + IMAGE_TILE_FILTERS - 1) / IMAGE_TILE_FILTERS, six = k->points == 6;
    for (size_t at = 0; at < k->rows * k->tiles; at++) {
        const float *x = k->x + at / k->tiles * k->x_line + 2 * (at % k->tiles) * k->channels * VECTOR;
        if (six) {
            spread_tile(6, x, k->channels, k->workspace);
        } else {
            spread_tile(4, x, k->channels, k->workspace);
        }
        for (size_t block = 0; block < blocks; block++) {
            size_t first = even_part(k->filters, blocks, block),
                   count = even_part(k->filters, blocks, block + 1) - first;
            images_forward_tiles[six][count - 1](k->workspace, k->channels, k->weights + first * k->points,
                                                 k->filters * k->points, k->y + (at * k->filters + first) * VECTOR,
                                                 k->y_plane);
        }
    }
}

static void vector_images_tiles_back(const struct kernel_images_tiles *k)
{
    size_t blocks = (k->channels + IMAGE_TILE_FILTERS - 1) / IMAGE_TILE_FILTERS, six = k->points == 6;
    for (size_t at = 0; at < k->rows * k->tiles; at++) {
        float *x = k->x + at / k->tiles * k->x_line + 2 * (at % k->tiles) * k->channels * VECTOR;
        for (size_t block = 0; block < blocks; block++) {
            size_t first = even_part(k->channels, blocks, block),
                   count = even_part(k->channels, blocks, block + 1) - first;
            images_back_tiles[six][count - 1](k->y + at * k->filters * VECTOR, k->y_plane, k->filters,
                                              k->weights + first * k->points, k->channels * k->points,
                                              x + first * VECTOR, k->channels * VECTOR);
        }
    }
}

static void vector_images_tiles_outer(const struct kernel_images_tiles *k)
{
    size_t blocks = (k->channels + IMAGE_TILE_FILTERS - 1) / IMAGE_TILE_FILTERS, six = k->points == 6;
    for (size_t at = 0; at < k->rows * k->tiles; at++) {
        const float *x = k->x + at / k->tiles * k->x_line + 2 * (at % k->tiles) * k->channels * VECTOR;
        float *values = k->workspace + at * k->channels * k->points * VECTOR;
        if (six) {
            spread_tile(6, x, k->channels, values);
        } else {
            spread_tile(4, x, k->channels, values);
        }
    }
    for (size_t block = 0; block < blocks; block++) {
        size_t first = even_part(k->channels, blocks, block), count = even_part(k->channels, blocks, block + 1) - first;
        for (size_t f = 0; f < k->filters; f++) {
            images_outer_by_tiles[six][count - 1](k, k->workspace + first * k->points * VECTOR, k->y + f * VECTOR,
                                                  k->sums + (first * k->filters + f) * k->points * VECTOR);
        }
    }
}

/* ---- one axis ---------------------------------------------------------------------------------------------------- */

#define EACH_PLACE(transform)                                                                           \
    for (size_t tile = 0; tile < a->repeats; tile++) {                                                  \
        const float *x = a->x + tile * a->x_repeat;                                                     \
        float *out = a->out + tile * a->out_repeat;                                                     \
        for (size_t i = 0; i < a->count; i += VECTOR) {                                                 \
            transform;                                                                                  \
        }                                                                                               \
    }                                                                                                   \
    return

INLINE void each_place(size_t points, const struct kernel_images_axis *a)
{
    size_t step = a->x_step, to = a->out_step;
    switch (a->axis) {
    case WINOGRAD_SPREAD:   EACH_PLACE(spread(points, x + i, step, out + i, to));
    case WINOGRAD_UNSPREAD: EACH_PLACE(unspread(points, x + i, step, out + i, to));
    case WINOGRAD_GATHER:   EACH_PLACE(gather(points, 2, x + i, step, out + i, to));
    case WINOGRAD_EVALUATE: EACH_PLACE(evaluate_all(points, points - 1, x + i, step, out + i, to));
    case WINOGRAD_COLLECT:  EACH_PLACE(collect_all(points, points - 1, x + i, step, out + i, to));
    }
}
#undef EACH_PLACE

static void vector_images_axis(const struct kernel_images_axis *a)
{
    if (a->points == 4) {
        each_place(4, a);
    } else {
        each_place(6, a);
    }
}

static void vector_images_pool(const struct kernel_images_pool *k)
{
    size_t plane = k->pixels * k->filters * VECTOR, line = k->filters * VECTOR;
    vf low = splat(k->low), high = splat(k->high);
    for (size_t i = 0; i < plane; i += line) {
        for (size_t f = 0; f < k->filters; f++) {
            const float *x = k->x + i + f * VECTOR;
            vf bias = splat(k->bias ? k->bias[f] : 0), best = load(x) + bias;
            vi winner = {0};
            meet_tap(&best, &winner, load(x + plane) + bias, 1, 1);
            meet_tap(&best, &winner, load(x + 2 * plane) + bias, 2, 1);
            meet_tap(&best, &winner, load(x + 3 * plane) + bias, 3, 1);
            store(k->out + i + f * VECTOR, vmin(high, vmax(low, best)));
            if (k->index) {
                *(vi_unaligned *)(k->index + i + f * VECTOR) = winner;
            }
        }
    }
}

/* Each column of a 2 x 2 block has at most one gradient that is not zero, in its upper or its lower pixel. */
INLINE void raise_winners(size_t points, size_t n, const float *dy, const int32_t *index, float *out)
{
    for (size_t i = 0; i < n; i += VECTOR) {
        vi winner = *(const vi_unaligned *)(index + i), g = (vi)load(dy + i);
        for (size_t column = 0; column < 2; column++) {
            int32_t upper = (int32_t)column, lower = upper + 2;
            vf d0 = (vf)(g & (winner == upper)), d1 = (vf)(g & (winner == lower));
            float *to = out + column * n + i;
            store(to, d0);
            store(to + (points - 1) * 2 * n, d1);
            if (points == 4) {
                store_pair(d0, d1, 1.0f, to + 2 * n, 2 * n);
            } else {
                store_pair(d0, d1, 0.75f, to + 2 * n, 2 * n);
                store_pair(d0, d1, 1.5f, to + 6 * n, 2 * n);
            }
        }
    }
}

static void vector_images_winners(size_t points, size_t n, const float *dy, const int32_t *index, float *out)
{
    if (points == 4) {
        raise_winners(4, n, dy, index, out);
    } else {
        raise_winners(6, n, dy, index, out);
    }
}

#endif
