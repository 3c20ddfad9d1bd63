/* SPDX-License-Identifier: MIT */
/* Reductions and maps over the columns of [rows][channels]: bias gradients and batch normalisation, forward and
   backward. All are bound by memory, so they read whole rows in order and keep the per-channel sums in a buffer in the
   first-level cache; a loop per strip of channels is three times slower. Every 256 rows the buffer is flushed to
   double. */
#ifndef KERNEL_VECTOR_COLUMN_H
#define KERNEL_VECTOR_COLUMN_H

#include "kernel/vector/product.h"

enum { COLUMN_FLUSH = 256, COLUMN_PART = 1024, COLUMN_JOIN = 16 };

/* Adds the buffer to sum and clears it. */
INLINE void flush_columns(size_t n, float *buffer, double *sum)
{
    for (size_t i = 0; i < n; i++) {
        sum[i] += (double)buffer[i];
        buffer[i] = 0.0f;
    }
}

static void column_sum_part(size_t rows, size_t channels, const float *x, size_t x_stride, double *sum)
{
    float buffer[COLUMN_PART] = {0};
    for (size_t begin = 0; begin < rows; begin += COLUMN_FLUSH) {
        size_t end = rows - begin < COLUMN_FLUSH ? rows : begin + COLUMN_FLUSH;
        size_t r = begin;
        for (; r + 4 <= end; r += 4) { /* four rows per visit to the buffer, added in order */
            const float *x0 = x + r * x_stride, *x1 = x0 + x_stride, *x2 = x1 + x_stride, *x3 = x2 + x_stride;
            EACH_VECTOR(channels, {
                vf s = load(buffer + i);
                s = (((s + load_some(x0 + i, left)) + load_some(x1 + i, left)) + load_some(x2 + i, left)) +
                    load_some(x3 + i, left);
                store(buffer + i, s);
            });
        }
        for (; r < end; r++) {
            EACH_VECTOR(channels, store(buffer + i, load(buffer + i) + load_some(x + r * x_stride + i, left)););
        }
        flush_columns(channels, buffer, sum);
    }
}

static void vector_column_sum(size_t rows, size_t channels, const float *x, size_t x_stride, double *sum)
{
    /* Few channels, contiguous rows: 16 rows are treated as one wide row, whose sums are folded in the end. That gives
       whole vectors for any number of channels, and no addition waits for the previous one. */
    if (x_stride == channels && channels * COLUMN_JOIN <= COLUMN_PART && channels > 0 && rows >= COLUMN_JOIN) {
        double joined[COLUMN_PART] = {0};
        size_t wide = channels * COLUMN_JOIN, blocks = rows / COLUMN_JOIN;
        column_sum_part(blocks, wide, x, wide, joined);
        for (size_t i = 0; i < wide; i += channels) {
            for (size_t c = 0; c < channels; c++) {
                sum[c] += joined[i + c];
            }
        }
        x += blocks * wide;
        rows -= blocks * COLUMN_JOIN;
    }
    for (size_t c = 0; c < channels; c += COLUMN_PART) {
        size_t part = channels - c < COLUMN_PART ? channels - c : COLUMN_PART;
        column_sum_part(rows, part, x + c, x_stride, sum + c);
    }
}

static void column_moments_part(size_t rows, size_t channels, const float *x, size_t x_stride, const float *shift,
                                double *sum, double *square)
{
    float sums[COLUMN_PART] = {0}, squares[COLUMN_PART] = {0};
    for (size_t begin = 0; begin < rows; begin += COLUMN_FLUSH) {
        size_t end = rows - begin < COLUMN_FLUSH ? rows : begin + COLUMN_FLUSH, r = begin;
        for (; r + 4 <= end; r += 4, x += 4 * x_stride) { /* four rows per visit to the buffers */
            const float *x1 = x + x_stride, *x2 = x1 + x_stride, *x3 = x2 + x_stride;
            EACH_VECTOR(channels, {
                vf about = shift ? load_some(shift + i, left) : (vf){0};
                vf d0 = load_some(x + i, left) - about;
                vf d1 = load_some(x1 + i, left) - about;
                vf d2 = load_some(x2 + i, left) - about;
                vf d3 = load_some(x3 + i, left) - about;
                store(sums + i, load(sums + i) + ((d0 + d1) + (d2 + d3)));
                store(squares + i, load(squares + i) + (plus_product(d1 * d1, d0, d0) + plus_product(d3 * d3, d2, d2)));
            });
        }
        for (; r < end; r++, x += x_stride) {
            EACH_VECTOR(channels, {
                vf d = load_some(x + i, left) - (shift ? load_some(shift + i, left) : (vf){0});
                store(sums + i, load(sums + i) + d);
                store(squares + i, plus_product(load(squares + i), d, d));
            });
        }
        flush_columns(channels, sums, sum);
        flush_columns(channels, squares, square);
    }
}

static void vector_column_moments(size_t rows, size_t channels, const float *x, size_t x_stride, const float *shift,
                                  double *sum, double *square)
{
    for (size_t c = 0; c < channels; c += COLUMN_PART) {
        size_t part = channels - c < COLUMN_PART ? channels - c : COLUMN_PART;
        column_moments_part(rows, part, x + c, x_stride, shift ? shift + c : NULL, sum + c, square + c);
    }
}

static void scale_shift_rows(size_t rows, size_t channels, const float *x, size_t x_stride, const float *scale,
                             const float *shift, const float *residual, size_t residual_stride, float *y,
                             size_t y_stride, enum unary activation, float alpha, float beta)
{
    struct kernel_product as_product = {
        .residual = residual, .activation = activation, .alpha = alpha, .beta = beta};
    struct ending end = make_ending(&as_product, channels);
    if (!end.adds && !end.leaks && !end.after) { /* nothing but limits (infinite: none): two rows per visit of scale
                                                    and shift */
        for (; rows >= 2; rows -= 2, x += 2 * x_stride, y += 2 * y_stride) {
            EACH_VECTOR(channels, {
                vf factor = load_some(scale + i, left);
                vf first = load_some(shift + i, left), second = first;
                multiply_add(first, load_some(x + i, left), factor);
                multiply_add(second, load_some(x + x_stride + i, left), factor);
                store_some(y + i, vmin(end.high, vmax(end.low, first)), left);
                store_some(y + y_stride + i, vmin(end.high, vmax(end.low, second)), left);
            });
        }
    }
    for (size_t r = 0; r < rows; r++, x += x_stride, y += y_stride) {
        const float *add = residual ? residual + r * residual_stride : y;
        EACH_VECTOR(channels, {
            vf value = load_some(shift + i, left); /* fused, as above: a row's bits must not depend on its place */
            multiply_add(value, load_some(x + i, left), load_some(scale + i, left));
            finish(&end, value, y + i, add + i, left);
        });
        if (end.after) {
            vector_unary[activation](channels, y, y, alpha, beta);
        }
    }
}

/* Rows of few channels that lie side by side are computed as one wide row, with repeated factors: a row would not fill a
   register, or pay for the call of an activation. */
static void vector_scale_shift(size_t rows, size_t channels, const float *x, size_t x_stride, const float *scale,
                               const float *shift, const float *residual, size_t residual_stride, float *y,
                               size_t y_stride, enum unary activation, float alpha, float beta)
{
    enum { WIDE = 16 * VECTOR };
    bool dense = x_stride == channels && y_stride == channels && (!residual || residual_stride == channels);
    bool calls = activation != UNARY_identity && activation != UNARY_relu && activation != UNARY_clip;
    size_t together = channels > 0 ? WIDE / channels : 0;
    if (dense && together > 1 && WIDE % channels == 0 && rows >= together && (channels < VECTOR || calls)) {
        float scales[WIDE], shifts[WIDE];
        size_t wide = rows / together, done = wide * WIDE;
        for (size_t i = 0; i < WIDE; i++) {
            scales[i] = scale[i % channels];
            shifts[i] = shift[i % channels];
        }
        scale_shift_rows(wide, WIDE, x, WIDE, scales, shifts, residual, WIDE, y, WIDE, activation, alpha, beta);
        rows %= together;
        x += done;
        y += done;
        residual = residual ? residual + done : NULL;
    }
    scale_shift_rows(rows, channels, x, x_stride, scale, shift, residual, residual_stride, y, y_stride, activation,
                     alpha, beta);
}

/* Loads dy and multiplies it by the mask of an activation, if `masks`, which is a constant in each copy of a loop. */
INLINE vf load_masked(const float *dy, vf centred, const struct kernel_mask *mask, size_t i, bool masks, size_t left)
{
    vf g = load_some(dy + i, left);
    if (!masks) {
        return g;
    }
    vf z = load_some(mask->offset + i, left); /* fused wherever a mask is computed, so that all masks are the same */
    multiply_add(z, load_some(mask->scale + i, left), centred);
    return choose((z > mask->low) & (z <= mask->high), g, g * mask->slope);
}

INLINE void column_products_part(size_t rows, size_t channels, const float *dy, size_t dy_stride, const float *x,
                                 size_t x_stride, const float *mean, const struct kernel_mask *mask, bool masks,
                                 double *sum, double *product)
{
    float sums[COLUMN_PART] = {0}, products[COLUMN_PART] = {0};
    for (size_t begin = 0; begin < rows; begin += COLUMN_FLUSH) {
        size_t end = rows - begin < COLUMN_FLUSH ? rows : begin + COLUMN_FLUSH, r = begin;
        for (; r + 4 <= end; r += 4, x += 4 * x_stride, dy += 4 * dy_stride) {
            const float *x1 = x + x_stride, *x2 = x1 + x_stride, *x3 = x2 + x_stride;
            const float *dy1 = dy + dy_stride, *dy2 = dy1 + dy_stride, *dy3 = dy2 + dy_stride;
            EACH_VECTOR(channels, {
                vf about = load_some(mean + i, left);
                vf d0 = load_some(x + i, left) - about;
                vf d1 = load_some(x1 + i, left) - about;
                vf d2 = load_some(x2 + i, left) - about;
                vf d3 = load_some(x3 + i, left) - about;
                vf g0 = load_masked(dy, d0, mask, i, masks, left);
                vf g1 = load_masked(dy1, d1, mask, i, masks, left);
                vf g2 = load_masked(dy2, d2, mask, i, masks, left);
                vf g3 = load_masked(dy3, d3, mask, i, masks, left);
                store(sums + i, load(sums + i) + ((g0 + g1) + (g2 + g3)));
                vf of_four = plus_product(g1 * d1, g0, d0) + plus_product(g3 * d3, g2, d2);
                store(products + i, load(products + i) + of_four);
            });
        }
        for (; r < end; r++, x += x_stride, dy += dy_stride) {
            EACH_VECTOR(channels, {
                vf d = load_some(x + i, left) - load_some(mean + i, left);
                vf g = load_masked(dy, d, mask, i, masks, left);
                store(sums + i, load(sums + i) + g);
                store(products + i, plus_product(load(products + i), g, d));
            });
        }
        flush_columns(channels, sums, sum);
        flush_columns(channels, products, product);
    }
}

static void vector_column_products(size_t rows, size_t channels, const float *dy, size_t dy_stride, const float *x,
                                   size_t x_stride, const float *mean, struct kernel_mask mask, double *sum,
                                   double *product)
{
    for (size_t c = 0; c < channels; c += COLUMN_PART) {
        size_t part = channels - c < COLUMN_PART ? channels - c : COLUMN_PART;
        if (mask.scale) {
            struct kernel_mask here = {mask.scale + c, mask.offset + c, mask.low, mask.high, mask.slope};
            column_products_part(rows, part, dy + c, dy_stride, x + c, x_stride, mean + c, &here, true, sum + c,
                                 product + c);
        } else {
            column_products_part(rows, part, dy + c, dy_stride, x + c, x_stride, mean + c, &mask, false, sum + c,
                                 product + c);
        }
    }
}

/* a g + (b c + d), fused alike in every loop, so that a row's bits do not depend on its place. */
INLINE vf combined(vf a, vf g, vf b, vf c, vf d)
{
    multiply_add(d, b, c);
    multiply_add(d, a, g);
    return d;
}

INLINE void column_combine_rows(size_t rows, size_t channels, const float *dy, size_t dy_stride, const float *x,
                                size_t x_stride, const float *mean, const struct kernel_mask *mask, bool masks,
                                const float *a, const float *b, const float *d, float *dx, size_t dx_stride)
{
    /* Two rows per visit of mean, a, b and d. */
    for (; rows >= 2; rows -= 2, dy += 2 * dy_stride, x += 2 * x_stride, dx += 2 * dx_stride) {
        EACH_VECTOR(channels, {
            vf about = load_some(mean + i, left);
            vf c0 = load_some(x + i, left) - about;
            vf c1 = load_some(x + x_stride + i, left) - about;
            vf g0 = load_masked(dy, c0, mask, i, masks, left);
            vf g1 = load_masked(dy + dy_stride, c1, mask, i, masks, left);
            vf of_g = load_some(a + i, left);
            vf of_c = load_some(b + i, left);
            vf rest = load_some(d + i, left);
            store_some(dx + i, combined(of_g, g0, of_c, c0, rest), left);
            store_some(dx + dx_stride + i, combined(of_g, g1, of_c, c1, rest), left);
        });
    }
    for (size_t r = 0; r < rows; r++, dy += dy_stride, x += x_stride, dx += dx_stride) {
        EACH_VECTOR(channels, {
            vf centred = load_some(x + i, left) - load_some(mean + i, left);
            vf g = load_masked(dy, centred, mask, i, masks, left);
            vf of_g = load_some(a + i, left), of_c = load_some(b + i, left), rest = load_some(d + i, left);
            store_some(dx + i, combined(of_g, g, of_c, centred, rest), left);
        });
    }
}

static void vector_column_combine(size_t rows, size_t channels, const float *dy, size_t dy_stride, const float *x,
                                  size_t x_stride, const float *mean, struct kernel_mask mask, const float *a,
                                  const float *b, const float *d, float *dx, size_t dx_stride)
{
    if (mask.scale) {
        column_combine_rows(rows, channels, dy, dy_stride, x, x_stride, mean, &mask, true, a, b, d, dx, dx_stride);
    } else {
        column_combine_rows(rows, channels, dy, dy_stride, x, x_stride, mean, &mask, false, a, b, d, dx, dx_stride);
    }
}

#endif
