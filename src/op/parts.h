/* SPDX-License-Identifier: MIT */
/* How small matrices that several operators of a training step read and write are cut for the threads: a dense layer's
 * weight, its gradient and its velocity. A core fetches lines that another core has written at some 10 GB/s, and lines
 * that both have read cost the next writer as much again: for a small layer more than its arithmetic (two cores of a
 * Sapphire Rapids, a weight of 192 KiB: updated by rows 4 us; by columns, where each core's prefetcher runs on into the
 * other core's part, 29 us; by rows after it was read by columns, 45 us). So all operators cut such a matrix into the
 * same few ranges of rows, and each core finds its range in its own cache. An operator that needs all rows for each
 * result computes partial sums per range and adds them up: read dense/streamed.c. */
#ifndef OP_PARTS_H
#define OP_PARTS_H

#include "op/op.h"

/* Floats of a matrix: not more than LEAST, and one core handles all of it; more than HALVES, and it is cut into four
 * ranges, not two; more than MOST, and it stays in no core's cache. */
enum { OP_PARTS_LEAST = 1 << 12, OP_PARTS_HALVES = 1 << 16, OP_PARTS_MOST = 1 << 18 };

/** The number of row ranges that a matrix is cut into, from its shape alone; 1: the operator may cut it in any way. */
static inline size_t op_row_parts(const struct kernel_table *kernel, size_t rows, size_t columns)
{
    size_t parts = rows > OP_PARTS_HALVES / (columns + 1) ? 4 : 2;
    if (rows < parts * kernel->tile_rows || rows <= OP_PARTS_LEAST / (columns + 1) ||
        rows > OP_PARTS_MOST / (columns + 1)) {
        return 1;
    }
    return parts;
}

/** The first row of range `part`, a multiple of the kernels' tile_rows; part = parts: one past the last row. */
static inline size_t op_row_part(const struct kernel_table *kernel, size_t rows, size_t parts, size_t part)
{
    size_t tiles = size_divide_up(rows, kernel->tile_rows), row = tiles * part / parts * kernel->tile_rows;
    return row < rows ? row : rows;
}

#endif
