/* SPDX-License-Identifier: MIT */
/* Convolution with images as lanes (kernel.h, struct kernel_images): which tile function serves how many filters and
   pixels. The tiles are images_tile.h and images_outer_tile.h. This form is for networks so small that vectors along
   channels or lines would have empty lanes. */
#ifndef KERNEL_VECTOR_IMAGES_H
#define KERNEL_VECTOR_IMAGES_H

#include "kernel/vector/repeat.h"
#include "kernel/vector/pool.h"

/* Keeps v in a register: compilers like to read it from memory again for each of its multiply-adds, and the processor
   does only two loads per cycle. */
#if defined(__aarch64__)
#define IN_REGISTER(v) __asm__("" : "+w"(v));
#elif defined(__AVX512F__)
#define IN_REGISTER(v) __asm__("" : "+v"(v));
#else
#define IN_REGISTER(v) __asm__("" : "+x"(v));
#endif

#define ROWS_WITH_1(M, v) M(0, v)
#define ROWS_WITH_2(M, v) ROWS_WITH_1(M, v) M(1, v)
#define ROWS_WITH_3(M, v) ROWS_WITH_2(M, v) M(2, v)
#define ROWS_WITH_4(M, v) ROWS_WITH_3(M, v) M(3, v)
#define ROWS_WITH_5(M, v) ROWS_WITH_4(M, v) M(4, v)
#define ROWS_WITH_6(M, v) ROWS_WITH_5(M, v) M(5, v)

/* Arguments of a tile function; passed by pointer, because ten more arguments would take registers from the sums. */
struct images_tile {
    const float *x, *weights; /* of the first pixel and filter */
    size_t       rows, run, filters;
    size_t       x_row, x_step, x_line, weight_skip;
    const float *bias;
    float        low, high;
    float       *out;
    int32_t     *index;
};

#define TILE_TEMPLATE "kernel/vector/images_tile.h"
#define TILE_LIMIT IMAGE_PAIR_FILTERS
#define VECTORS 1
#define PANELS 1
#include "kernel/vector/tile_heights.h"
#define TILE_LIMIT IMAGE_PAIR_FILTERS
#define VECTORS 1
#define PANELS 2
#include "kernel/vector/tile_heights.h"
#define TILE_LIMIT IMAGE_BLOCK_FILTERS
#define VECTORS 1
#define PANELS 4
#include "kernel/vector/tile_heights.h"
#undef TILE_TEMPLATE

typedef void images_function(const struct images_tile *tile);

/* [pixels: 1, 2][filters - 1] */
#define BOTH(r) [0][r - 1] = images_##r##x1, [1][r - 1] = images_##r##x2,
static images_function *const images_tiles[2][IMAGE_PAIR_FILTERS] = {
    BOTH(1) BOTH(2) BOTH(3) BOTH(4)
#if IMAGE_PAIR_FILTERS >= 6
    BOTH(5) BOTH(6)
#endif
#if IMAGE_PAIR_FILTERS >= 10
    BOTH(7) BOTH(8) BOTH(9) BOTH(10)
#endif
};
#undef BOTH
static images_function *const images_blocks[IMAGE_BLOCK_FILTERS] = {
    images_1x4, images_2x4,
#if IMAGE_BLOCK_FILTERS >= 3
    images_3x4,
#endif
#if IMAGE_BLOCK_FILTERS >= 6
    images_4x4, images_5x4, images_6x4,
#endif
};

/* Where part `index` begins when `count` things are divided into `parts` parts as evenly as possible. */
INLINE size_t even_part(size_t count, size_t parts, size_t index)
{
    return count / parts * index + (index < count % parts ? index : count % parts);
}

static void vector_images(const struct kernel_images *k)
{
    size_t limit = k->pools ? IMAGE_BLOCK_FILTERS : IMAGE_PAIR_FILTERS, blocks = (k->filters + limit - 1) / limit;
    struct images_tile tile = {.rows = k->rows,
                               .run = k->run,
                               .filters = k->filters,
                               .x_row = k->x_row,
                               .x_step = k->x_step,
                               .x_line = k->x_line,
                               .weight_skip = k->weight_row - k->run * k->filters,
                               .low = k->low,
                               .high = k->high};
    for (size_t o = 0; o < k->pixels;) {
        size_t pixels = k->pools || o + 1 == k->pixels ? 1 : 2;
        tile.x = k->x + o * k->x_step * (k->pools ? 2 : 1);
        for (size_t block = 0; block < blocks; block++) {
            size_t first = even_part(k->filters, blocks, block),
                   count = even_part(k->filters, blocks, block + 1) - first;
            size_t at = (o * k->filters + first) * VECTOR;
            tile.weights = k->weights + first;
            tile.bias = k->bias ? k->bias + first : NULL;
            tile.out = k->out + at;
            tile.index = k->index ? k->index + at : NULL;
            (k->pools ? images_blocks[count - 1] : images_tiles[pixels - 1][count - 1])(&tile);
        }
        o += pixels;
    }
}

/* The sum of a register's lanes: first the quarters of the register are added, then the four sums crosswise. */
INLINE float sum_of_lanes(vf v)
{
    typedef float four __attribute__((vector_size(16)));
    four part[VECTOR / 4], sum;
    memcpy(part, &v, sizeof part);
    sum = part[0];
    for (size_t i = 1; i < VECTOR / 4; i++) {
        sum += part[i];
    }
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

#define TILE_TEMPLATE "kernel/vector/images_outer_tile.h"
#define TILE_LIMIT IMAGE_OUTER_COLUMNS
#define VECTORS 1
#define PANELS 1
#include "kernel/vector/tile_heights.h"
#define TILE_LIMIT IMAGE_OUTER_COLUMNS
#define VECTORS 2
#define PANELS 1
#include "kernel/vector/tile_heights.h"
#if IMAGE_OUTER_FILTERS >= 4
#define TILE_LIMIT IMAGE_OUTER_COLUMNS
#define VECTORS 3
#define PANELS 1
#include "kernel/vector/tile_heights.h"
#define TILE_LIMIT IMAGE_OUTER_COLUMNS
#define VECTORS 4
#define PANELS 1
#include "kernel/vector/tile_heights.h"
#endif
#if IMAGE_OUTER_FILTERS >= 5
#define TILE_LIMIT IMAGE_OUTER_COLUMNS
#define VECTORS 5
#define PANELS 1
#include "kernel/vector/tile_heights.h"
#endif
#undef TILE_TEMPLATE

/* [filters - 1][columns - 1] */
#define COLUMNS(f) \
    [f - 1] = {images_outer_1x##f, images_outer_2x##f, images_outer_3x##f, images_outer_4x##f, images_outer_5x##f},
typedef void images_outer_function(const struct kernel_images_outer *k, const float *x, const float *dy, float *to);
static images_outer_function *const images_outer_tiles[IMAGE_OUTER_FILTERS][IMAGE_OUTER_COLUMNS] = {
    COLUMNS(1) COLUMNS(2)
#if IMAGE_OUTER_FILTERS >= 4
    COLUMNS(3) COLUMNS(4)
#endif
#if IMAGE_OUTER_FILTERS >= 5
    COLUMNS(5)
#endif
};
#undef COLUMNS

static void vector_images_outer(const struct kernel_images_outer *k)
{
    size_t parts = (k->columns + IMAGE_OUTER_COLUMNS - 1) / IMAGE_OUTER_COLUMNS;
    size_t blocks = (k->filters + IMAGE_OUTER_FILTERS - 1) / IMAGE_OUTER_FILTERS;
    /* A block's part of dy stays in the first-level cache for all taps. */
    for (size_t block = 0; block < blocks; block++) {
        size_t filter = even_part(k->filters, blocks, block),
               filters = even_part(k->filters, blocks, block + 1) - filter;
        for (size_t at = 0; at < k->rows * k->channels * parts; at++) {
            size_t part = at % parts, channel = at / parts % k->channels, row = at / parts / k->channels;
            size_t first = even_part(k->columns, parts, part), columns = even_part(k->columns, parts, part + 1) - first;
            size_t place = first * k->channels + channel;
            images_outer_tiles[filters - 1][columns - 1](
                k, k->x + row * k->x_row + place * VECTOR, k->dy + filter * VECTOR,
                k->sums + ((row * k->columns * k->channels + place) * k->filters + filter) * VECTOR);
        }
    }
}

static void vector_images_total(size_t n, size_t lanes, const float *sums, float *total)
{
    (void)lanes;
    for (size_t i = 0; i < n; i++) {
        total[i] = sum_of_lanes(load(sums + i * VECTOR));
    }
}

static void vector_images_spread(size_t pixels, size_t filters, size_t lanes, const float *dy, const int32_t *index,
                                 float *out, size_t out_line)
{
    (void)lanes;
    size_t pixel = filters * VECTOR;
    for (size_t o = 0; o < pixels; o++, out += pixel) {
        for (size_t f = 0; f < filters; f++, dy += VECTOR, index += VECTOR, out += VECTOR) {
            vi winner = *(const vi_unaligned *)index, g = (vi)load(dy);
            store(out, (vf)(g & (winner == 0)));
            store(out + pixel, (vf)(g & (winner == 1)));
            store(out + out_line, (vf)(g & (winner == 2)));
            store(out + out_line + pixel, (vf)(g & (winner == 3)));
        }
    }
}

static void vector_widen_bytes(size_t n, const uint8_t *x, int32_t *y)
{
    EACH_VECTOR(n, store_some((float *)y + i, (vf)load_indices(x, 1, i, left), left););
}

static void vector_narrow_to_bytes(size_t n, const int32_t *x, uint8_t *y)
{
    EACH_VECTOR(n, store_indices(y, 1, i, load_indices(x, 4, i, left), left););
}

#endif
