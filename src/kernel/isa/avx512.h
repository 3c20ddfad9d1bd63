/* SPDX-License-Identifier: MIT */
/* AVX-512 (F, VL, DQ, BW): 32 registers of 16 floats. vector.h includes this. */
#include <immintrin.h>

#define ISA_LEVEL CPU_AVX512
#define ISA_TABLE kernel_table_avx512
#define ISA_NAME "avx512"
#define ISA_FUSED true
#define ISA_LENDS(name) avx512_##name /* the name under which tiles.c uses this set's kernels */
#define VECTOR 16
#define TILE_ROWS 6 /* 6 x 64: 24 accumulators + 4 of weights; of all shapes the fewest loads for each multiply-add */
#define PANEL_VECTORS 4
#define TILE_ROWS_2 12   /* tile rows where a panel is two registers wide, and three */
#define TILE_ROWS_3 8
#define TALL_ROWS 12
#define GROUP_1 2
#define GROUP_2 2
#define GROUP_3 1
#define GROUP_4 1
#define AHEAD_LINES 2
#define IMAGE_BLOCK_FILTERS 6 /* images as lanes: filters of a tile of 2 x 2 pixels */
#define IMAGE_PAIR_FILTERS 10 /* of a tile of two pixels */
#define IMAGE_OUTER_COLUMNS 5
#define IMAGE_OUTER_FILTERS 5
#define IMAGE_TILE_FILTERS 4 /* filters of a Winograd tile: times 6 points */

#define vmax(a, b) ((vf)_mm512_max_ps(a, b))
#define vmin(a, b) ((vf)_mm512_min_ps(a, b))
#define vsqrt(a) ((vf)_mm512_sqrt_ps(a))
#define fused_plus(c, a, b) ((vf)_mm512_fmadd_ps(a, b, c))
#define fused_minus(c, a, b) ((vf)_mm512_fnmadd_ps(a, b, c))
#define fused_plus_double(c, a, b) _mm512_fmadd_pd(a, b, c) /* half a vd */
#define fused_less(a, b, c) ((vf)_mm512_fmsub_ps(a, b, c))
/* A division of 16 floats takes as long as twenty multiply-adds. The estimate of 1 / a has 14 bits, and one Newton step
   doubles them: at most 2 ulp, for normal quotients of normal numbers. */
#define ISA_HAS_RECIPROCAL
#define vreciprocal_first(a) ((vf)_mm512_rcp14_ps(a))

/* Part of a register, by mask: lanes outside are neither read nor written. */
#define ISA_HAS_MASKS
#define load_first(p, n) ((vf)_mm512_maskz_loadu_ps((__mmask16)((1u << (n)) - 1), p))
#define store_first(p, v, n) _mm512_mask_storeu_ps(p, (__mmask16)((1u << (n)) - 1), (__m512)(v))
#define load_first_bytes(p, n) ((vb)_mm_maskz_loadu_epi8((__mmask16)((1u << (n)) - 1), p))
#define store_first_bytes(p, v, n) _mm_mask_storeu_epi8(p, (__mmask16)((1u << (n)) - 1), (__m128i)(v))

/* A table of 32 floats in two registers: lane by lane the float that the low five bits of `index` name. */
#define ISA_HAS_LOOKUP
#define lookup(index, low, high) ((vf)_mm512_permutex2var_ps(low, (__m512i)(index), high))

#define ISA_HAS_BYTES
#define widen(v) ((vi)_mm512_cvtepu8_epi32((__m128i)(v)))
#define narrow(v) ((vb)_mm512_cvtepi32_epi8((__m512i)(v)))
#define multiply_add(sum, a, b) __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b))
