/* SPDX-License-Identifier: MIT */
/* The implicit product on bfloat16 tiles: in which order rows and weights are split into bfloat16 terms and
   multiplied, and the ending of the sums. What a product is: kernel.h; terms and tiles: bf16x3.h. tiles.c calls
   multiply_bf16x3 for products that have a workspace. */
#ifndef KERNEL_VECTOR_BF16X3_PRODUCT_H
#define KERNEL_VECTOR_BF16X3_PRODUCT_H

#include "kernel/vector/bf16x3.h"
#include "kernel/vector/product_end.h"

enum {
    ROWS_TOGETHER = 256,   /* rows of a group, whose terms stay in the second-level cache */
    DEPTH_TOGETHER = 256,  /* depth of these terms */
    FILTERS_TOGETHER = 256 /* filters whose sums for the group stay there, too */
};

/* The size of the equal parts, each at most DEPTH_TOGETHER and whole steps, into which the depth is divided. The order
   of summation follows from the parts, so they depend on the depth alone. */
INLINE size_t part_of_depth(size_t depth)
{
    size_t parts = (depth + DEPTH_TOGETHER - 1) / DEPTH_TOGETHER;
    return rounded_up((depth + parts - 1) / parts, STEP);
}

/* The three areas of the workspace, in floats: terms of rows, terms of a panel, sums. */
struct bf16x3_workspace {
    size_t x, w, sums;
};

INLINE struct bf16x3_workspace bf16x3_workspace(size_t rows, size_t filters, size_t depth)
{
    size_t part = part_of_depth(depth), height = rounded_up(smaller_of(rows, ROWS_TOGETHER), 2 * TILE_HEIGHT);
    return (struct bf16x3_workspace){
        .x = height * part * TERMS / 2,
        .w = PANEL * part * TERMS / 2,
        .sums = height * rounded_up(smaller_of(filters, FILTERS_TOGETHER), PANEL),
    };
}

/* Splitting pays from these sizes on: enough rows to fill tiles and share the cost of splitting the weights, and enough
   filters to share the cost of splitting the rows. */
static size_t vector_product_workspace(size_t rows, size_t filters, size_t depth)
{
    if (rows < 96 || filters < 96 || depth < 128) {
        return 0;
    }
    struct bf16x3_workspace workspace = bf16x3_workspace(rows, filters, depth);
    return workspace.x + workspace.w + workspace.sums + 16; /* 16: to align it to a cache line */
}

/* ---- endings ----------------------------------------------------------------------------------------------------- */

/* The previous block, whose ending is done a few rows at a time while the current block is multiplied. That begins with
   the second step: earlier its sums may still be on their way out of the tiles, and waiting for them would stall. */
struct tile_ending {
    const struct kernel_product *p;
    struct ending ending;
    bool   plain;       /* end_plain_rows can do it */
    size_t wait, share; /* turns to wait before the ending begins, and rows to end in each turn after that */
    size_t row, rows, done, filter, registers; /* the block's rows, those done, its filters; rows 0: nothing to end */
    float *sums;
};

INLINE void end_row(const struct tile_ending *e, size_t row)
{
    const struct kernel_product *p = e->p;
    const float *sums = e->sums + row * e->registers * VECTOR, *bias = p->bias ? p->bias + e->filter : NULL;
    float *out = out_address(p, e->row + row) + e->filter;
    const float *add = e->ending.adds ? add_address(p, e->row + row) + e->filter : out;
    EACH_VECTOR(e->ending.columns, {
        vf sum = load(sums + i);
        if (bias) {
            sum += load_some(bias + i, left);
        }
        finish(&e->ending, sum, out + i, add + i, left);
    });
}

/* Ends rows [row, end) of two full registers that have a bias at most, no other addend: the commonest case. */
static void end_plain_rows(const struct tile_ending *e, size_t row, size_t end)
{
    const struct kernel_product *p = e->p;
    const float *sums = e->sums + row * 2 * VECTOR;
    float *out = p->out + (e->row + row) * p->out_stride + e->filter;
    vf low = e->ending.low, high = e->ending.high, first = splat(0), second = splat(0);
    if (p->bias) {
        first = load(p->bias + e->filter);
        second = load(p->bias + e->filter + VECTOR);
    }
    for (; row < end; row++, sums += 2 * VECTOR, out += p->out_stride) {
        store(out, vmin(high, vmax(low, load(sums) + first)));
        store(out + VECTOR, vmin(high, vmax(low, load(sums + VECTOR) + second)));
    }
}

/* Ends all rows at once, for activations that are long chains of operations (see activate_sums in product_end.h). */
static void end_rows(const struct tile_ending *e)
{
    const float *bias = e->p->bias;
    float *sums = e->sums;
    for (size_t r = 0; bias && r < e->rows; r++, sums += e->registers * VECTOR) {
        EACH_VECTOR(e->ending.columns, store(sums + i, load(sums + i) + load_some(bias + e->filter + i, left)););
    }
    finish_tile(e->p, e->row, e->rows, e->filter, e->ending.columns, e->registers, (vf *)(void *)e->sums);
}

/* Ends the block's rows up to row `end`. */
static void end_block(struct tile_ending *e, size_t end)
{
    if (e->done == 0 && e->ending.after) {
        end_rows(e);
        e->done = e->rows;
    }
    end = smaller_of(end, e->rows);
    if (e->plain) {
        end_plain_rows(e, e->done, end);
        e->done = end;
    }
    for (; e->done < end; e->done++) {
        end_row(e, e->done);
    }
}

/* The tile_meanwhile that ends the previous block. */
static void __attribute__((noinline)) end_meanwhile(void *context)
{
    struct tile_ending *e = context;
    if (e->wait > 0) {
        e->wait--;
    } else if (e->done < e->rows) {
        end_block(e, e->done + e->share);
    }
}

/* ---- groups of rows, pairs of columns ---------------------------------------------------------------------------- */

/* State of a product: the current group of rows and the current part of the depth. */
struct bf16x3_product {
    const struct kernel_product *p;
    size_t    row, rows, height; /* the group's first row, its number of rows, and rows in each of its tiles */
    size_t    begin, end, steps; /* the part of the depth, and its size in steps */
    uint16_t *x, *w;             /* terms of the group's rows and of a panel, for that part */
    float    *sums;              /* [pairs of tile columns][rows][2 tiles]; or two blocks if `whole` */
    bool      whole;             /* the whole depth is one part */
    size_t    blocks;            /* blocks multiplied so far */
    struct tile_ending before;
};

/* Splits one row's part of the depth; the part may begin and end within a tap. */
static void split_product_row(const struct bf16x3_product *s, size_t row, uint16_t *to)
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

static void split_product_rows(const struct bf16x3_product *s)
{
    for (size_t r = 0; r < s->rows; r++) {
        uint16_t *tile = s->x + r / s->height * s->steps * STEP_HALVES;
        split_product_row(s, s->row + r, tile + r % s->height * STEP);
    }
}

/* Splits a panel's part of the depth to [tiles of columns][steps][terms][tile]. */
static void split_panel(const struct bf16x3_product *s, const float *panel, size_t width)
{
    size_t tiles = width / TILE_WIDTH, depth = s->end - s->begin;
    for (size_t step = 0; step < s->steps; step++) {
        uint16_t *line = s->w + step * STEP_HALVES;
        for (size_t k = step * STEP; k < step * STEP + STEP / 2; k++, line += STEP) {
            const float *first = panel + (s->begin + k) * width, *second = first + STEP / 2 * width;
            uint16_t *to = line;
            for (size_t tile = 0; tile < tiles; tile++, first += TILE_WIDTH, second += TILE_WIDTH) {
                split_pair(k < depth ? load(first) : splat(0), k + STEP / 2 < depth ? load(second) : splat(0), to);
                to += s->steps * STEP_HALVES;
            }
        }
    }
}

/* Multiplies all rows of the group by at most two tiles of columns. Sums that need no ending are written directly to
   out. */
static void multiply_columns(struct bf16x3_product *s, const uint16_t *w, size_t filter, size_t columns, float *sums)
{
    const struct kernel_product *p = s->p;
    bool two_columns = columns > TILE_WIDTH, begins = s->begin == 0, ends = s->end == p->taps * p->channels;
    size_t tile = s->steps * STEP_HALVES, stride = two_columns ? 2 * TILE_WIDTH : TILE_WIDTH, together = 2 * s->height;
    const struct ending *ending = &s->before.ending;
    bool plain_end = !ending->adds && !ending->leaks && !ending->after && !p->out_offsets;
    bool plain = !p->bias && !p->residual && !p->accumulate && !p->out_offsets && p->activation == UNARY_identity;
    struct tile_block block = {.steps = s->steps, .x = s->x, .w = w, .next_x = tile, .next_w = tile,
                               .height = s->height, .begins = begins};
    for (size_t row = 0; row < s->rows; row += together, block.x += 2 * tile, s->blocks++) {
        size_t rows = smaller_of(together, s->rows - row);
        bool straight = plain && columns == stride && (rows == together || rows == s->height);
        block.sums = straight ? p->out + (s->row + row) * p->out_stride + filter
                              : sums + (s->whole ? s->blocks % 2 * BLOCK_FLOATS : row * stride);
        block.stride = straight ? p->out_stride : stride;
        size_t turns = TURNS * (s->steps - 1);
        s->before.wait = TURNS;
        s->before.share = turns > 0 ? (s->before.rows + turns - 1) / turns : 0;
        multiply_any(&block, row + s->height<s->rows, two_columns, s->before.rows> 0 ? end_meanwhile : NULL,
                     &s->before);
        end_block(&s->before, s->before.rows);
        s->before.row = s->row + row;
        s->before.rows = ends && !straight ? rows : 0;
        s->before.done = 0;
        s->before.filter = filter;
        s->before.ending.columns = columns;
        s->before.registers = stride / VECTOR;
        s->before.plain = columns == 2 * VECTOR && plain_end;
        s->before.sums = block.sums;
    }
}

static void multiply_filters(struct bf16x3_product *s, size_t filter, size_t filters)
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

/* Loops over groups of rows, groups of filters and parts of the depth: the terms of a group of rows stay in cache
   while panel after panel is multiplied. */
static void multiply_bf16x3(const struct kernel_product *p)
{
    size_t depth = p->taps * p->channels, part = part_of_depth(depth);
    size_t groups = (p->rows + ROWS_TOGETHER - 1) / ROWS_TOGETHER;
    size_t together = rounded_up((p->rows + groups - 1) / groups, 2 * TILE_HEIGHT);
    struct bf16x3_workspace workspace = bf16x3_workspace(together, p->filters, depth);
    float *begin = p->workspace + (16 - (uintptr_t)p->workspace / sizeof(float) % 16) % 16;
    struct bf16x3_product s = {.p = p, .whole = part >= depth, .x = (uint16_t *)(void *)begin,
                               .w = (uint16_t *)(void *)(begin + workspace.x),
                               .sums = begin + workspace.x + workspace.w,
                               .before = {.p = p, .ending = make_ending(p, PANEL)}};
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
    end_block(&s.before, s.before.rows);
    _tile_release();
}

#endif
