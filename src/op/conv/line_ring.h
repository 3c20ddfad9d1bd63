/* SPDX-License-Identifier: MIT */
/* The lines of an image under a window that moves down it, where they are not stored but made as they are read
 * (op_rows): each is made once and kept while the window still meets it. Private to the folder; depthwise.c uses it. */
#ifndef OP_CONV_LINE_RING_H
#define OP_CONV_LINE_RING_H

#include "op/op.h"
#include "op/window.h"

struct line_ring {
    const struct op_run *run;
    int      input;         /**< the input of run that is seen by lines */
    size_t   width, floats; /**< of a line: pixels, floats */
    size_t   slots;         /**< lines that are kept */
    size_t  *held;          /**< [slots] the line that a slot keeps, + 1; 0: none */
    float   *lines;         /**< [slots][floats] */
};

/** Lines to keep so that all that a window of so many taps meets at once are there. */
static inline size_t line_ring_slots(int64_t taps, int64_t dilation)
{
    return (size_t)((taps - 1) * dilation + 1);
}

/** Bytes of room for a ring. */
size_t line_ring_bytes(size_t slots, size_t floats);
/** An empty ring in `room`; where the input is stored, none is wanted. */
struct line_ring line_ring_make(const struct op_run *run, int input, size_t width, size_t channels, size_t slots,
                                void *room);
/** Line `line` of all lines of all images. It stays as it is until a line that is a multiple of `slots` away is asked
 *  for. */
const float *line_ring_get(struct line_ring *ring, size_t line);

#endif
