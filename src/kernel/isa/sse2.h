/* SPDX-License-Identifier: MIT */
/* SSE2, the least that x86-64 has: 16 registers of 4 floats, no fused multiply-add. vector.h includes this. */
#include <emmintrin.h>

#define ISA_LEVEL CPU_SSE2
#define ISA_TABLE kernel_table_sse2
#define ISA_NAME "sse2"
#define ISA_FUSED false
#define VECTOR 4         /* floats in a register */
#define TILE_ROWS 4      /* 4 x 8: 8 accumulators of the 16 registers; wider tiles spill in clang */
#define PANEL_VECTORS 2  /* registers across a panel */
#define TALL_ROWS 8      /* rows where a panel is a single register */
#define GROUP_1 4        /* panels that one tile covers where a product has 1 row, 2, 3 or 4 */
#define GROUP_2 2
#define GROUP_3 1
#define GROUP_4 1
#define AHEAD_LINES 1    /* lines of 64 bytes that a tile prefetches per four multiply-adds of each sum */
#define IMAGE_BLOCK_FILTERS 2 /* images as lanes: filters of a tile of 2 x 2 pixels */
#define IMAGE_PAIR_FILTERS 4 /* of a tile of two pixels */
#define IMAGE_OUTER_COLUMNS 5
#define IMAGE_OUTER_FILTERS 2
#define IMAGE_TILE_FILTERS 2 /* filters of a Winograd tile: times 6 points */

/* vmax and vmin return b where a or b is NaN. */
#define vmax(a, b) ((vf)_mm_max_ps(a, b))
#define vmin(a, b) ((vf)_mm_min_ps(a, b))
#define vsqrt(a) ((vf)_mm_sqrt_ps(a))
#define fused_plus(c, a, b) ((c) + (a) * (b))
#define fused_minus(c, a, b) ((c) - (a) * (b))
#define fused_less(a, b, c) ((a) * (b) - (c))
