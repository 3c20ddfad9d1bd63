/* SPDX-License-Identifier: MIT */
/* Weight gradients as sums of outer products of whole rows, on tiles (kernel outer_rows): dweight[f][c][t] = sum over
 * pixels p of x[row of p through tap t][c] * dy[p][f]. Here: how the weight and the pixels are cut into jobs, the order
 * of the sums, how the result becomes a plain weight. The caller supplies the rows of x (outer_rows_find). */
#ifndef OP_OUTER_ROWS_H
#define OP_OUTER_ROWS_H

#include "op/op.h"

/** How the work is cut, from shapes alone. A job is a piece of the weight (some filters by some channels for one tap)
 * summed over one part of the pixels. Filters and channels are those of one group. */
struct outer_rows_plan {
    size_t pixels, groups, channels, filters, taps;
    size_t channel_parts, filter_parts, pixel_parts;
    size_t channel_part, filter_part; /**< channels and filters of a part; the last part may be smaller */
    size_t sum_stride, sum_floats, workspace_floats; /**< of a job, in a worker's scratch */
    size_t made_floats;                              /**< after these: rows of x that are computed on demand */
    size_t worker_floats, scratch_floats;            /**< scratch: [pixel parts][groups][taps][filters][channels] */
};

/** The caller has set `pixels` to `taps`; fills the rest. `made`: rows of x are computed on demand (op_comes_as_rows).
 *  False: not worth it, or this instruction set has no tiles. */
bool outer_rows_plan(struct outer_rows_plan *plan, const struct kernel_table *kernel, bool made);

/** Sets rows[i] to the row of x (channels of all groups) that pixel first + i reads through the tap; NULL: outside x.
 *  Rows that are computed on demand go into `workspace`. */
typedef void outer_rows_find(const struct op_run *run, size_t first, size_t count, size_t tap, float *workspace,
                             const float **rows);

/** Inputs: x, dy; output: the gradient of the weight, in plain order. */
void outer_rows_run(const struct op_run *run, const struct outer_rows_plan *plan, outer_rows_find *find);

#endif
