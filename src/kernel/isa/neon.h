/* SPDX-License-Identifier: MIT */
/* AArch64 Advanced SIMD: 32 registers of 4 floats. vector.h includes this. */
#include <arm_neon.h>

#define ISA_LEVEL CPU_NEON
#define ISA_TABLE kernel_table_neon
#define ISA_NAME "neon"
#define ISA_FUSED true
#define VECTOR 4
#define TILE_ROWS 6      /* 6 x 16: 24 accumulators + 4 of weights */
#define PANEL_VECTORS 4
#define TALL_ROWS 12
#define GROUP_1 2
#define GROUP_2 2
#define GROUP_3 1
#define GROUP_4 1
#define AHEAD_LINES 2
#define IMAGE_BLOCK_FILTERS 6 /* images as lanes: filters of a tile of 2 x 2 pixels */
#define IMAGE_PAIR_FILTERS 10 /* of a tile of two pixels */
#define IMAGE_OUTER_COLUMNS 5
#define IMAGE_OUTER_FILTERS 4
#define IMAGE_TILE_FILTERS 4 /* filters of a Winograd tile: times 6 points */

/* Where a or b is NaN, x86 returns b, and callers put the value that may be NaN there; NEON returns the NaN itself. */
#define vmax(a, b) ((vf)vmaxq_f32((float32x4_t)(a), (float32x4_t)(b)))
#define vmin(a, b) ((vf)vminq_f32((float32x4_t)(a), (float32x4_t)(b)))
#define multiply_add(sum, a, b) (sum = (vf)vfmaq_f32((float32x4_t)(sum), (float32x4_t)(a), (float32x4_t)(b)))
#define vsqrt(a) ((vf)vsqrtq_f32((float32x4_t)(a)))
#define fused_plus(c, a, b) ((vf)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define fused_minus(c, a, b) ((vf)vfmsq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define fused_plus_double(c, a, b) vfmaq_f64((float64x2_t)(c), (float64x2_t)(a), (float64x2_t)(b)) /* half a vd */
#define fused_less(a, b, c) ((vf)vfmaq_f32((float32x4_t)(-(c)), (float32x4_t)(a), (float32x4_t)(b)))
