/* SPDX-License-Identifier: MIT */
/* A ring buffer for the lines of an image whose lines are not stored but made on demand (op_rows), under a window that
 * moves down the image: each line is made once and kept while the window still meets it. Private to the folder;
 * depthwise.c and depthwise_gradient.c use it. */
#ifndef OP_CONV_LINE_RING_H
#define OP_CONV_LINE_RING_H

#include "op/op.h"
#include "op/window.h"

struct line_ring {
    const struct op_run *run;
    int      input;         /**< index of the input of `run` whose lines these are */
    size_t   width, floats; /**< pixels and floats of a line */
    size_t   slots;         /**< lines that the ring holds */
    size_t  *held;          /**< [slots] 1 + the number of the line in a slot; 0: the slot is empty */
    float   *lines;         /**< [slots][floats] */
};

/** Slots that hold all lines which a window of this height spans. */
static inline size_t line_ring_slots(int64_t taps, int64_t dilation)
{
    return (size_t)((taps - 1) * dilation + 1);
}

/** Bytes of memory for a ring. */
size_t line_ring_bytes(size_t slots, size_t floats);
/** An empty ring in `workspace`, line_ring_bytes() bytes. Only for inputs that are made on demand. */
struct line_ring line_ring_make(const struct op_run *run, int input, size_t width, size_t channels, size_t slots,
                                void *workspace);
/** Line number `line`, counted through all images. Valid until a line is requested whose number differs by a multiple
 *  of `slots`. */
const float *line_ring_get(struct line_ring *ring, size_t line);

#endif
