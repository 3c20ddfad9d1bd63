/* SPDX-License-Identifier: MIT */
/* Float products on tiles of bfloat16. A bfloat16 is the upper half of a float, so a float is exactly the sum of three
   bfloat16 terms: the one nearest to it, the one nearest to the remainder, and the remainder of that. Of the nine
   products of two such sums the six largest are computed; the dropped ones are at most 2^-23 of the product
   (docs/numerics.md). Tiles do sixteen times as many multiply-adds per cycle as a vector register, so six products are
   still faster than one: up to 1.6 times as measured, all splitting included. Infinities and numbers beyond 2^127 give
   NaN. (Henry, Tang & Heinecke, Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision
   Computations, 2019.) This file splits numbers into terms and multiplies tiles; bf16x3_product.h and outer_rows.h,
   to be read next, build kernels on it. */
#ifndef KERNEL_VECTOR_BF16X3_H
#define KERNEL_VECTOR_BF16X3_H

#include "kernel/vector/vector.h"

enum {
    TERMS = 3,
    TILE_HEIGHT = 16,      /* rows of a tile */
    TILE_WIDTH = 16,       /* columns of a tile of sums */
    STEP = 32,             /* depth of a step: bfloat16 in a row of a tile of factors */
    TILE_HALVES = 16 * 32, /* bfloat16 in a tile of factors */
    STEP_HALVES = TERMS * TILE_HALVES,
    TURNS = 6,             /* products of terms in a step; after each, `meanwhile` is called */
    BLOCK_FLOATS = 2 * TILE_HEIGHT * 2 * TILE_WIDTH, /* sums of a block */
    STEPS_TOGETHER = 4     /* steps between loading and storing the sums: after more, storing holds up what follows */
};

/* A barrier before tiles are loaded: the compiler does not know what those loads read, and would move stores past
   them. */
#define MEMORY_IS_READ __asm__ volatile("" : : : "memory")

INLINE size_t smaller_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

INLINE size_t rounded_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* ---- floats to terms -------------------------------------------------------------------------------------------- */

/* The nearest float whose lower 16 bits are zero; ties go away from zero. */
INLINE vf upper_term(vf x)
{
    return (vf)(((vu)x + 0x8000) & 0xffff0000);
}

/* Splits two registers into 16 pairs of bfloat16 for each term; the terms are TILE_HALVES apart. The tile instruction
   wants the second factor so: pairs of two rows of weights, one pair per column. Which two numbers of a step form a
   pair is free if both factors agree: number i of a step is paired with number i + 16. */
INLINE void split_pair(vf first, vf second, uint16_t *terms)
{
    UNROLL_CONSTANT
    for (size_t term = 0; term < TERMS; term++, terms += TILE_HALVES) {
        vf first_term = term + 1 < TERMS ? upper_term(first) : first;
        vf second_term = term + 1 < TERMS ? upper_term(second) : second;
        *(vu *)(void *)terms = (vu)first_term >> 16 | ((vu)second_term & 0xffff0000);
        first -= first_term;
        second -= second_term;
    }
}

/* Splits `depth` numbers of a row, a multiple of STEP; the terms of successive steps are STEP_HALVES apart. */
static void split_row(const float *x, size_t depth, uint16_t *terms)
{
    for (size_t k = 0; k < depth; k += STEP, terms += STEP_HALVES) {
        split_pair(load(x + k), load(x + k + VECTOR), terms);
    }
}

/* ---- products of tiles ------------------------------------------------------------------------------------------ */

/* Configuration of the tile registers: 0 to 3 hold sums, 4 and 5 the first factor, 6 and 7 the second. */
struct __attribute__((packed)) tile_shapes {
    uint8_t  palette, first_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t  rows[16];
};

INLINE void shape_tiles(size_t height)
{
    struct tile_shapes shapes = {.palette = 1};
    for (size_t i = 0; i < 8; i++) {
        shapes.row_bytes[i] = 64;
        shapes.rows[i] = (uint8_t)(i < 6 ? height : TILE_HEIGHT);
    }
    __asm__ volatile("" : : "r"(&shapes) : "memory"); /* makes the compiler store shapes before they are loaded */
    _tile_loadconfig(&shapes);
}

/* A product that makes a block of up to 2 x 2 tiles of sums. */
struct tile_block {
    size_t          steps;          /* depth in steps */
    const uint16_t *x, *w;          /* [steps][terms][tile] */
    size_t          next_x, next_w; /* bfloat16 from the first tile of x and w to the second */
    float          *sums;           /* [rows][stride]; a tile has `height` rows */
    size_t          stride, height;
    bool            begins;         /* the sums begin at zero, not at what `sums` holds */
};

/* Other work (endings, splitting) that is done while the tile unit is busy: a little after every four tile products.
   How much of it is hidden varies, since tiles and wide vector operations share a port, and the terms use the same
   caches. */
typedef void tile_meanwhile(void *context);

/* The six products of terms in each of the steps [first, end), in an order that loads each tile of factors as seldom
   as eight tile registers allow. */
INLINE void multiply_steps(const struct tile_block *b, size_t first, size_t end, bool two_rows, bool two_columns,
                           tile_meanwhile *meanwhile, void *context)
{
#define LOAD_X(term)                                              \
    _tile_loadd(4, x + (term) * TILE_HALVES, 64);                 \
    if (two_rows) {                                               \
        _tile_loadd(5, x + b->next_x + (term) * TILE_HALVES, 64); \
    }
#define LOAD_W(term)                                              \
    _tile_loadd(6, w + (term) * TILE_HALVES, 64);                 \
    if (two_columns) {                                            \
        _tile_loadd(7, w + b->next_w + (term) * TILE_HALVES, 64); \
    }
#define MULTIPLY_TILES                                             \
    _tile_dpbf16ps(0, 4, 6);                                       \
    if (two_columns) {                                             \
        _tile_dpbf16ps(1, 4, 7);                                   \
    }                                                              \
    if (two_rows) {                                                \
        _tile_dpbf16ps(2, 5, 6);                                   \
    }                                                              \
    if (two_rows && two_columns) {                                 \
        _tile_dpbf16ps(3, 5, 7);                                   \
    }                                                              \
    if (meanwhile) {                                               \
        meanwhile(context);                                        \
    }
    const uint16_t *x = b->x + first * STEP_HALVES, *w = b->w + first * STEP_HALVES;
    for (size_t step = first; step < end; step++, x += STEP_HALVES, w += STEP_HALVES) {
        LOAD_X(0)
        LOAD_W(0)
        MULTIPLY_TILES
        LOAD_W(2)
        MULTIPLY_TILES
        LOAD_W(1)
        MULTIPLY_TILES
        LOAD_X(1)
        MULTIPLY_TILES
        LOAD_W(0)
        MULTIPLY_TILES
        LOAD_X(2)
        MULTIPLY_TILES
    }
#undef LOAD_X
#undef LOAD_W
#undef MULTIPLY_TILES
}

INLINE void multiply_tiles(const struct tile_block *b, bool two_rows, bool two_columns,
                           tile_meanwhile *meanwhile, void *context)
{
#define EACH_SUM(M)                \
    M(0, b->sums)                  \
    if (two_columns) {             \
        M(1, b->sums + TILE_WIDTH) \
    }                              \
    if (two_rows) {                \
        M(2, below)                \
    }                              \
    if (two_rows && two_columns) { \
        M(3, below + TILE_WIDTH)   \
    }
#define LOAD_SUM(tile, sum) _tile_loadd(tile, sum, bytes);
#define STORE_SUM(tile, sum) _tile_stored(tile, sum, bytes);
    size_t bytes = b->stride * sizeof(float);
    float *below = b->sums + b->height * b->stride;
    if (b->begins) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        EACH_SUM(LOAD_SUM)
    }
    MEMORY_IS_READ;
    multiply_steps(b, 0, smaller_of(b->steps, STEPS_TOGETHER), two_rows, two_columns, meanwhile, context);
    EACH_SUM(STORE_SUM)
    for (size_t step = STEPS_TOGETHER; step < b->steps; step += STEPS_TOGETHER) {
        EACH_SUM(LOAD_SUM)
        multiply_steps(b, step, smaller_of(b->steps, step + STEPS_TOGETHER), two_rows, two_columns, meanwhile, context);
        EACH_SUM(STORE_SUM)
    }
#undef EACH_SUM
#undef LOAD_SUM
#undef STORE_SUM
}

/* Tile instructions need constant register numbers: so one copy of the loop for each shape of block. */
INLINE void multiply_any(const struct tile_block *b, bool two_rows, bool two_columns,
                         tile_meanwhile *meanwhile, void *context)
{
    if (two_rows && two_columns) {
        multiply_tiles(b, true, true, meanwhile, context);
    } else if (two_rows) {
        multiply_tiles(b, true, false, meanwhile, context);
    } else {
        multiply_tiles(b, false, two_columns, meanwhile, context);
    }
}

#endif
