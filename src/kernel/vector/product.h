/* SPDX-License-Identifier: MIT */
/* The implicit matrix product: how rows are cut into tiles and which tile serves which panel. The tile itself, where all the
   time goes, is product_tile.h. Loop order: panels, then tiles of rows, so that a panel's weights stay in cache. */
#ifndef KERNEL_VECTOR_PRODUCT_H
#define KERNEL_VECTOR_PRODUCT_H

#include "kernel/vector/map.h"
#include "kernel/vector/repeat.h"

#define PANEL (PANEL_VECTORS * VECTOR)

/* Where weights are read once: so many floats ahead, once per line of 64 bytes. */
enum { WEIGHTS_AHEAD = 256, LINE = 16 };
#define PREFETCH(address, v)            \
    if (v * VECTOR % LINE == 0) {       \
        __builtin_prefetch(address);    \
    }

/* sum += a * b as one instruction that leaves the sum in its register. Compilers left to themselves also write it over
   a factor, and then move and spill: 5 % with the 24 sums of AVX-512. The instruction set's header may have it. */
#ifndef multiply_add
#define multiply_add(sum, a, b) sum += (a) * (b)
#endif

/* REGISTERS_OF_v_p = v * p, as a token that can be pasted */
#define REGISTERS_OF_1_1 1
#define REGISTERS_OF_2_1 2
#define REGISTERS_OF_3_1 3
#define REGISTERS_OF_4_1 4
#define REGISTERS_OF_2_2 4
#define REGISTERS_OF_2_4 8
#define REGISTERS_OF_4_2 8

INLINE float *out_address(const struct kernel_product *p, size_t r)
{
    return p->out + (p->out_offsets ? (size_t)p->out_offsets[r] : r * p->out_stride);
}

/* The commonest ends of a product: a bias perhaps, and no activation, relu or clip, which are limits (or infinite ones).
   Minus infinity comes first in vmax so that a NaN, second, is what it returns. */
INLINE bool ends_plainly(const struct kernel_product *p, vf *low, vf *high)
{
    bool relu = p->activation == UNARY_relu, clip = p->activation == UNARY_clip;
    *low = splat(relu ? 0.0f : clip ? p->alpha : -INFINITY);
    *high = splat(clip ? p->beta : INFINITY);
    return !(p->residual && p->accumulate) && (relu || clip || p->activation == UNARY_identity);
}

/* What else may be done to a sum before it is stored. One addend (what out held, or the residual) and one activation of
   four are done in registers; the rest is done to the row just stored, which is still in cache. */
struct ending {
    const struct kernel_product *p;
    size_t columns;
    vf     low, high; /* limits of relu and clip; infinite if there are none */
    bool   adds, limits, leaks, after;
};

INLINE struct ending make_ending(const struct kernel_product *p, size_t columns)
{
    struct ending end = {.p = p, .columns = columns};
    bool both = p->residual && p->accumulate;
    (void)ends_plainly(p, &end.low, &end.high);
    end.adds = p->residual || p->accumulate;
    end.limits = !both && (p->activation == UNARY_relu || p->activation == UNARY_clip);
    end.leaks = !both && p->activation == UNARY_leaky_relu;
    end.after = both || (p->activation != UNARY_identity && !end.limits && !end.leaks);
    return end;
}

/* The addend of the first kind: with both, the residual comes in end_row. */
INLINE const float *add_address(const struct kernel_product *p, size_t r)
{
    if (p->accumulate) {
        return out_address(p, r);
    }
    return p->residual + (p->out_offsets ? (size_t)p->out_offsets[r] : r * p->residual_stride);
}

INLINE void finish(const struct ending *end, vf value, float *out, const float *add, size_t left)
{
    if (end->adds) {
        value += load_some(add, left);
    }
    if (end->limits) {
        value = vmin(end->high, vmax(end->low, value));
    }
    if (end->leaks) {
        value = choose(value > 0.0f, value, value * end->p->alpha);
    }
    store_some(out, value, left);
}

/* What is left for a row that has been stored: the residual if there were two addends, and other activations. */
static void __attribute__((noinline)) finish_stored_row(const struct ending *end, float *out, size_t row, size_t filter)
{
    const struct kernel_product *p = end->p;
    if (p->residual && p->accumulate) {
        const float *residual = p->residual + filter;
        residual += p->out_offsets ? (size_t)p->out_offsets[row] : row * p->residual_stride;
        EACH_VECTOR(end->columns, store_some(out + i, load_some(out + i, left) + load_some(residual + i, left), left););
    }
    if (p->activation != UNARY_identity) {
        vector_unary[p->activation](end->columns, out, out, p->alpha, p->beta);
    }
}

/* Adds what is to be added to a tile's sums and applies an activation that is none of the four: to all of the tile at once,
   since such a function is a long chain of operations and only many of them side by side keep the processor busy. */
static void __attribute__((noinline)) activate_sums(const struct ending *end, size_t row, size_t rows, size_t filter,
                                                    size_t registers, vf *sums)
{
    const struct kernel_product *p = end->p;
    size_t whole = end->columns / VECTOR, part = end->columns % VECTOR;
    for (size_t r = 0; end->adds && r < rows; r++) {
        const float *add = add_address(p, row + r) + filter;
        for (size_t v = 0; v < registers; v++) {
            sums[r * registers + v] += load_some(add + v * VECTOR, v < whole ? 0 : part);
        }
    }
    float *floats = (float *)(void *)sums;
    vector_unary[p->activation](rows * registers * VECTOR, floats, floats, p->alpha, p->beta);
}

/* Stores a tile's sums [rows][registers] with any ending. One function for all tiles, not part of each: they would be ten
   times as long, and the sums pass through the first-level cache in a few cycles. */
static void __attribute__((noinline)) finish_tile(const struct kernel_product *p, size_t row, size_t rows, size_t filter,
                                                  size_t columns, size_t registers, vf *sums)
{
    struct ending end = make_ending(p, columns);
    size_t whole = columns / VECTOR, part = columns % VECTOR;
    if (end.after && !(p->residual && p->accumulate)) {
        activate_sums(&end, row, rows, filter, registers, sums);
        for (size_t r = 0; r < rows; r++, sums += registers) {
            float *out = out_address(p, row + r) + filter;
            for (size_t v = 0; v < whole; v++) {
                store(out + v * VECTOR, sums[v]);
            }
            if (part) {
                store_first(out + whole * VECTOR, sums[whole], part);
            }
        }
        return;
    }
    for (size_t r = 0; r < rows; r++, sums += registers) {
        float *out = out_address(p, row + r) + filter;
        const float *add = end.adds ? add_address(p, row + r) + filter : out;
        for (size_t v = 0; v < whole; v++) {
            finish(&end, sums[v], out + v * VECTOR, add + v * VECTOR, 0);
        }
        if (part) {
            finish(&end, sums[whole], out + whole * VECTOR, add + whole * VECTOR, part);
        }
        if (end.after) {
            finish_stored_row(&end, out, row + r, filter);
        }
    }
}

/* Every tile that occurs: heights up to TILE_ROWS (TALL_ROWS where a panel is one register) for each width, */
#define TILE_TEMPLATE "kernel/vector/product_tile.h"
#define TILE_LIMIT TALL_ROWS
#define VECTORS 1
#define PANELS 1
#include "kernel/vector/tile_heights.h"
#define TILE_LIMIT TILE_ROWS
#define VECTORS 2
#define PANELS 1
#include "kernel/vector/tile_heights.h"
#if PANEL_VECTORS == 4
#define TILE_LIMIT TILE_ROWS
#define VECTORS 3
#define PANELS 1
#include "kernel/vector/tile_heights.h"
#define TILE_LIMIT TILE_ROWS
#define VECTORS 4
#define PANELS 1
#include "kernel/vector/tile_heights.h"
#endif
/* and several panels at once where rows are so few that one panel's chains would wait for each other. */
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
                           size_t panel_stride, const float *ahead);

/* [registers of the panel - 1][height - 1] */
#define TILE(r, v) [v - 1][r - 1] = tile_##r##x##v##x1,
static tile_function *const tiles[PANEL_VECTORS][TALL_ROWS] = {
    TILE(1, 1) TILE(2, 1) TILE(3, 1) TILE(4, 1) TILE(5, 1) TILE(6, 1) TILE(7, 1) TILE(8, 1)
    TILE(1, 2) TILE(2, 2) TILE(3, 2) TILE(4, 2)
#if TALL_ROWS >= 12
    TILE(9, 1) TILE(10, 1) TILE(11, 1) TILE(12, 1)
#endif
#if TILE_ROWS >= 6
    TILE(5, 2) TILE(6, 2)
#endif
#if TILE_ROWS >= 12
    TILE(7, 2) TILE(8, 2) TILE(9, 2) TILE(10, 2) TILE(11, 2) TILE(12, 2)
#endif
#if PANEL_VECTORS == 4
    TILE(1, 3) TILE(2, 3) TILE(3, 3) TILE(4, 3) TILE(5, 3) TILE(6, 3)
    TILE(1, 4) TILE(2, 4) TILE(3, 4) TILE(4, 4) TILE(5, 4) TILE(6, 4)
#endif
};
#undef TILE

/* Panels taken together by a tile of so many rows. */
static const size_t group_of[] = {1, GROUP_1, GROUP_2, GROUP_3, GROUP_4};
static tile_function *const group_tile[] = {
    NULL,
    JOIN(JOIN(tile_1x, PANEL_VECTORS), JOIN(x, GROUP_1)),
    JOIN(JOIN(tile_2x, PANEL_VECTORS), JOIN(x, GROUP_2)),
    JOIN(JOIN(tile_3x, PANEL_VECTORS), JOIN(x, GROUP_3)),
    JOIN(JOIN(tile_4x, PANEL_VECTORS), JOIN(x, GROUP_4)),
};

static void vector_product(const struct kernel_product *p)
{
    size_t depth = p->taps * p->channels, panel_stride = depth * PANEL, filter = 0;
    const float *w = p->weights;
    if (p->rows <= 4 && group_of[p->rows] > 1) {
        size_t width = group_of[p->rows] * PANEL;
        for (; filter + width <= p->filters; filter += width, w += group_of[p->rows] * panel_stride) {
            group_tile[p->rows](p, 0, filter, width, w, panel_stride, w);
        }
    }
    for (; filter < p->filters; filter += PANEL, w += panel_stride) {
        size_t left = p->filters - filter, columns = left < PANEL ? left : PANEL;
        size_t registers = (columns + VECTOR - 1) / VECTOR;
        /* Balanced heights: 49 rows in tiles of at most 6 are 4 of 6 and 5 of 5, not 8 of 6 and a slow one of 1. */
        size_t limit = registers == 1 ? TALL_ROWS : TILE_ROWS;
        size_t count = (p->rows + limit - 1) / limit;
        size_t height = p->rows / count, higher = p->rows % count;
        /* Meanwhile the next panel is brought nearer, a part by each tile; in the first panel, the next tile's rows. */
        bool rows_ahead = filter == 0 && !p->offsets && count >= 8;
        const float *next = filter + PANEL < p->filters ? w + panel_stride : p->next ? p->next : w;
        size_t part = next == w ? 0 : depth / 4 * AHEAD_LINES * LINE;
        for (size_t tile = 0, row = 0; tile < count; tile++) {
            size_t rows = height + (tile < higher);
            const float *ahead = next + tile * part;
            if (rows_ahead) {
                ahead = p->x + (row + rows) * p->x_stride;
            } else if (count <= 2 && tile == 0) {
                ahead = NULL;
            } else if (tile * AHEAD_LINES * LINE >= 4 * registers * VECTOR) {
                ahead = w; /* the whole panel is on its way */
            }
            tiles[registers - 1][rows - 1](p, row, filter, columns, w, panel_stride, ahead);
            row += rows;
        }
    }
}

#endif
