/* SPDX-License-Identifier: MIT */
/* A ring buffer of image lines that are made on demand: see line_ring.h. */
#include "op/conv/line_ring.h"
#include "base/memory.h"

#include <string.h>

static size_t held_bytes(size_t slots)
{
    return memory_aligned(slots * sizeof(size_t));
}

size_t line_ring_bytes(size_t slots, size_t floats)
{
    return held_bytes(slots) + slots * floats * sizeof(float);
}

struct line_ring line_ring_make(const struct op_run *run, int input, size_t width, size_t channels, size_t slots,
                                void *workspace)
{
    struct line_ring ring = {.run = run, .input = input, .width = width, .floats = width * channels, .slots = slots};
    ring.held = workspace;
    ring.lines = (float *)(void *)((char *)workspace + held_bytes(slots));
    memset(ring.held, 0, slots * sizeof *ring.held);
    return ring;
}

const float *line_ring_get(struct line_ring *ring, size_t line)
{
    size_t slot = line % ring->slots;
    float *to = ring->lines + slot * ring->floats;
    if (ring->held[slot] != line + 1) {
        op_rows(ring->run, ring->input, line * ring->width, ring->width, to);
        ring->held[slot] = line + 1;
    }
    return to;
}
