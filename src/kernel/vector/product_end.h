/* SPDX-License-Identifier: MIT */
/* The ending (epilogue) of a product: adds a residual or the old contents of out to the sums, applies the activation
   and stores the rows at their addresses. Read next: product.h. */
#ifndef KERNEL_VECTOR_PRODUCT_END_H
#define KERNEL_VECTOR_PRODUCT_END_H

#include "kernel/vector/map.h"

#define PANEL (PANEL_VECTORS * VECTOR)

INLINE float *out_address(const struct kernel_product *p, size_t r)
{
    return p->out + (p->out_offsets ? (size_t)p->out_offsets[r] : r * p->out_stride);
}

/* Whether this is one of the commonest endings, which a tile does by itself: at most one addend, and as activation
   none, relu or clip. Those are the limits *low and *high (infinite: none). In vmax the limit comes first, so that a
   NaN, which comes second, is returned. */
INLINE bool ends_plainly(const struct kernel_product *p, vf *low, vf *high)
{
    bool relu = p->activation == UNARY_relu, clip = p->activation == UNARY_clip;
    *low = splat(relu ? 0.0f : clip ? p->alpha : -INFINITY);
    *high = splat(clip ? p->beta : INFINITY);
    return !(p->residual && p->accumulate) && (relu || clip || p->activation == UNARY_identity);
}

/* What is done to sums before they are stored. One addend (the old contents of out, or the residual) and the
   activations identity, relu, clip and leaky_relu are done in registers; a second addend and other activations are done
   to the row just stored, which is still in cache. */
struct ending {
    const struct kernel_product *p;
    size_t columns;
    vf     low, high; /* limits of relu and clip; infinite if there are none */
    bool   adds, limits, leaks, after; /* has an addend; is relu or clip; is leaky_relu; needs more than that */
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

/* The addend that is added in registers: out if it accumulates, else the residual (finish_stored_row adds the residual
   if there are both). */
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

/* Completes a row that has been stored: adds the residual if there were two addends, and applies any activation. */
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

/* Adds the addend to a tile's sums and applies an activation other than identity, relu, clip and leaky_relu. Such a
   function is a long chain of operations, and only many of them side by side keep the processor busy; hence all of the
   tile at once. */
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

/* Stores a tile's sums [rows][registers] with any ending. One function for all tiles, not inlined into each: the tiles
   would be ten times as long, and passing the sums through the first-level cache takes only a few cycles. */
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
