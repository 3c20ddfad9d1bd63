/* SPDX-License-Identifier: MIT */
/* Weight gradients as sums of outer products of whole rows, on tiles (kernel outer_rows): dweight[f][c][t] = sum over
 * pixels p of x[row of p through tap t][c] * dy[p][f]. What convolution and dense layers share: how the weight and the
 * pixels are cut into jobs, who sums what, how the result becomes a plain weight. Where a row of x lies, the operator
 * tells. */
#ifndef OP_OUTER_ROWS_H
#define OP_OUTER_ROWS_H

#include "op/op.h"

/** All of it follows from shapes: a job is a piece of the weight, some filters by some channels through one tap, summed
 * over one part of the pixels. Filters and channels are those of one group. */
struct outer_rows_plan {
    size_t pixels, groups, channels, filters, taps;
    size_t channel_parts, filter_parts, pixel_parts;
    size_t channel_part, filter_part; /**< at most so many */
    size_t sum_stride, sum_floats, room_floats; /**< of a job, in a worker's memory */
    size_t made_floats;                         /**< behind these: rows of x that are made as they are read */
    size_t worker_floats, scratch_floats;       /**< scratch: [pixel parts][groups][taps][filters][channels] */
};

/** Sizes in: pixels to taps. `made`: x comes as rows. False: not worth it, or this instruction set has no tiles. */
bool outer_rows_plan(struct outer_rows_plan *plan, const struct kernel_table *kernel, bool made);

/** rows[i] = where the row of x lies that pixel first + i meets through the tap, channels of all groups; NULL: outside.
 *  `room` for rows that are made. */
typedef void outer_rows_find(const struct op_run *run, size_t first, size_t count, size_t tap, float *room,
                             const float **rows);

/** in: x, dy; out: the plain weight. */
void outer_rows_run(const struct op_run *run, const struct outer_rows_plan *plan, outer_rows_find *find);

#endif
