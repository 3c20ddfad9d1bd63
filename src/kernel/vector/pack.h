/* SPDX-License-Identifier: MIT */
/* Copies between layouts: weights and their packed panels, rows and packed columns, plain and channels-last. They move
   memory, so they are loops over short contiguous runs, not arithmetic. The layouts are defined in kernel.h. */
#ifndef KERNEL_VECTOR_PACK_H
#define KERNEL_VECTOR_PACK_H

#include "kernel/vector/vector.h"

/* Filters of panel `first` and its width, padding included. */
INLINE size_t panel_width(size_t filters, size_t first, size_t *valid)
{
    size_t left = filters - first, panel = PANEL_VECTORS * VECTOR;
    *valid = left < panel ? left : panel;
    return (*valid + VECTOR - 1) / VECTOR * VECTOR;
}

static void vector_pack_weights(const struct kernel_weights *s, const float *weights, float *panels)
{
    size_t valid, width;
    for (size_t first = 0; first < s->filters; first += width) {
        width = panel_width(s->filters, first, &valid);
        for (size_t t = 0; t < s->taps; t++) {
            const float *tap = weights + first * s->filter_stride + (s->tap_offsets ? (size_t)s->tap_offsets[t] : t);
            for (size_t c = 0; c < s->channels; c++, panels += width) {
                const float *from = tap + c * s->channel_stride;
                for (size_t f = 0; f < valid; f++) {
                    panels[f] = from[f * s->filter_stride];
                }
                for (size_t f = valid; f < width; f++) {
                    panels[f] = 0.0f;
                }
            }
        }
    }
}

static void vector_unpack_weights(const struct kernel_weights *s, const float *panels, float *weights)
{
    size_t valid, width;
    for (size_t first = 0; first < s->filters; first += width) {
        width = panel_width(s->filters, first, &valid);
        for (size_t t = 0; t < s->taps; t++) {
            float *tap = weights + first * s->filter_stride + (s->tap_offsets ? (size_t)s->tap_offsets[t] : t);
            for (size_t c = 0; c < s->channels; c++, panels += width) {
                float *to = tap + c * s->channel_stride;
                for (size_t f = 0; f < valid; f++) {
                    to[f * s->filter_stride] = panels[f];
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

static void vector_pack_columns(size_t rows, size_t columns, const float *x, size_t x_stride, size_t block, size_t round,
                                float *out, size_t out_block_stride)
{
    if (columns < block) {
        size_t width = (columns + round - 1) / round * round;
        for (size_t r = 0; r < rows; r++, x += x_stride, out += width) {
            copy_padded(out, x, columns, width);
        }
        return;
    }
    /* Rows outermost, so that x is read once in order while the blocks are written side by side. */
    for (size_t r = 0; r < rows; r++, x += x_stride) {
        size_t first = 0;
        float *to = out;
        for (; first + block <= columns; first += block, to += out_block_stride) {
            const float *from = x + first;
            float *row = to + r * block;
            size_t i = 0;
            for (; i + VECTOR <= block; i += VECTOR) {
                store(row + i, load(from + i));
            }
            for (; i + 4 <= block; i += 4) {
                memcpy(row + i, from + i, 4 * sizeof(float));
            }
            for (; i < block; i++) {
                row[i] = from[i];
            }
        }
        if (first < columns) {
            size_t left = columns - first, width = (left + round - 1) / round * round;
            copy_padded(to + r * width, x + first, left, width);
        }
    }
}

/* Squares of 16 by 16 keep both sides' lines in the first-level cache whatever the strides. */
static void vector_transpose(size_t rows, size_t columns, const float *x, size_t x_stride, float *out,
                             size_t out_stride)
{
    typedef float four __attribute__((vector_size(16), aligned(4), may_alias));
    enum { SQUARE = 16 };
    for (size_t r0 = 0; r0 < rows; r0 += SQUARE) {
        size_t r1 = r0 + SQUARE < rows ? r0 + SQUARE : rows;
        for (size_t c0 = 0; c0 < columns; c0 += SQUARE) {
            size_t c1 = c0 + SQUARE < columns ? c0 + SQUARE : columns;
            size_t r = r0;
            for (; r + 4 <= r1; r += 4) {
                size_t c = c0;
                for (; c + 4 <= c1; c += 4) {
                    const float *from = x + r * x_stride + c;
                    four row[4], column[4];
                    for (size_t i = 0; i < 4; i++) {
                        row[i] = *(const four *)(from + i * x_stride);
                    }
                    for (size_t i = 0; i < 4; i++) {
                        column[i] = (four){row[0][i], row[1][i], row[2][i], row[3][i]};
                    }
                    for (size_t i = 0; i < 4; i++) {
                        *(four *)(out + (c + i) * out_stride + r) = column[i];
                    }
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

#endif
