/* SPDX-License-Identifier: MIT */
/* Small matrices that a training step reads in several ways: a dense layer's weight, its gradient and its velocity.
 * What one core has written another one fetches at some 10 GB/s, and what both have read costs the next writer as
 * much again: for a small layer more than its arithmetic (two cores of a Sapphire Rapids, a weight of 192 KiB:
 * renewed by rows 4 us; by columns, where each core's prefetcher runs on into the other one's, 29 us; by rows after
 * it was read by columns, 45 us). So all who touch such a matrix cut it into the same few runs of rows, and each core
 * finds its own in its own cache. Who needs all rows for each result makes sums of parts and adds them up: read
 * dense/streamed.c. */
#ifndef OP_PARTS_H
#define OP_PARTS_H

#include "op/op.h"

/* Floats: up to the first a matrix is one core's, beyond the last it is in nobody's cache. */
enum { OP_PARTS_LEAST = 1 << 12, OP_PARTS_HALVES = 1 << 16, OP_PARTS_MOST = 1 << 18 };

/** Into how many runs of rows a matrix is cut; 1: it is not, or any other way will do. By its shape alone. */
static inline size_t op_row_parts(const struct kernel_table *kernel, size_t rows, size_t columns)
{
    size_t parts = rows > OP_PARTS_HALVES / (columns + 1) ? 4 : 2;
    if (rows < parts * kernel->tile_rows || rows <= OP_PARTS_LEAST / (columns + 1) ||
        rows > OP_PARTS_MOST / (columns + 1)) {
        return 1;
    }
    return parts;
}

/** The first row of a part, a multiple of the kernels' tiles; part = parts: behind the last row. */
static inline size_t op_row_part(const struct kernel_table *kernel, size_t rows, size_t parts, size_t part)
{
    size_t tiles = (rows + kernel->tile_rows - 1) / kernel->tile_rows, row = tiles * part / parts * kernel->tile_rows;
    return row < rows ? row : rows;
}

#endif
