/* SPDX-License-Identifier: MIT */
/* Outer products of unpacked rows, for weight gradients, on bfloat16 tiles (read bf16x3.h first). Pixels are the depth
   of the product, so rows of x are split as they lie, two pixels to each pair of bfloat16. Which two pixels of a step
   form a pair is free if both factors agree: pixel i is paired with pixel i + 16. Rows of dy must also be transposed:
   the first factor needs a filter's pixels side by side. */
#ifndef KERNEL_VECTOR_OUTER_ROWS_H
#define KERNEL_VECTOR_OUTER_ROWS_H

#include "kernel/vector/bf16x3.h"

enum { OUTER_STEPS = KERNEL_OUTER_PIXELS / STEP };

/* Filters in each tile, when they are divided evenly among the fewest tiles. */
INLINE size_t outer_height(size_t filters)
{
    size_t count = (filters + TILE_HEIGHT - 1) / TILE_HEIGHT;
    return (filters + count - 1) / count;
}

/* Splitting pays from 16 channels and filters on: every number is split once and multiplied with all of the other
   side. */
static size_t vector_outer_rows_workspace(size_t channels, size_t filters)
{
    if (channels < 16 || filters < 16) {
        return 0;
    }
    return (rounded_up(channels, TILE_WIDTH) + rounded_up(filters, TILE_HEIGHT)) * OUTER_STEPS * STEP * TERMS + 16;
}

/* Transposes four columns of sixteen rows. Each register is loaded from four rows, which leaves two rounds of shuffles,
   where a transposition in registers alone takes four. */
INLINE void turn_columns(const float *rows, size_t stride, vf *columns)
{
    __m512 part[4];
    UNROLL_CONSTANT
    for (size_t i = 0; i < 4; i++, rows += stride) {
        part[i] = _mm512_castps128_ps512(_mm_loadu_ps(rows));
        part[i] = _mm512_insertf32x4(part[i], _mm_loadu_ps(rows + 4 * stride), 1);
        part[i] = _mm512_insertf32x4(part[i], _mm_loadu_ps(rows + 8 * stride), 2);
        part[i] = _mm512_insertf32x4(part[i], _mm_loadu_ps(rows + 12 * stride), 3);
    }
    __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(part[0], part[1]));
    __m512d low23 = _mm512_castps_pd(_mm512_unpacklo_ps(part[2], part[3]));
    __m512d high01 = _mm512_castps_pd(_mm512_unpackhi_ps(part[0], part[1]));
    __m512d high23 = _mm512_castps_pd(_mm512_unpackhi_ps(part[2], part[3]));
    columns[0] = (vf)_mm512_unpacklo_pd(low01, low23);
    columns[1] = (vf)_mm512_unpackhi_pd(low01, low23);
    columns[2] = (vf)_mm512_unpacklo_pd(high01, high23);
    columns[3] = (vf)_mm512_unpackhi_pd(high01, high23);
}

/* Splits four columns of a step's pixels into four rows of the first factor. */
INLINE void split_columns(const float *rows, size_t stride, uint16_t *to)
{
    vf low[4], high[4];
    turn_columns(rows, stride, low);
    turn_columns(rows + STEP / 2 * stride, stride, high);
    UNROLL_CONSTANT
    for (size_t i = 0; i < 4; i++) {
        split_pair(low[i], high[i], to + i * STEP);
    }
}

/* Progress of splitting this call's pixels, in small portions of work that are done while the pixels of the previous
   call are multiplied. */
struct outer_split {
    const struct kernel_outer_rows *o;
    uint16_t *dy, *x;                   /* where the terms go: [tiles][steps][terms][tile] */
    size_t    steps, height;            /* steps of pixels; filters in each tile */
    size_t    step, tile, column, at;   /* the next portion: first columns of tiles of dy; then channels from `at` on */
    size_t    pair;                     /* of this pair of pixels */
    size_t    share, slots, credit;     /* `share` portions are spread over `slots` turns */
};

/* Splits a tile of dy with missing rows or columns, by way of a buffer of a whole tile. */
static void split_edge(const struct outer_split *s, size_t filter, uint16_t *to)
{
    _Alignas(64) float rows[STEP * TILE_WIDTH];
    const struct kernel_outer_rows *o = s->o;
    size_t pixel = s->step * STEP, pixels = smaller_of(STEP, o->pixels - pixel), columns = o->filters - filter;
    const float *dy = o->dy + pixel * o->dy_stride + filter;
    for (size_t i = 0; i < pixels; i++, dy += o->dy_stride) {
        store(rows + i * TILE_WIDTH, load_some(dy, columns < TILE_WIDTH ? columns : 0));
    }
    memset(rows + pixels * TILE_WIDTH, 0, (STEP - pixels) * TILE_WIDTH * sizeof *rows);
    for (size_t column = 0; column < TILE_HEIGHT; column += 4) {
        split_columns(rows + column, TILE_WIDTH, to + column * STEP);
    }
}

/* The next portion of dy: four filters of a step, or a tile at an edge as a whole. */
INLINE void split_filters(struct outer_split *s)
{
    const struct kernel_outer_rows *o = s->o;
    size_t filter = s->tile * s->height;
    uint16_t *to = s->dy + (s->tile * s->steps + s->step) * STEP_HALVES;
    if (filter + TILE_WIDTH <= o->filters && (s->step + 1) * STEP <= o->pixels) {
        split_columns(o->dy + s->step * STEP * o->dy_stride + filter + s->column, o->dy_stride, to + s->column * STEP);
        s->column += 4;
    } else {
        split_edge(s, filter, to);
        s->column = TILE_HEIGHT;
    }
    if (s->column == TILE_HEIGHT) {
        s->column = 0;
        s->tile++;
        if (s->tile * s->height >= o->filters) {
            s->tile = 0;
            s->step++;
        }
    }
}

enum { SOME_CHANNELS = 64 };

/* The next portion of x: up to SOME_CHANNELS channels of a pair of pixels, one row in each of their tiles. */
INLINE void split_channels(struct outer_split *s)
{
    const struct kernel_outer_rows *o = s->o;
    size_t step = s->pair / (STEP / 2), first = s->pair + step * (STEP / 2), second = first + STEP / 2;
    size_t next = s->steps * STEP_HALVES, end = smaller_of(s->at + SOME_CHANNELS, o->channels), c = s->at;
    uint16_t *to = s->x + c / TILE_WIDTH * next + step * STEP_HALVES + s->pair % (STEP / 2) * STEP;
    const float *low = first < o->pixels ? o->x[first] : NULL, *high = second < o->pixels ? o->x[second] : NULL;
    for (; low && high && c + TILE_WIDTH <= end; c += TILE_WIDTH, to += next) {
        split_pair(load(low + c), load(high + c), to);
    }
    for (; c < end; c += TILE_WIDTH, to += next) {
        size_t left = end - c < TILE_WIDTH ? end - c : 0;
        split_pair(low ? load_some(low + c, left) : splat(0), high ? load_some(high + c, left) : splat(0), to);
    }
    s->at = end;
    if (end == o->channels) {
        s->at = 0;
        s->pair++;
    }
}

INLINE bool split_some(struct outer_split *s)
{
    if (s->step < s->steps) {
        split_filters(s);
        return true;
    }
    if (s->pair < s->steps * (STEP / 2)) {
        split_channels(s);
        return true;
    }
    return false;
}

/* Not inline: expanded at each of its many calls, the code would not fit the cache of decoded instructions. */
static __attribute__((noinline)) void split_share(void *context)
{
    struct outer_split *s = context;
    for (s->credit += s->share; s->credit >= s->slots; s->credit -= s->slots) {
        split_some(s);
    }
}

static void multiply_and_split(const struct tile_block *b, struct outer_split *s, bool two_rows, bool two_columns)
{
    multiply_any(b, two_rows, two_columns, split_share, s);
}

/* The workspace holds the terms of two calls: those of the previous call are multiplied while this call's are split.
   In the first call there is nothing to multiply. */
static void vector_outer_rows(const struct kernel_outer_rows *o)
{
    size_t height = outer_height(o->filters), tiles_of_dy = (o->filters + height - 1) / height;
    size_t tiles_of_x = (o->channels + TILE_WIDTH - 1) / TILE_WIDTH;
    uint16_t *begin = (uint16_t *)(void *)(o->workspace + (16 - (uintptr_t)o->workspace / sizeof(float) % 16) % 16);
    size_t half = (tiles_of_dy + tiles_of_x) * OUTER_STEPS * STEP_HALVES,
           x_begin = tiles_of_dy * OUTER_STEPS * STEP_HALVES;
    uint16_t *dy = begin + (o->block % 2 ? 0 : half), *x = dy + x_begin;
    struct outer_split split = {.o = o, .dy = begin + (o->block % 2 ? half : 0), .steps = (o->pixels + STEP - 1) / STEP,
                                .height = height};
    split.x = split.dy + x_begin;
    size_t steps = (o->before + STEP - 1) / STEP, next = steps * STEP_HALVES;
    split.slots = ((tiles_of_dy + 1) / 2) * ((tiles_of_x + 1) / 2) * TURNS * steps;
    split.share = split.steps * (tiles_of_dy * 4 + STEP / 2 * ((o->channels + SOME_CHANNELS - 1) / SOME_CHANNELS));
    if (steps > 0) {
        shape_tiles(height);
        struct tile_block block = {.steps = steps,
                                   .next_x = next,
                                   .next_w = next,
                                   .stride = o->out_stride,
                                   .height = height,
                                   .begins = !o->accumulate && o->block == 1};
        for (size_t c = 0; c < o->channels; c += 2 * TILE_WIDTH) {
            block.w = x + c / TILE_WIDTH * next;
            block.x = dy;
            for (size_t f = 0; f < o->filters; f += 2 * height, block.x += 2 * next) {
                block.sums = o->out + f * o->out_stride + c;
                multiply_and_split(&block, &split, f + height < o->filters, c + TILE_WIDTH < o->channels);
            }
        }
        _tile_release();
    }
    while (split_some(&split)) {
    }
}

#endif
