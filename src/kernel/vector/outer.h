/* SPDX-License-Identifier: MIT */
/* Outer products for weight gradients: which tile function serves how many channels and filters. The tile is
   outer_tile.h; the rows it reads are packed (pack.h), because channels-last rows with power-of-two strides would
   compete for the same cache sets. */
#ifndef KERNEL_VECTOR_OUTER_H
#define KERNEL_VECTOR_OUTER_H

#include "kernel/reference/reference.h"
#include "kernel/vector/vector.h"

#define TILE_TEMPLATE "kernel/vector/outer_tile.h"
#define TILE_LIMIT TILE_ROWS
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
#undef TILE_TEMPLATE

/* [registers of the panel - 1][channels - 1] */
#define WIDTHS(r) [0][r - 1] = outer_##r##x1, [1][r - 1] = outer_##r##x2,
#define WIDER(r) [2][r - 1] = outer_##r##x3, [3][r - 1] = outer_##r##x4,
static void (*const outer_tiles[PANEL_VECTORS][TILE_ROWS])(const struct kernel_outer *) = {
    WIDTHS(1) WIDTHS(2) WIDTHS(3) WIDTHS(4)
#if TILE_ROWS >= 6
    WIDTHS(5) WIDTHS(6)
#endif
#if TILE_ROWS >= 12
    WIDTHS(7) WIDTHS(8) WIDTHS(9) WIDTHS(10) WIDTHS(11) WIDTHS(12)
#endif
#if PANEL_VECTORS == 4
    WIDER(1) WIDER(2) WIDER(3) WIDER(4) WIDER(5) WIDER(6)
#endif
};
#undef WIDTHS
#undef WIDER

static void vector_outer(const struct kernel_outer *o)
{
    outer_tiles[o->width / VECTOR - 1][o->channels - 1](o);
}

/* Unpacked rows pay only on bfloat16 tiles (tiles.c); in registers packed rows are faster. The workspace of 0 floats
   tells callers to use `outer`; the function below is there for completeness. */
static size_t vector_outer_rows_workspace(size_t channels, size_t filters)
{
    (void)channels;
    (void)filters;
    return 0;
}

static void vector_outer_rows(const struct kernel_outer_rows *o)
{
    reference_outer_rows(o);
}

#endif
