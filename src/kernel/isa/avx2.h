/* SPDX-License-Identifier: MIT */
/* AVX2 with FMA: 16 registers of 8 floats. vector.h includes this. */
#include <immintrin.h>

#define ISA_LEVEL CPU_AVX2
#define ISA_TABLE kernel_table_avx2
#define ISA_NAME "avx2"
#define ISA_FUSED true
#define VECTOR 8
#define TILE_ROWS 6      /* 6 x 16: 12 accumulators + 2 of weights + 1 broadcast; 7 rows spill */
#define PANEL_VECTORS 2
#define TALL_ROWS 12
#define GROUP_1 4
#define GROUP_2 2
#define GROUP_3 2
#define GROUP_4 1
#define AHEAD_LINES 1
#define IMAGE_BLOCK_FILTERS 3 /* images as lanes: filters of a tile of 2 x 2 pixels */
#define IMAGE_PAIR_FILTERS 6 /* of a tile of two pixels */
#define IMAGE_OUTER_COLUMNS 5
#define IMAGE_OUTER_FILTERS 2
#define IMAGE_TILE_FILTERS 2 /* filters of a Winograd tile: times 6 points */

#define vmax(a, b) ((vf)_mm256_max_ps(a, b))
#define vmin(a, b) ((vf)_mm256_min_ps(a, b))
#define vsqrt(a) ((vf)_mm256_sqrt_ps(a))
#define fused_plus(c, a, b) ((vf)_mm256_fmadd_ps(a, b, c))
#define fused_minus(c, a, b) ((vf)_mm256_fnmadd_ps(a, b, c))
#define fused_plus_double(c, a, b) _mm256_fmadd_pd(a, b, c) /* half a vd */
#define fused_less(a, b, c) ((vf)_mm256_fmsub_ps(a, b, c))
#define multiply_add(sum, a, b) __asm__("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b))
