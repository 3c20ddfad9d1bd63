/* SPDX-License-Identifier: MIT */
/* What becomes of a product's sums: a residual or what out held is added, an activation applied, rows stored wherever
   they go. Next: product.h. */
#ifndef KERNEL_VECTOR_PRODUCT_END_H
#define KERNEL_VECTOR_PRODUCT_END_H

#include "kernel/vector/map.h"

#define PANEL (PANEL_VECTORS * VECTOR)

INLINE float *out_address(const struct kernel_product *p, size_t r)
{
    return p->out + (p->out_offsets ? (size_t)p->out_offsets[r] : r * p->out_stride);
}

/* The commonest ends of a product: a bias perhaps, and no activation, relu or clip, which are limits (or infinite
   ones). Minus infinity comes first in vmax so that a NaN, second, is what it returns. */
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

/* Adds what is to be added to a tile's sums and applies an activation that is none of the four: to all of the tile at
   once, since such a function is a long chain of operations and only many of them side by side keep the processor
   busy. */
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

/* Stores a tile's sums [rows][registers] with any ending. One function for all tiles, not part of each: they would be
   ten times as long, and the sums pass through the first-level cache in a few cycles. */
static void __attribute__((noinline)) finish_tile(const struct kernel_product *p, size_t row, size_t rows,
                                                  size_t filter, size_t columns, size_t registers, vf *sums)
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

#endif
