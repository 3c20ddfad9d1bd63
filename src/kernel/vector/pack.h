/* SPDX-License-Identifier: MIT */
/* Copies between layouts: weights and their packed panels, rows and packed columns, plain and channels-last. The
   layouts are defined in kernel.h. */
#ifndef KERNEL_VECTOR_PACK_H
#define KERNEL_VECTOR_PACK_H

#include "kernel/vector/vector.h"

/* Returns the width, padding included, of the panel that begins at filter `first`; *valid is its number of filters. */
INLINE size_t panel_width(size_t filters, size_t first, size_t *valid)
{
    size_t left = filters - first, panel = PANEL_VECTORS * VECTOR;
    *valid = left < panel ? left : panel;
    return (*valid + VECTOR - 1) / VECTOR * VECTOR;
}

/* Lanes of a and b side by side: 0 .. 3 are a's, 4 .. 7 b's. */
#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (vi4){__VA_ARGS__})
#endif
typedef float   vf4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t vi4 __attribute__((vector_size(16)));

/* Transposes four by four floats: to[c][r] = from[r][c]. In registers of four on every instruction set: a transposition
   costs its loads and stores, and narrow ones suit any number of taps. */
INLINE void turn_four(const float *from0, const float *from1, const float *from2, const float *from3, float *to0,
                      float *to1, float *to2, float *to3)
{
    vf4 row0 = *(const vf4 *)from0, row1 = *(const vf4 *)from1;
    vf4 row2 = *(const vf4 *)from2, row3 = *(const vf4 *)from3;
    vf4 low01 = SHUFFLE(row0, row1, 0, 4, 1, 5), low23 = SHUFFLE(row2, row3, 0, 4, 1, 5);
    vf4 high01 = SHUFFLE(row0, row1, 2, 6, 3, 7), high23 = SHUFFLE(row2, row3, 2, 6, 3, 7);
    *(vf4 *)to0 = SHUFFLE(low01, low23, 0, 1, 4, 5);
    *(vf4 *)to1 = SHUFFLE(low01, low23, 2, 3, 6, 7);
    *(vf4 *)to2 = SHUFFLE(high01, high23, 0, 1, 4, 5);
    *(vf4 *)to3 = SHUFFLE(high01, high23, 2, 3, 6, 7);
}

/* Weights are packed and unpacked in each training step, so the common orders have specialised loops. All of them move
   one cache line of 64 bytes of the plain weights at a time: filters are often a power of two apart and then compete
   for the same cache sets. */
enum { PACK_LINE = 16, PACK_TAPS = 128 };

/* Sets tap_at[p] to the tap that lies at place p of a filter's plane of taps; false if the taps are not a permutation
   of that plane, or more than PACK_TAPS. */
INLINE bool order_of_taps(const struct kernel_weights *s, uint8_t *tap_at)
{
    bool seen[PACK_TAPS] = {false};
    if (s->taps > PACK_TAPS) {
        return false;
    }
    for (size_t t = 0; t < s->taps; t++) {
        size_t place = s->tap_offsets ? (size_t)s->tap_offsets[t] : t;
        if (place >= s->taps || seen[place]) {
            return false;
        }
        seen[place] = true;
        tap_at[place] = (uint8_t)t;
    }
    return true;
}

/* Packs one panel, [taps][channels][width], of weights whose filters are contiguous, [channels][taps]: the order of the
   forward pass. */
INLINE void pack_runs(const struct kernel_weights *s, const uint8_t *tap_at, const float *weights, size_t valid,
                      size_t width, float *panel)
{
    size_t depth = s->channels * s->taps, c = 0, place = 0;
    for (size_t begin = 0; begin < depth; begin += PACK_LINE) {
        size_t count = depth - begin < PACK_LINE ? depth - begin : PACK_LINE, f = 0;
        float *row[PACK_LINE];
        for (size_t i = 0; i < count; i++) {
            row[i] = panel + (tap_at[place] * s->channels + c) * width;
            place++;
            if (place == s->taps) {
                place = 0;
                c++;
            }
        }
        for (; f + 4 <= valid; f += 4) {
            const float *from = weights + f * s->filter_stride + begin;
            size_t i = 0;
            for (; i + 4 <= count; i += 4) {
                turn_four(from + i, from + s->filter_stride + i, from + 2 * s->filter_stride + i,
                          from + 3 * s->filter_stride + i, row[i] + f, row[i + 1] + f, row[i + 2] + f, row[i + 3] + f);
            }
            for (; i < count; i++) {
                for (size_t k = 0; k < 4; k++) {
                    row[i][f + k] = from[k * s->filter_stride + i];
                }
            }
        }
        for (size_t i = 0; i < count; i++) {
            for (size_t k = f; k < valid; k++) {
                row[i][k] = weights[k * s->filter_stride + begin + i];
            }
            for (size_t k = valid; k < width; k++) {
                row[i][k] = 0.0f;
            }
        }
    }
}

/* The inverse of pack_runs. */
INLINE void unpack_runs(const struct kernel_weights *s, const uint8_t *tap_at, const float *panel, size_t valid,
                        size_t width, float *weights)
{
    size_t depth = s->channels * s->taps, c = 0, place = 0;
    for (size_t begin = 0; begin < depth; begin += PACK_LINE) {
        size_t count = depth - begin < PACK_LINE ? depth - begin : PACK_LINE, f = 0;
        const float *row[PACK_LINE];
        for (size_t i = 0; i < count; i++) {
            row[i] = panel + (tap_at[place] * s->channels + c) * width;
            place++;
            if (place == s->taps) {
                place = 0;
                c++;
            }
        }
        for (; f + 4 <= valid; f += 4) {
            float *to = weights + f * s->filter_stride + begin;
            size_t i = 0;
            for (; i + 4 <= count; i += 4) {
                turn_four(row[i] + f, row[i + 1] + f, row[i + 2] + f, row[i + 3] + f, to + i, to + s->filter_stride + i,
                          to + 2 * s->filter_stride + i, to + 3 * s->filter_stride + i);
            }
            for (; i < count; i++) {
                for (size_t k = 0; k < 4; k++) {
                    to[k * s->filter_stride + i] = row[i][f + k];
                }
            }
        }
        for (; f < valid; f++) {
            for (size_t i = 0; i < count; i++) {
                weights[f * s->filter_stride + begin + i] = row[i][f];
            }
        }
    }
}

/* Packs one panel of weights whose filters are planes of taps: the order of the input gradient, where "filters" are the
   channels of x. */
INLINE void pack_planes(const struct kernel_weights *s, const float *weights, size_t valid, size_t width, float *panel)
{
    size_t tap_floats = s->channels * width;
    for (size_t c = 0; c < s->channels; c++, panel += width) {
        const float *from = weights + c * s->channel_stride;
        for (size_t f = 0; f + 4 <= valid; f += 4) {
            const float *plane = from + f * s->filter_stride;
            size_t t = 0;
            for (; t + 4 <= s->taps; t += 4) {
                float *to = panel + t * tap_floats + f;
                turn_four(plane + t, plane + s->filter_stride + t, plane + 2 * s->filter_stride + t,
                          plane + 3 * s->filter_stride + t, to, to + tap_floats, to + 2 * tap_floats,
                          to + 3 * tap_floats);
            }
            for (; t < s->taps; t++) {
                for (size_t k = 0; k < 4; k++) {
                    panel[t * tap_floats + f + k] = plane[k * s->filter_stride + t];
                }
            }
        }
        for (size_t t = 0; t < s->taps; t++) {
            for (size_t f = valid / 4 * 4; f < width; f++) {
                panel[t * tap_floats + f] = f < valid ? from[f * s->filter_stride + t] : 0.0f;
            }
        }
    }
}

/* pack_planes with the taps in reverse order, as the input gradient needs them: tap t lies at place taps - 1 - t. */
INLINE void pack_reversed_planes(const struct kernel_weights *s, const float *weights, size_t valid, size_t width,
                                 float *panel)
{
    size_t tap_floats = s->channels * width, last = s->taps - 1;
    for (size_t c = 0; c < s->channels; c++, panel += width) {
        const float *from = weights + c * s->channel_stride;
        for (size_t f = 0; f + 4 <= valid; f += 4) {
            const float *plane = from + f * s->filter_stride;
            size_t t = 0;
            for (; t + 4 <= s->taps; t += 4) {
                float *to = panel + (last - t) * tap_floats + f;
                turn_four(plane + t, plane + s->filter_stride + t, plane + 2 * s->filter_stride + t,
                          plane + 3 * s->filter_stride + t, to, to - tap_floats, to - 2 * tap_floats,
                          to - 3 * tap_floats);
            }
            for (; t < s->taps; t++) {
                for (size_t k = 0; k < 4; k++) {
                    panel[(last - t) * tap_floats + f + k] = plane[k * s->filter_stride + t];
                }
            }
        }
        for (size_t t = 0; t < s->taps; t++) {
            for (size_t f = valid / 4 * 4; f < width; f++) {
                panel[(last - t) * tap_floats + f] = f < valid ? from[f * s->filter_stride + t] : 0.0f;
            }
        }
    }
}

/* Packs all panels of weights with one tap and adjacent filters: each row of weights is cut into the rows of the
   panels. */
INLINE void pack_rows(const struct kernel_weights *s, const float *weights, float *panels)
{
    size_t panel = PANEL_VECTORS * VECTOR, panel_floats = s->channels * panel;
    for (size_t c = 0; c < s->channels; c++) {
        const float *from = weights + c * s->channel_stride;
        size_t first = 0;
        float *to = panels + c * panel;
        for (; first + panel <= s->filters; first += panel, to += panel_floats) {
            for (size_t v = 0; v < PANEL_VECTORS; v++) {
                store(to + v * VECTOR, load(from + first + v * VECTOR));
            }
        }
        if (first < s->filters) {
            size_t valid, width = panel_width(s->filters, first, &valid);
            to = panels + first * s->channels + c * width;
            EACH_VECTOR(width, {
                vf v = i + VECTOR <= valid ? load(from + first + i)
                       : i < valid         ? load_first(from + first + i, valid - i)
                                           : (vf){0};
                store_some(to + i, v, left);
            });
        }
    }
}

INLINE bool taps_in_order(const struct kernel_weights *s, bool reversed)
{
    for (size_t t = 0; s->tap_offsets && t < s->taps; t++) {
        if ((size_t)s->tap_offsets[t] != (reversed ? s->taps - 1 - t : t)) {
            return false;
        }
    }
    return s->tap_offsets || !reversed || s->taps == 1;
}

static void vector_pack_weights(const struct kernel_weights *s, const float *weights, float *panels)
{
    uint8_t tap_at[PACK_TAPS];
    size_t valid, width;
    if (s->filter_stride == 1 && s->taps == 1) {
        pack_rows(s, weights + (s->tap_offsets ? s->tap_offsets[0] : 0), panels);
        return;
    }
    bool runs = s->channel_stride == s->taps && order_of_taps(s, tap_at);
    bool planes = !runs && s->filter_stride >= s->taps && taps_in_order(s, false);
    bool reversed = !runs && !planes && s->filter_stride >= s->taps && taps_in_order(s, true);
    for (size_t first = 0; first < s->filters; first += width) {
        width = panel_width(s->filters, first, &valid);
        const float *from = weights + first * s->filter_stride;
        float *panel = panels + first * s->taps * s->channels;
        if (runs) {
            pack_runs(s, tap_at, from, valid, width, panel);
            continue;
        }
        if (planes) {
            pack_planes(s, from, valid, width, panel);
            continue;
        }
        if (reversed) {
            pack_reversed_planes(s, from, valid, width, panel);
            continue;
        }
        for (size_t t = 0; t < s->taps; t++) { /* a subset of the taps: a phase of a strided input gradient */
            const float *tap = from + (s->tap_offsets ? (size_t)s->tap_offsets[t] : t);
            for (size_t c = 0; c < s->channels; c++, panel += width) {
                const float *row = tap + c * s->channel_stride;
                for (size_t f = 0; f < valid; f++) {
                    panel[f] = row[f * s->filter_stride];
                }
                for (size_t f = valid; f < width; f++) {
                    panel[f] = 0.0f;
                }
            }
        }
    }
}

static void vector_unpack_weights(const struct kernel_weights *s, const float *panels, float *weights)
{
    uint8_t tap_at[PACK_TAPS];
    size_t valid, width;
    bool runs = s->channel_stride == s->taps && order_of_taps(s, tap_at);
    for (size_t first = 0; first < s->filters; first += width) {
        width = panel_width(s->filters, first, &valid);
        const float *panel = panels + first * s->taps * s->channels;
        float *to = weights + first * s->filter_stride;
        if (runs) {
            unpack_runs(s, tap_at, panel, valid, width, to);
            continue;
        }
        for (size_t t = 0; t < s->taps; t++) {
            float *tap = to + (s->tap_offsets ? (size_t)s->tap_offsets[t] : t);
            for (size_t c = 0; c < s->channels; c++, panel += width) {
                float *row = tap + c * s->channel_stride;
                for (size_t f = 0; f < valid; f++) {
                    row[f * s->filter_stride] = panel[f];
                }
            }
        }
    }
}

/* Copies n floats and pads them with zeros to `width`. */
INLINE void copy_padded(float *to, const float *from, size_t n, size_t width)
{
    EACH_VECTOR(width, {
        vf v = i + VECTOR <= n ? load(from + i) : i < n ? load_first(from + i, n - i) : (vf){0};
        store_some(to + i, v, left);
    });
}

enum { PACK_ROWS = 8 };

/* Copies one block of columns of a few rows. Where the block's width is not a multiple of VECTOR, the last register of
   a row is still stored whole: what it writes beyond the row belongs to later rows, which overwrite it. The last
   `exact` rows have not enough rows behind them and are copied exactly. */
INLINE void copy_rows(size_t rows, size_t exact, const float *x, size_t x_stride, size_t block, float *out)
{
    size_t whole = block / VECTOR * VECTOR, r = 0;
    for (; r + exact < rows; r++, x += x_stride, out += block) {
        for (size_t i = 0; i < block; i += VECTOR) {
            store(out + i, load(x + i));
        }
    }
    for (; r < rows; r++, x += x_stride, out += block) {
        for (size_t i = 0; i < whole; i += VECTOR) {
            store(out + i, load(x + i));
        }
        memcpy(out + whole, x + whole, (block - whole) * sizeof *out);
    }
}

static void vector_pack_columns(size_t rows, size_t columns, const float *x, size_t x_stride, size_t block,
                                size_t round, float *out, size_t out_block_stride)
{
    if (columns < block) {
        size_t width = (columns + round - 1) / round * round;
        for (size_t r = 0; r < rows; r++, x += x_stride, out += width) {
            copy_padded(out, x, columns, width);
        }
        return;
    }
    /* How many following rows the last register of a row reaches into */
    size_t whole = (block + VECTOR - 1) / VECTOR * VECTOR, exact = (whole - 1) / block;
    /* The outermost loop takes a few rows at a time: x is read in order, and each block gets more than a cache line at
       once. */
    for (size_t r = 0; r < rows; r += PACK_ROWS, x += PACK_ROWS * x_stride) {
        size_t together = rows - r < PACK_ROWS ? rows - r : PACK_ROWS, first = 0;
        size_t behind = rows - r - together;
        float *to = out;
        for (; first + block <= columns; first += block, to += out_block_stride) {
            /* Between rows that do not touch, there is something else than x, which must not be read. */
            bool leaves_row = x_stride > columns && first + whole > columns;
            size_t last = leaves_row ? together : behind < exact ? exact - behind : 0;
            copy_rows(together, last, x + first, x_stride, block, to + r * block);
        }
        if (first < columns) {
            size_t left = columns - first, width = (left + round - 1) / round * round;
            for (size_t i = 0; i < together; i++) {
                copy_padded(to + (r + i) * width, x + i * x_stride + first, left, width);
            }
        }
    }
}

/* Transposes two rows, as in a channel shuffle of two groups, up to a multiple of four columns. Returns how many
   columns are done. */
INLINE size_t weave_two(size_t columns, const float *x, size_t x_stride, float *out)
{
    size_t c = 0;
    for (; c + 4 <= columns; c += 4) {
        vf4 row0 = *(const vf4 *)(x + c), row1 = *(const vf4 *)(x + x_stride + c);
        *(vf4 *)(out + 2 * c) = SHUFFLE(row0, row1, 0, 4, 1, 5);
        *(vf4 *)(out + 2 * c + 4) = SHUFFLE(row0, row1, 2, 6, 3, 7);
    }
    return c;
}

/* Transposes three rows: a picture's colour planes to pixels. Each pixel is written with a fourth float, which the next
   pixel overwrites; so the last pixels are left to the caller. Returns how many columns are done. */
INLINE size_t weave_three(size_t columns, const float *x, size_t x_stride, float *out)
{
    size_t c = 0;
    for (; c + 8 <= columns; c += 4) {
        const float *row1 = x + x_stride + c, *row2 = row1 + x_stride;
        float *to = out + 3 * c;
        turn_four(x + c, row1, row2, row2, to, to + 3, to + 6, to + 9);
    }
    return c;
}

/* Transposes any sizes by squares of 16 by 16, which keep the cache lines of both sides in the first-level cache
   whatever the strides. */
static void transpose_edges(size_t rows, size_t columns, const float *x, size_t x_stride, float *out,
                             size_t out_stride)
{
    enum { SQUARE = 16 };
    if ((rows == 2 || rows == 3) && out_stride == rows) {
        size_t done = rows == 2 ? weave_two(columns, x, x_stride, out) : weave_three(columns, x, x_stride, out);
        x += done, out += done * rows, columns -= done;
    }
    for (size_t r0 = 0; r0 < rows; r0 += SQUARE) {
        size_t r1 = r0 + SQUARE < rows ? r0 + SQUARE : rows;
        for (size_t c0 = 0; c0 < columns; c0 += SQUARE) {
            size_t c1 = c0 + SQUARE < columns ? c0 + SQUARE : columns;
            size_t r = r0;
            for (; r + 4 <= r1; r += 4) {
                size_t c = c0;
                for (; c + 4 <= c1; c += 4) {
                    const float *from = x + r * x_stride + c;
                    float *to = out + c * out_stride + r;
                    turn_four(from, from + x_stride, from + 2 * x_stride, from + 3 * x_stride, to, to + out_stride,
                              to + 2 * out_stride, to + 3 * out_stride);
                }
                for (; c < c1; c++) {
                    for (size_t i = 0; i < 4; i++) {
                        out[c * out_stride + r + i] = x[(r + i) * x_stride + c];
                    }
                }
            }
            for (; r < r1; r++) {
                for (size_t c = c0; c < c1; c++) {
                    out[c * out_stride + r] = x[r * x_stride + c];
                }
            }
        }
    }
}

/* Transposes a square of VECTOR by VECTOR in registers: in log2(VECTOR) rounds, pairs of rows exchange runs of `d`
   lanes. */
#define UPPER(l, d) (((l) & (d)) == 0 ? (l) : VECTOR + (l) - (d))
#define LOWER(l, d) (((l) & (d)) == 0 ? (l) + (d) : VECTOR + (l))
#define EXCHANGE(d)                                                          \
    UNROLL                                                                   \
    for (size_t i = 0; i < VECTOR; i++) {                                    \
        if ((i & (d)) == 0) {                                                \
            vf upper = row[i], lower = row[i + (d)];                         \
            row[i] = SHUFFLE_LANES(upper, lower, UPPER, d);                        \
            row[i + (d)] = SHUFFLE_LANES(upper, lower, LOWER, d);                  \
        }                                                                    \
    }

static void transpose_square(const float *x, size_t x_stride, float *out, size_t out_stride)
{
    vf row[VECTOR];
    UNROLL
    for (size_t i = 0; i < VECTOR; i++) {
        row[i] = load(x + i * x_stride);
    }
#if VECTOR >= 16
    EXCHANGE(8)
#endif
#if VECTOR >= 8
    EXCHANGE(4)
#endif
    EXCHANGE(2)
    EXCHANGE(1)
    UNROLL
    for (size_t i = 0; i < VECTOR; i++) {
        store(out + i * out_stride, row[i]);
    }
}

static void vector_transpose(size_t rows, size_t columns, const float *x, size_t x_stride, float *out,
                             size_t out_stride)
{
    size_t whole_rows = rows / VECTOR * VECTOR, whole_columns = columns / VECTOR * VECTOR;
    for (size_t r = 0; r < whole_rows; r += VECTOR) {
        for (size_t c = 0; c < whole_columns; c += VECTOR) {
            transpose_square(x + r * x_stride + c, x_stride, out + c * out_stride + r, out_stride);
        }
    }
    transpose_edges(whole_rows, columns - whole_columns, x + whole_columns, x_stride, out + whole_columns * out_stride,
                    out_stride);
    transpose_edges(rows - whole_rows, columns, x + whole_rows * x_stride, x_stride, out + whole_rows, out_stride);
}

#endif
