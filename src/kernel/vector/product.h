/* SPDX-License-Identifier: MIT */
/* The implicit matrix product: how rows are divided into tiles and which tile function serves which panel. The tile
   itself, where all the time goes, is product_tile.h. Loop order: panels, then tiles of rows, so that a panel's weights
   stay in cache. */
#ifndef KERNEL_VECTOR_PRODUCT_H
#define KERNEL_VECTOR_PRODUCT_H

#include "kernel/vector/product_end.h"
#include "kernel/vector/repeat.h"

/* Only the products on bfloat16 tiles need a workspace (tiles.c). */
static size_t vector_product_workspace(size_t rows, size_t filters, size_t depth)
{
    (void)rows;
    (void)filters;
    (void)depth;
    return 0;
}

/* Where weights are read only once, they are prefetched this many floats ahead, once per cache line of 64 bytes. */
enum { WEIGHTS_AHEAD = 256, LINE = 16 };
#define PREFETCH(address, v)            \
    if (v * VECTOR % LINE == 0) {       \
        __builtin_prefetch(address);    \
    }

/* Rows of a tile whose panel is two or three registers wide. A set with more registers than its widest tile uses
   defines more rows here. */
#ifndef TILE_ROWS_2
#define TILE_ROWS_2 TILE_ROWS
#define TILE_ROWS_3 TILE_ROWS
#endif

/* A deep product of few rows is divided into parts of its depth: a part's weights, which every tile of rows reads, stay
   in the second-level cache while those of the next part are prefetched; the weights of the whole depth would not. The
   partial sums are stored between the parts; they are the same numbers that would have stayed in registers. */
enum { PART_FLOATS = 1 << 15, PARTED_ROWS = 60 };
struct parted {
    bool begins, ends;                            /* whether this is the first part, the last part */
    _Alignas(64) float sums[PARTED_ROWS * PANEL]; /* [rows][columns of the panel] */
};

/* REGISTERS_OF_v_p = v * p, as a token that can be pasted */
#define REGISTERS_OF_1_1 1
#define REGISTERS_OF_2_1 2
#define REGISTERS_OF_3_1 3
#define REGISTERS_OF_4_1 4
#define REGISTERS_OF_2_2 4
#define REGISTERS_OF_2_4 8
#define REGISTERS_OF_4_2 8

/* All tile functions: first, for one panel of each width, all heights up to the limit for that width; */
#define TILE_TEMPLATE "kernel/vector/product_tile.h"
#define TILE_LIMIT TALL_ROWS
#define VECTORS 1
#define PANELS 1
#include "kernel/vector/tile_heights.h"
#define TILE_LIMIT TILE_ROWS_2
#define VECTORS 2
#define PANELS 1
#include "kernel/vector/tile_heights.h"
#if PANEL_VECTORS == 4
#define TILE_LIMIT TILE_ROWS_3
#define VECTORS 3
#define PANELS 1
#include "kernel/vector/tile_heights.h"
#define TILE_LIMIT TILE_ROWS
#define VECTORS 4
#define PANELS 1
#include "kernel/vector/tile_heights.h"
#endif
/* then, for products of one to four rows, several panels at once: the few chains of one panel would wait for each
   other. */
#define VECTORS PANEL_VECTORS
#define ROWS 1
#define PANELS GROUP_1
#include TILE_TEMPLATE
#undef ROWS
#undef PANELS
#define ROWS 2
#define PANELS GROUP_2
#include TILE_TEMPLATE
#undef ROWS
#undef PANELS
#if GROUP_3 > 1
#define ROWS 3
#define PANELS GROUP_3
#include TILE_TEMPLATE
#undef ROWS
#undef PANELS
#endif
#if GROUP_4 > 1
#define ROWS 4
#define PANELS GROUP_4
#include TILE_TEMPLATE
#undef ROWS
#undef PANELS
#endif
#undef VECTORS
#undef TILE_TEMPLATE

typedef void tile_function(const struct kernel_product *p, size_t row, size_t filter, size_t columns, const float *w,
                           size_t panel_stride, const float *ahead, size_t second, struct parted *parted);

/* [registers of the panel - 1][height - 1] */
#define TILE(r, v) [v - 1][r - 1] = tile_##r##x##v##x1,
static tile_function *const tiles[PANEL_VECTORS][TALL_ROWS] = {
    TILE(1, 1) TILE(2, 1) TILE(3, 1) TILE(4, 1) TILE(5, 1) TILE(6, 1) TILE(7, 1) TILE(8, 1)
    TILE(1, 2) TILE(2, 2) TILE(3, 2) TILE(4, 2)
#if TALL_ROWS >= 12
    TILE(9, 1) TILE(10, 1) TILE(11, 1) TILE(12, 1)
#endif
#if TILE_ROWS_2 >= 6
    TILE(5, 2) TILE(6, 2)
#endif
#if TILE_ROWS_2 >= 12
    TILE(7, 2) TILE(8, 2) TILE(9, 2) TILE(10, 2) TILE(11, 2) TILE(12, 2)
#endif
#if PANEL_VECTORS == 4
    TILE(1, 3) TILE(2, 3) TILE(3, 3) TILE(4, 3) TILE(5, 3) TILE(6, 3)
#if TILE_ROWS_3 >= 8
    TILE(7, 3) TILE(8, 3)
#endif
    TILE(1, 4) TILE(2, 4) TILE(3, 4) TILE(4, 4) TILE(5, 4) TILE(6, 4)
#endif
};
#undef TILE

/* Indexed by the rows of a product: panels that one tile covers, and the tile function. */
static const size_t group_of[] = {1, GROUP_1, GROUP_2, GROUP_3, GROUP_4};
static tile_function *const group_tile[] = {
    NULL,
    JOIN(JOIN(tile_1x, PANEL_VECTORS), JOIN(x, GROUP_1)),
    JOIN(JOIN(tile_2x, PANEL_VECTORS), JOIN(x, GROUP_2)),
    JOIN(JOIN(tile_3x, PANEL_VECTORS), JOIN(x, GROUP_3)),
    JOIN(JOIN(tile_4x, PANEL_VECTORS), JOIN(x, GROUP_4)),
};

/* Multiplies all rows by one panel, or by a part of its depth. Each tile also prefetches its share of `next`, the
   weights that are read afterwards. */
static void multiply_panel(const struct kernel_product *p, size_t filter, size_t columns, const float *w,
                           const float *next, struct parted *parted)
{
    static const size_t limits[] = {TALL_ROWS, TILE_ROWS_2, TILE_ROWS_3, TILE_ROWS};
    size_t registers = (columns + VECTOR - 1) / VECTOR, depth = p->taps * p->channels;
    /* Balanced heights: 49 rows in tiles of at most 6 are 4 of 6 and 5 of 5, not 8 of 6 and a slow one of 1. */
    size_t limit = limits[registers - 1];
    size_t count = (p->rows + limit - 1) / limit;
    size_t height = p->rows / count, higher = p->rows % count;
    /* Each turn of four steps prefetches one line, to leave the loads their way, or two lines where tiles are few. */
    size_t wanted = (4 * registers * VECTOR / LINE + count - 1) / count,
           lines = wanted < AHEAD_LINES ? wanted : AHEAD_LINES;
    size_t share = depth / 4 * LINE, second = lines > 1 ? share : 0;
    for (size_t tile = 0, row = 0; tile < count; tile++) {
        size_t rows = height + (tile < higher);
        const float *ahead = next + tile * lines * share;
        if (count <= 2 && tile == 0) {
            ahead = NULL;
        } else if (next == w || tile * lines * LINE >= 4 * registers * VECTOR) {
            ahead = w; /* all of `next` has been prefetched: harmless prefetches of this panel */
        }
        tiles[registers - 1][rows - 1](p, row, filter, columns, w, depth * PANEL, ahead, second, parted);
        row += rows;
    }
}

/* Multiplies by one panel in parts of its depth: along the taps, or along the channels if there is only one tap. */
static void multiply_parts(const struct kernel_product *p, size_t filter, size_t columns, const float *w,
                           const float *next)
{
    struct parted parted;
    parted.begins = true;
    size_t width = (columns + VECTOR - 1) / VECTOR * VECTOR, depth = PART_FLOATS / width / 4 * 4;
    size_t taps = p->taps == 1 || depth < p->channels ? 1 : depth / p->channels;
    size_t channels = p->taps > 1 ? p->channels : depth;
    for (size_t tap = 0; tap < p->taps; tap += taps) {
        for (size_t channel = 0; channel < p->channels; channel += channels) {
            struct kernel_product part = *p;
            part.taps = p->taps - tap < taps ? p->taps - tap : taps;
            part.channels = p->channels - channel < channels ? p->channels - channel : channels;
            part.x += channel;
            part.offsets = p->offsets ? p->offsets + tap * p->offset_stride : NULL;
            parted.ends = tap + part.taps == p->taps && channel + part.channels == p->channels;
            const float *after = w + part.taps * part.channels * width;
            multiply_panel(&part, filter, columns, w, parted.ends ? next : after, &parted);
            parted.begins = false;
            w = after;
        }
    }
}

static void vector_product(const struct kernel_product *p)
{
    size_t depth = p->taps * p->channels, panel_stride = depth * PANEL, filter = 0;
    const float *w = p->weights;
    if (p->rows <= 4 && group_of[p->rows] > 1) {
        size_t width = group_of[p->rows] * PANEL;
        for (; filter + width <= p->filters; filter += width, w += group_of[p->rows] * panel_stride) {
            group_tile[p->rows](p, 0, filter, width, w, panel_stride, w, 0, NULL);
        }
    }
    for (; filter < p->filters; filter += PANEL, w += panel_stride) {
        size_t left = p->filters - filter, columns = left < PANEL ? left : PANEL;
        const float *next = filter + PANEL < p->filters ? w + panel_stride : p->next ? p->next : w;
        if (p->rows > 2 * TILE_ROWS && p->rows <= PARTED_ROWS && depth * PANEL >= 2 * PART_FLOATS) {
            multiply_parts(p, filter, columns, w, next);
        } else {
            multiply_panel(p, filter, columns, w, next, NULL);
        }
    }
}

#endif
