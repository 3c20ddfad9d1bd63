/* SPDX-License-Identifier: MIT */
/* Pooling rows on channels-last data and their gradients, vectors along channels. window.h computes which taps a pixel
   has; the definitions are in reference/window.c. */
#ifndef KERNEL_VECTOR_POOL_H
#define KERNEL_VECTOR_POOL_H

#include "kernel/vector/window.h"

/* Where channels are few (10, 20), the last vector of a pixel is partly filled. If pixels are contiguous, it is still
   read and written whole: its extra lanes belong to the next pixels, which are computed later and overwrite them. */

/* How many following pixels the last vector of a pixel reaches into; if there are gaps between pixels, more than any
   row has. */
INLINE size_t pixels_touched(const struct kernel_window *w)
{
    bool packed = w->x_stride == w->channels && w->y_stride == w->channels;
    return packed ? ((w->channels + VECTOR - 1) / VECTOR * VECTOR - 1) / w->channels : SIZE_MAX / 2;
}

/* Channels to process at input pixel x and output pixel o: rounded up to whole vectors if they stay inside both rows */
INLINE size_t channels_to_walk(const struct kernel_window *w, size_t touched, size_t x, size_t o)
{
    bool inside = x + touched < w->width && o + touched < w->out_width;
    return inside ? (w->channels + VECTOR - 1) / VECTOR * VECTOR : w->channels;
}

/* Stores the first `left` lanes (0: all) of a register of small integers as bytes or as 32-bit integers. */
INLINE void store_indices(void *index, size_t index_bytes, size_t at, vi v, size_t left)
{
    if (index_bytes == 1) {
        vb bytes = narrow(v);
        uint8_t *to = (uint8_t *)index + at;
        if (left) {
            store_first_bytes(to, bytes, left);
        } else {
            memcpy(to, &bytes, VECTOR);
        }
    } else {
        store_some((float *)index + at, (vf)v, left);
    }
}

INLINE vi load_indices(const void *index, size_t index_bytes, size_t at, size_t left)
{
    if (index_bytes == 1) {
        const uint8_t *from = (const uint8_t *)index + at;
        vb bytes;
        if (left) {
            bytes = load_first_bytes(from, left);
        } else {
            memcpy(&bytes, from, VECTOR);
        }
        return widen(bytes);
    }
    return (vi)load_some((const float *)index + at, left);
}

/* Updates the maximum so far, *best, and its tap, *winner, with x, the value of a later tap. With index_bytes 0 the
   winner is not needed. */
INLINE void meet_tap(vf *best, vi *winner, vf x, int32_t tap, size_t index_bytes)
{
    if (index_bytes == 0) {
        *best = max_or_nan(*best, x);
        return;
    }
    /* Not "x > best", so that a NaN wins; but a NaN that leads stays. */
    vi better = ~(x <= *best) & (*best == *best);
    *best = choose(better, x, *best);
    *winner = (((vi){0} + tap) & better) | (*winner & ~better);
}

/* One tap: of a window, the input pixel; of an input pixel's gradient, the pixel of dy and its indices. */
struct pool_tap {
    const float *data;
    const char  *index;
    int32_t      tap;
};
enum { POOL_TAPS = 16 };

/* The maximum of `count` taps and, if `more`, of the earlier taps whose maximum y and index hold. `constant` says that
   count is a constant, so that the loop over taps is unrolled: a loop of unknown length unrolled 32 times in every copy
   would be a tenth of the program. */
INLINE void max_of_taps(const struct pool_tap *taps, size_t count, bool constant, bool more, size_t channels, float *y,
                        void *index, size_t at, size_t index_bytes)
{
    EACH_VECTOR(channels, {
        vf best = load_some((more ? y : taps[0].data) + i, left);
        vi winner = {0};
        if (!more) {
            winner += taps[0].tap;
        } else if (index_bytes != 0) {
            winner = load_indices(index, index_bytes, at + i, left);
        }
        if (constant) {
            UNROLL_CONSTANT
            for (size_t t = more ? 0 : 1; t < count; t++) {
                meet_tap(&best, &winner, load_some(taps[t].data + i, left), taps[t].tap, index_bytes);
            }
        } else {
            for (size_t t = more ? 0 : 1; t < count; t++) {
                meet_tap(&best, &winner, load_some(taps[t].data + i, left), taps[t].tap, index_bytes);
            }
        }
        store_some(y + i, best, left);
        if (index_bytes != 0) {
            store_indices(index, index_bytes, at + i, winner, left);
        }
    });
}

/* One output pixel with any window: kernel columns [first, end); rows may be NULL. 9 and 6 taps, which are those of a
   3 x 3 window inside and at edges, have unrolled loops. */
INLINE void max_pool_pixel(const struct kernel_window *w, const float *const *rows, size_t o, size_t first, size_t end,
                           size_t channels, float *y, void *index, size_t index_bytes)
{
    struct pool_tap taps[POOL_TAPS];
    size_t count = 0, at = o * w->channels;
    bool more = false;
    y += o * w->y_stride;
    for (size_t ky = 0; ky < w->kernel_height; ky++) {
        for (size_t k = first; rows[ky] && k < end; k++) {
            if (count == POOL_TAPS) {
                max_of_taps(taps, count, false, more, channels, y, index, at, index_bytes);
                more = true;
                count = 0;
            }
            int32_t tap = (int32_t)(ky * w->kernel_width + k);
            taps[count++] = (struct pool_tap){window_pixel(w, rows[ky], o, k), NULL, tap};
        }
    }
    if (!more && count == 9) {
        max_of_taps(taps, 9, true, false, channels, y, index, at, index_bytes);
    } else if (!more && count == 6) {
        max_of_taps(taps, 6, true, false, channels, y, index, at, index_bytes);
    } else if (count > 0) {
        max_of_taps(taps, count, false, more, channels, y, index, at, index_bytes);
    } else {
        EACH_VECTOR(channels, {
            store_some(y + i, splat(-INFINITY), left);
            if (index_bytes != 0) {
                store_indices(index, index_bytes, at + i, (vi){0}, left);
            }
        });
    }
}

/* The commonest window, 2 x 2 and wholly inside; x0 and x1 point at the left pixels of its two rows. */
INLINE void max_pool_four(const float *x0, const float *x1, size_t across, size_t channels, float *y, void *index,
                          size_t at, size_t index_bytes)
{
    EACH_VECTOR(channels, {
        vf best = load_some(x0 + i, left);
        vi winner = {0};
        meet_tap(&best, &winner, load_some(x0 + across + i, left), 1, index_bytes);
        meet_tap(&best, &winner, load_some(x1 + i, left), 2, index_bytes);
        meet_tap(&best, &winner, load_some(x1 + across + i, left), 3, index_bytes);
        store_some(y + i, best, left);
        if (index_bytes != 0) {
            store_indices(index, index_bytes, at + i, winner, left);
        }
    });
}

/* index_bytes is a constant in each of the three calls below, so each is compiled as its own loop. */
INLINE void max_pool_row(const struct kernel_window *w, const float *const *rows, float *y, void *index,
                         size_t index_bytes)
{
    size_t reach = (w->kernel_width - 1) * w->dilation, touched = pixels_touched(w);
    bool four = w->kernel_height == 2 && w->kernel_width == 2 && rows[0] && rows[1];
    for (size_t o = 0; o < w->out_width; o++) {
        size_t begin = o * w->stride, last = begin + reach; /* in padded coordinates */
        if (four && begin >= w->pad && last < w->width + w->pad) {
            size_t from = (begin - w->pad) * w->x_stride;
            max_pool_four(rows[0] + from, rows[1] + from, w->dilation * w->x_stride,
                          channels_to_walk(w, touched, last - w->pad, o), y + o * w->y_stride, index, o * w->channels,
                          index_bytes);
            continue;
        }
        size_t first, end;
        window_columns(w, o, &first, &end);
        size_t x = first < end ? begin + (end - 1) * w->dilation - w->pad : 0;
        max_pool_pixel(w, rows, o, first, end, channels_to_walk(w, touched, x, o), y, index, index_bytes);
    }
}

static void vector_max_pool(const struct kernel_window *w, const float *const *rows, float *y, void *index,
                            size_t index_bytes)
{
    if (index_bytes == 0) {
        max_pool_row(w, rows, y, NULL, 0);
    } else if (index_bytes == 1) {
        max_pool_row(w, rows, y, index, 1);
    } else {
        max_pool_row(w, rows, y, index, 4);
    }
}

/* One row of dx that meets a single row of windows which do not overlap (the stride is the kernel's width, no pad):
   each pixel of dx is in one window or in none. */
INLINE void max_pool_gradient_apart(const struct kernel_window *w, const float *dy, const void *index,
                                    size_t index_bytes, size_t ky, float *dx)
{
    size_t touched = pixels_touched(w), pixel = 0;
    size_t channels = w->channels, width = w->width, kernel_width = w->kernel_width;
    size_t whole = (channels + VECTOR - 1) / VECTOR * VECTOR, out_width = w->out_width;
    for (size_t o = 0; o < out_width; o++, dy += w->y_stride) {
        for (size_t k = 0; k < kernel_width && pixel < width; k++, pixel++, dx += w->x_stride) {
            bool inside = pixel + touched < width && o + touched < out_width;
            vi tap = (vi){0} + (int32_t)(ky * kernel_width + k);
            EACH_VECTOR(inside ? whole : channels, {
                vi mine = load_indices(index, index_bytes, o * channels + i, left) == tap;
                store_some(dx + i, (vf)((vi)load_some(dy + i, left) & mine), left);
            });
        }
    }
    for (; pixel < width; pixel++, dx += w->x_stride) {
        EACH_VECTOR(channels, store_some(dx + i, (vf){0}, left););
    }
}

/* Adds dy to `sum` in the lanes in which this tap won. */
INLINE void add_won_tap(const struct pool_tap *tap, size_t i, size_t left, size_t index_bytes, vf *sum)
{
    vi mine = load_indices(tap->index, index_bytes, i, left) == tap->tap;
    *sum += (vf)((vi)load_some(tap->data + i, left) & mine);
}

/* dx = the sum of dy over those of `count` taps that won; `more`: added to dx. `constant` says that count is a constant
   (see max_of_taps). */
INLINE void add_won(const struct pool_tap *taps, size_t count, bool constant, bool more, size_t channels,
                    size_t index_bytes, float *dx)
{
    EACH_VECTOR(channels, {
        vf sum = more ? load_some(dx + i, left) : (vf){0};
        if (constant) {
            UNROLL_CONSTANT
            for (size_t t = 0; t < count; t++) {
                add_won_tap(&taps[t], i, left, index_bytes, &sum);
            }
        } else {
            for (size_t t = 0; t < count; t++) {
                add_won_tap(&taps[t], i, left, index_bytes, &sum);
            }
        }
        store_some(dx + i, sum, left);
    });
}

/* Any pixel of dx. The numbers of windows that meet a pixel in a 3 x 3 pooling of stride 1 or 2 have unrolled loops. */
INLINE void max_pool_gradient_pixel(const struct kernel_window *w, const float *const *dy_rows,
                                    const void *const *index_rows, size_t index_bytes, size_t pixel, size_t touched,
                                    float *dx)
{
    struct meeting found[MEETINGS];
    struct pool_tap taps[POOL_TAPS];
    size_t next = 0, count = 0, channels = SIZE_MAX;
    bool more = false;
    do {
        size_t columns = find_meetings(w, pixel, &next, found);
        size_t walk = channels_to_walk(w, touched, pixel, columns ? found[0].output : 0); /* outputs descend */
        channels = walk < channels ? walk : channels;
        for (size_t ky = 0; ky < w->kernel_height; ky++) {
            for (size_t m = 0; dy_rows[ky] && m < columns; m++) {
                if (count == POOL_TAPS) {
                    add_won(taps, count, false, more, channels, index_bytes, dx);
                    more = true;
                    count = 0;
                }
                size_t o = found[m].output;
                const char *index = (const char *)index_rows[ky] + o * w->channels * index_bytes;
                taps[count++] = (struct pool_tap){dy_rows[ky] + o * w->y_stride, index,
                                                  (int32_t)(ky * w->kernel_width + found[m].column)};
            }
        }
    } while (next < w->kernel_width);
    if (!more && count == 9) {
        add_won(taps, 9, true, false, channels, index_bytes, dx);
    } else if (!more && count == 6) {
        add_won(taps, 6, true, false, channels, index_bytes, dx);
    } else if (!more && count == 4) {
        add_won(taps, 4, true, false, channels, index_bytes, dx);
    } else if (!more && count == 2) {
        add_won(taps, 2, true, false, channels, index_bytes, dx);
    } else if (!more && count == 1) {
        add_won(taps, 1, true, false, channels, index_bytes, dx);
    } else {
        add_won(taps, count, false, more, channels, index_bytes, dx);
    }
}

INLINE void max_pool_gradient_row(const struct kernel_window *w, const float *const *dy_rows,
                                  const void *const *index_rows, size_t index_bytes, float *dx)
{
    size_t rows = 0, only = 0, touched = pixels_touched(w);
    for (size_t ky = 0; ky < w->kernel_height; ky++) {
        rows += dy_rows[ky] != NULL;
        only = dy_rows[ky] ? ky : only;
    }
    if (rows == 1 && w->stride == w->kernel_width && w->dilation == 1 && w->pad == 0) {
        max_pool_gradient_apart(w, dy_rows[only], index_rows[only], index_bytes, only, dx);
        return;
    }
    for (size_t pixel = 0; pixel < w->width; pixel++, dx += w->x_stride) {
        max_pool_gradient_pixel(w, dy_rows, index_rows, index_bytes, pixel, touched, dx);
    }
}

static void vector_max_pool_gradient(const struct kernel_window *w, const float *const *dy_rows,
                                     const void *const *index_rows, size_t index_bytes, float *dx)
{
    if (index_bytes == 1) {
        max_pool_gradient_row(w, dy_rows, index_rows, 1, dx);
    } else {
        max_pool_gradient_row(w, dy_rows, index_rows, 4, dx);
    }
}

static void vector_average_pool(const struct kernel_window *w, const float *const *rows, const float *divisors,
                                float *y)
{
    for (size_t o = 0; o < w->out_width; o++) {
        size_t first, end;
        window_columns(w, o, &first, &end);
        EACH_VECTOR(w->channels, {
            vf sum = {0};
            for (size_t ky = 0; ky < w->kernel_height; ky++) {
                for (size_t k = first; rows[ky] && k < end; k++) {
                    sum += load_some(window_pixel(w, rows[ky], o, k) + i, left);
                }
            }
            store_some(y + o * w->y_stride + i, sum / divisors[o], left);
        });
    }
}

static void vector_average_pool_gradient(const struct kernel_window *w, const float *const *dy_rows,
                                         const float *const *divisor_rows, float *dx)
{
    struct meeting found[MEETINGS];
    for (size_t pixel = 0; pixel < w->width; pixel++, dx += w->x_stride) {
        size_t next = 0;
        bool more = false;
        do {
            size_t count = find_meetings(w, pixel, &next, found);
            EACH_VECTOR(w->channels, {
                vf sum = more ? load_some(dx + i, left) : (vf){0};
                for (size_t ky = 0; ky < w->kernel_height; ky++) {
                    for (size_t m = 0; dy_rows[ky] && m < count; m++) {
                        size_t o = found[m].output;
                        sum += load_some(dy_rows[ky] + o * w->y_stride + i, left) / divisor_rows[ky][o];
                    }
                }
                store_some(dx + i, sum, left);
            });
            more = true;
        } while (next < w->kernel_width);
    }
}

#endif
