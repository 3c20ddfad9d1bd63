/* SPDX-License-Identifier: MIT */
/* Windows over rows of channels-last data: which taps of a pixel lie inside the row, computed once per pixel, so that
   the loops over channels need no tests. depthwise.h, depthwise_gradient.h, grouped.h and pool.h use this; the
   definitions of the kernels are in reference/window.c. */
#ifndef KERNEL_VECTOR_WINDOW_H
#define KERNEL_VECTOR_WINDOW_H

#include "kernel/vector/vector.h"

/* Prefetches into the second-level cache what is read or written some microseconds later. */
INLINE void bring_nearer(const float *p)
{
    __builtin_prefetch(p, 0, 2);
}

/* Computes the kernel columns [first, end) of output pixel o that lie inside the row. */
INLINE void window_columns(const struct kernel_window *w, size_t o, size_t *first, size_t *end)
{
    size_t begin = o * w->stride; /* in padded coordinates */
    *first = begin >= w->pad ? 0 : (w->pad - begin + w->dilation - 1) / w->dilation;
    size_t limit = w->width + w->pad; /* the first padded coordinate beyond the row */
    *end = begin >= limit ? 0 : (limit - begin + w->dilation - 1) / w->dilation;
    *end = *end < w->kernel_width ? *end : w->kernel_width;
    *first = *first < *end ? *first : *end;
}

/* The input pixel that output o meets through kernel column k, which must be one that window_columns returned. */
INLINE const float *window_pixel(const struct kernel_window *w, const float *row, size_t o, size_t k)
{
    return row + (o * w->stride + k * w->dilation - w->pad) * w->x_stride;
}

/* Finds the pairs (kernel column, output pixel) that meet input pixel i, in order of column: at most MEETINGS of them,
   from column *next on. Returns their number; *next becomes the column to continue from, kernel_width when done. */
struct meeting {
    size_t column, output;
};
enum { MEETINGS = 32 };

INLINE size_t find_meetings(const struct kernel_window *w, size_t i, size_t *next, struct meeting *found)
{
    size_t count = 0, padded = i + w->pad, k = *next;
    for (; k < w->kernel_width && k * w->dilation <= padded && count < MEETINGS; k++) {
        size_t distance = padded - k * w->dilation;
        if (distance % w->stride == 0 && distance / w->stride < w->out_width) {
            found[count++] = (struct meeting){k, distance / w->stride};
        }
    }
    *next = count == MEETINGS ? k : w->kernel_width;
    return count;
}
#endif
