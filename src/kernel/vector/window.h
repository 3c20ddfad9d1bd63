/* SPDX-License-Identifier: MIT */
/* Windows over rows of channels-last data: which taps a pixel has, found once per pixel, so that the loops over
   channels ask nothing. depthwise.h, depthwise_gradient.h, grouped.h and pool.h are written over this; the
   definitions are in reference/window.c. */
#ifndef KERNEL_VECTOR_WINDOW_H
#define KERNEL_VECTOR_WINDOW_H

#include "kernel/vector/vector.h"

/* What is read or written some microseconds later, into the second-level cache. */
INLINE void bring_nearer(const float *p)
{
    __builtin_prefetch(p, 0, 2);
}

/* Kernel columns [first, end) of output pixel o lie inside the row. */
INLINE void window_columns(const struct kernel_window *w, size_t o, size_t *first, size_t *end)
{
    size_t begin = o * w->stride; /* in padded coordinates */
    *first = begin >= w->pad ? 0 : (w->pad - begin + w->dilation - 1) / w->dilation;
    size_t limit = w->width + w->pad; /* the first padded coordinate beyond the row */
    *end = begin >= limit ? 0 : (limit - begin + w->dilation - 1) / w->dilation;
    *end = *end < w->kernel_width ? *end : w->kernel_width;
    *first = *first < *end ? *first : *end;
}

/* The pixel that output o sees through kernel column k, which window_columns found inside. */
INLINE const float *window_pixel(const struct kernel_window *w, const float *row, size_t o, size_t k)
{
    return row + (o * w->stride + k * w->dilation - w->pad) * w->x_stride;
}

/* The pairs (kernel column, output pixel) that meet input pixel i, in order of column; at most `room` from column *next
   on, which is advanced. */
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
