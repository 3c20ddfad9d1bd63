/* SPDX-License-Identifier: MIT */
/* Float products on tiles of bfloat16. A bfloat16 is the upper half of a float, so a float is exactly the sum of three: the
   nearest to it, the nearest to what is left, and the rest. Of the nine products of two such sums the six largest are taken;
   what is dropped is at most 2^-23 of the product (docs/numerics.md). Tiles do sixteen times the multiply-adds of a register
   a cycle, so six products are still twice as fast as one. Not for numbers beyond 2^127 or infinite ones: they give NaN.
   (Henry, Tang & Heinecke, Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision Computations, 2019.)
   Read product.h for what a product is; next: product.h, which calls multiply_pieces. */
#ifndef KERNEL_VECTOR_PIECES_H
#define KERNEL_VECTOR_PIECES_H

#include "kernel/vector/product_end.h"

enum {
    PIECES = 3,
    TILE_HEIGHT = 16,             /* rows of a tile */
    TILE_WIDTH = 16,              /* columns of a tile of sums */
    STEP = 32,                    /* of the depth: a row of a tile of factors */
    TILE_HALVES = 16 * 32,        /* bfloat16 in a tile of factors */
    STEP_HALVES = PIECES * TILE_HALVES,
    STEPS_TOGETHER = 4,           /* between loading the sums and storing them: after more, storing holds up what follows */
    ROWS_TOGETHER = 256,          /* whose pieces stay in the second-level cache, */
    DEPTH_TOGETHER = 256,         /* so much of them at a time, */
    FILTERS_TOGETHER = 256        /* and the sums of so many filters */
};

INLINE size_t smaller_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

INLINE size_t rounded_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* ---- floats to pieces ------------------------------------------------------------------------------------------- */

/* The nearest number whose lower half is zero; ties go away from zero. */
INLINE vf upper_piece(vf x)
{
    return (vf)(((vu)x + 0x8000) & 0xffff0000);
}

/* 32 floats to 32 bfloat16 of each piece, TILE_HALVES apart. */
INLINE void split_step(vf low, vf high, uint16_t *pieces)
{
    static const uint16_t odd[32] = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
                                     33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
    __m512i order = _mm512_loadu_si512(odd);
    UNROLL_CONSTANT
    for (size_t piece = 0; piece < PIECES; piece++, pieces += TILE_HALVES) {
        vf low_piece = piece + 1 < PIECES ? upper_piece(low) : low; /* the rest has no more than eight bits */
        vf high_piece = piece + 1 < PIECES ? upper_piece(high) : high;
        _mm512_store_si512(pieces, upper_halves(low_piece, high_piece, order));
        low -= low_piece;
        high -= high_piece;
    }
}

/* A row's part of the depth, whole steps; STEP_HALVES from step to step. */
static void split_row(const float *x, size_t depth, uint16_t *pieces)
{
    for (size_t k = 0; k < depth; k += STEP, pieces += STEP_HALVES) {
        split_step(load(x + k), load(x + k + VECTOR), pieces);
    }
}

/* Two rows of weights, side by side in each column, as the second factor wants them. `second` may be NULL: zeros. */
INLINE void split_pair(vf first, vf second, uint16_t *pieces)
{
    UNROLL_CONSTANT
    for (size_t piece = 0; piece < PIECES; piece++, pieces += TILE_HALVES) {
        vf first_piece = piece + 1 < PIECES ? upper_piece(first) : first;
        vf second_piece = piece + 1 < PIECES ? upper_piece(second) : second;
        *(vu *)(void *)pieces = (vu)first_piece >> 16 | ((vu)second_piece & 0xffff0000);
        first -= first_piece;
        second -= second_piece;
    }
}

/* ---- products of tiles ------------------------------------------------------------------------------------------ */

/* Which tile register is what: four of sums, two of each factor. */
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
    /* gcc thinks that tile instructions read less than they do, or nothing: all that was written before must be there now. */
    __asm__ volatile("" : : "r"(&shapes) : "memory");
    _tile_loadconfig(&shapes);
}

/* A block of up to 2 x 2 tiles of sums. */
struct tile_block {
    size_t          steps;          /* of the depth */
    const uint16_t *x, *w;          /* [steps][pieces][tile] */
    size_t          next_x, next_w; /* bfloat16 to the second tile of each */
    float          *sums;           /* [rows][stride]; a tile is `height` rows */
    size_t          stride, height;
    bool            begins;         /* from zero, not from what sums hold */
};

/* What is to be done with the block before, once the tiles have work: whoever waits for sums to come out of them keeps them
   waiting. rows 0: nothing. */
struct tile_ending {
    const struct kernel_product *p;
    size_t row, rows, filter, columns, registers;
    vf    *sums;
};

INLINE void end_block(const struct tile_ending *end)
{
    if (end->rows > 0) {
        finish_tile(end->p, end->row, end->rows, end->filter, end->columns, end->registers, end->sums);
    }
}

/* What else may be done while the tiles are busy, little by little: they leave the registers three quarters of their time. */
typedef void tile_meanwhile(void *context);

/* The six products of each step: every tile of factors is loaded as seldom as eight registers allow. */
INLINE void multiply_steps(const struct tile_block *b, size_t first, size_t end, bool two_rows, bool two_columns,
                           tile_meanwhile *meanwhile, void *context)
{
#define LOAD_X(piece)                                              \
    _tile_loadd(4, x + (piece) * TILE_HALVES, 64);                 \
    if (two_rows) {                                                \
        _tile_loadd(5, x + b->next_x + (piece) * TILE_HALVES, 64); \
    }
#define LOAD_W(piece)                                              \
    _tile_loadd(6, w + (piece) * TILE_HALVES, 64);                 \
    if (two_columns) {                                             \
        _tile_loadd(7, w + b->next_w + (piece) * TILE_HALVES, 64); \
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
    }
    const uint16_t *x = b->x + first * STEP_HALVES, *w = b->w + first * STEP_HALVES;
    for (size_t step = first; step < end; step++, x += STEP_HALVES, w += STEP_HALVES) {
        LOAD_X(0)
        LOAD_W(0)
        MULTIPLY_TILES
        if (meanwhile) {
            meanwhile(context);
        }
        LOAD_W(2)
        MULTIPLY_TILES
        if (meanwhile) {
            meanwhile(context);
        }
        LOAD_W(1)
        MULTIPLY_TILES
        if (meanwhile) {
            meanwhile(context);
        }
        LOAD_X(1)
        MULTIPLY_TILES
        if (meanwhile) {
            meanwhile(context);
        }
        LOAD_W(0)
        MULTIPLY_TILES
        if (meanwhile) {
            meanwhile(context);
        }
        LOAD_X(2)
        MULTIPLY_TILES
        if (meanwhile) {
            meanwhile(context);
        }
    }
#undef LOAD_X
#undef LOAD_W
#undef MULTIPLY_TILES
}

INLINE void multiply_tiles(const struct tile_block *b, const struct tile_ending *before, bool two_rows, bool two_columns,
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
    multiply_steps(b, 0, 1, two_rows, two_columns, meanwhile, context);
    if (before) {
        end_block(before);
    }
    multiply_steps(b, 1, smaller_of(b->steps, STEPS_TOGETHER), two_rows, two_columns, meanwhile, context);
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

/* The cases in which tiles have constant numbers. */
INLINE void multiply_any(const struct tile_block *b, const struct tile_ending *before, bool two_rows, bool two_columns,
                         tile_meanwhile *meanwhile, void *context)
{
    if (two_rows && two_columns) {
        multiply_tiles(b, before, true, true, meanwhile, context);
    } else if (two_rows) {
        multiply_tiles(b, before, true, false, meanwhile, context);
    } else {
        multiply_tiles(b, before, false, two_columns, meanwhile, context);
    }
}

static void multiply_block(const struct tile_block *b, const struct tile_ending *before, bool two_rows, bool two_columns)
{
    multiply_any(b, before, two_rows, two_columns, NULL, NULL);
}

/* ---- the implicit product --------------------------------------------------------------------------------------- */

/* The depth in equal parts of at most DEPTH_TOGETHER, whole steps. Sums depend on it: so on the depth alone. */
INLINE size_t part_of_depth(size_t depth)
{
    size_t parts = (depth + DEPTH_TOGETHER - 1) / DEPTH_TOGETHER;
    return rounded_up((depth + parts - 1) / parts, STEP);
}

/* Floats of the room: pieces of rows, pieces of a panel, sums. */
struct pieces_room {
    size_t x, w, sums;
};

INLINE struct pieces_room pieces_room(size_t rows, size_t filters, size_t depth)
{
    size_t part = part_of_depth(depth), height = rounded_up(smaller_of(rows, ROWS_TOGETHER), 2 * TILE_HEIGHT);
    return (struct pieces_room){
        .x = height * part * PIECES / 2,
        .w = PANEL * part * PIECES / 2,
        .sums = height * rounded_up(smaller_of(filters, FILTERS_TOGETHER), PANEL),
    };
}

/* From where the pieces pay: rows that fill tiles and share the splitting of weights, filters that share that of rows. */
static size_t vector_product_room(size_t rows, size_t filters, size_t depth)
{
    if (rows < 24 || filters < 16 || depth < 32) {
        return 0;
    }
    struct pieces_room room = pieces_room(rows, filters, depth);
    return room.x + room.w + room.sums + 16; /* 16: to begin on a line of the cache */
}

/* What a group of rows is multiplied with. */
struct pieces {
    const struct kernel_product *p;
    size_t    row, rows, height; /* the group's first, its number, and rows in each of its tiles */
    size_t    begin, end, steps; /* of the depth */
    uint16_t *x, *w;
    float    *sums;              /* [pairs of columns][rows][2 tiles]; or two blocks where the depth is one part */
    bool      whole;             /* the depth is one part */
};

/* Splits a row's part of the depth, which may begin and end within a tap. */
static void split_product_row(const struct pieces *s, size_t row, uint16_t *to)
{
    const struct kernel_product *p = s->p;
    _Alignas(64) float line[DEPTH_TOGETHER];
    size_t filled = 0;
    for (size_t k = s->begin, run; k < s->end; k += run) {
        size_t tap = p->taps > 1 ? k / p->channels : 0, channel = k - tap * p->channels;
        run = smaller_of(p->channels - channel, s->end - k);
        const float *x = p->x + row * p->x_stride;
        if (p->offsets) {
            int32_t offset = p->offsets[tap * p->offset_stride + row];
            x = offset < 0 ? p->zeros : p->x + offset;
        }
        x += channel;
        if (filled == 0 && run % STEP == 0) {
            split_row(x, run, to);
            to += run / STEP * STEP_HALVES;
            continue;
        }
        memcpy(line + filled, x, run * sizeof *x);
        filled += run;
    }
    if (filled > 0) {
        size_t padded = rounded_up(filled, STEP);
        memset(line + filled, 0, (padded - filled) * sizeof *line);
        split_row(line, padded, to);
    }
}

static void split_product_rows(const struct pieces *s)
{
    for (size_t r = 0; r < s->rows; r++) {
        uint16_t *tile = s->x + r / s->height * s->steps * STEP_HALVES;
        split_product_row(s, s->row + r, tile + r % s->height * STEP);
    }
}

/* A panel's part of the depth: [tiles of columns][steps][pieces][tile]. */
static void split_panel(const struct pieces *s, const float *panel, size_t width)
{
    size_t tiles = width / TILE_WIDTH;
    for (size_t k = 0; k < s->steps * STEP; k += 2) {
        const float *first = panel + (s->begin + k) * width;
        uint16_t *to = s->w + k / STEP * STEP_HALVES + k % STEP * TILE_WIDTH;
        size_t left = s->end - s->begin > k ? s->end - s->begin - k : 0;
        for (size_t tile = 0; tile < tiles; tile++, first += TILE_WIDTH, to += s->steps * STEP_HALVES) {
            split_pair(left > 0 ? load(first) : splat(0), left > 1 ? load(first + width) : splat(0), to);
        }
    }
}

/* Sums start from the bias. */
static void begin_sums(const float *bias, size_t columns, size_t rows, size_t stride, float *sums)
{
    for (size_t c = 0; c < stride; c++) {
        sums[c] = c < columns ? bias[c] : 0.0f;
    }
    for (size_t r = 1; r < rows; r++) {
        memcpy(sums + r * stride, sums, stride * sizeof *sums);
    }
}

/* All rows of the group, two tiles of columns at most. Sums that need no ending go straight to where they belong. */
static void multiply_columns(const struct pieces *s, const uint16_t *w, size_t filter, size_t columns, float *sums)
{
    const struct kernel_product *p = s->p;
    bool two_columns = columns > TILE_WIDTH, begins = s->begin == 0, ends = s->end == p->taps * p->channels;
    size_t tile = s->steps * STEP_HALVES, stride = two_columns ? 2 * TILE_WIDTH : TILE_WIDTH, together = 2 * s->height;
    bool plain = !p->bias && !p->residual && !p->accumulate && !p->out_offsets && p->activation == UNARY_identity;
    struct tile_block block = {.steps = s->steps, .x = s->x, .w = w, .next_x = tile, .next_w = tile,
                               .height = s->height, .begins = begins && !p->bias};
    struct tile_ending before = {.p = p, .filter = filter, .columns = columns, .registers = stride / VECTOR};
    for (size_t row = 0; row < s->rows; row += together, block.x += 2 * tile) {
        size_t rows = smaller_of(together, s->rows - row);
        bool straight = plain && columns == stride && (rows == together || rows == s->height);
        block.sums = straight ? p->out + (s->row + row) * p->out_stride + filter
                              : sums + (s->whole ? row / together % 2 * together : row) * stride;
        block.stride = straight ? p->out_stride : stride;
        if (begins && p->bias) {
            begin_sums(p->bias + filter, columns, together, stride, block.sums);
        }
        multiply_block(&block, &before, row + s->height < s->rows, two_columns);
        before.row = s->row + row;
        before.rows = ends && !straight ? rows : 0;
        before.sums = (vf *)(void *)block.sums;
    }
    end_block(&before);
}

static void multiply_filters(const struct pieces *s, size_t filter, size_t filters)
{
    const struct kernel_product *p = s->p;
    size_t depth = p->taps * p->channels, group = rounded_up(s->rows, 2 * s->height);
    float *sums = s->sums;
    for (size_t end = filter + filters; filter < end; filter += PANEL) {
        size_t width = smaller_of(PANEL, rounded_up(p->filters - filter, VECTOR));
        split_panel(s, p->weights + filter * depth, width);
        for (size_t at = 0; at < width; at += 2 * TILE_WIDTH) {
            size_t columns = smaller_of(2 * TILE_WIDTH, p->filters - filter - at);
            multiply_columns(s, s->w + at / TILE_WIDTH * s->steps * STEP_HALVES, filter + at, columns, sums);
            sums += s->whole ? 0 : group * 2 * TILE_WIDTH;
        }
    }
}

/* Groups of rows, of filters, parts of the depth: the pieces of a group of rows stay near while panels pass. */
static void multiply_pieces(const struct kernel_product *p)
{
    size_t depth = p->taps * p->channels, part = part_of_depth(depth);
    size_t groups = (p->rows + ROWS_TOGETHER - 1) / ROWS_TOGETHER;
    size_t together = rounded_up((p->rows + groups - 1) / groups, 2 * TILE_HEIGHT);
    struct pieces_room room = pieces_room(together, p->filters, depth);
    float *begin = p->room + (16 - (uintptr_t)p->room / sizeof(float) % 16) % 16;
    struct pieces s = {.p = p, .whole = part >= depth, .x = (uint16_t *)(void *)begin,
                       .w = (uint16_t *)(void *)(begin + room.x), .sums = begin + room.x + room.w};
    for (s.row = 0; s.row < p->rows; s.row += together) {
        s.rows = smaller_of(together, p->rows - s.row);
        size_t tiles = (s.rows + TILE_HEIGHT - 1) / TILE_HEIGHT;
        s.height = (s.rows + tiles - 1) / tiles;
        shape_tiles(s.height);
        for (size_t filter = 0; filter < p->filters; filter += FILTERS_TOGETHER) {
            for (s.begin = 0; s.begin < depth; s.begin += part) {
                s.end = smaller_of(s.begin + part, depth);
                s.steps = (s.end - s.begin + STEP - 1) / STEP;
                if (filter == 0 || !s.whole) {
                    split_product_rows(&s);
                }
                multiply_filters(&s, filter, smaller_of(FILTERS_TOGETHER, p->filters - filter));
            }
        }
    }
    _tile_release();
}

#endif
