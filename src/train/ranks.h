/* SPDX-License-Identifier: MIT */
/* Collective operations of the ranks (processes that train together): sharing out batches, summing in order, agreeing
 * on failures. Data travels in a ring: from rank 0 to the last rank, each adding its part, and then from the last to
 * all others. All ranks must make the same calls in the same order, one at a time. Read next: train.c, the caller;
 * fovea/ranks.h, the transport. */
#ifndef TRAIN_RANKS_H
#define TRAIN_RANKS_H

#include "base/error.h"
#include <fovea/ranks.h>
#include <stdbool.h>
#include <stdint.h>

/** This rank's share of `batches` batches, [first, end). Shares are in the order of the ranks; rank 0 has at least one
 *  batch. */
struct rank_share {
    int64_t first, end;
};
struct rank_share ranks_deal(const fov_ranks *ranks, int64_t batches);

/** Adds this rank's data to `so_far`, the result of the ranks before it (on rank 0: what its `data` holds): a piece of
 *  `bytes` bytes at `offset`. Called for pieces in ascending order; may wait until this rank's data are complete. */
typedef void rank_add(void *context, void *so_far, size_t offset, size_t bytes);
/** All-reduce: on every rank `data` becomes rank 0's data with what all ranks have added, in their order. E_IO: a rank
 *  is lost. */
int ranks_add(const fov_ranks *ranks, void *data, size_t bytes, rank_add *add, void *context, struct error *error);
/** Broadcast: on every rank `data` becomes rank 0's. */
int ranks_spread(const fov_ranks *ranks, void *data, size_t bytes, struct error *error);
/** Barrier that exchanges statuses: FOV_OK if every rank has passed FOV_OK; else each rank's own failure, or that of
 *  the first rank that failed, with its sentence. */
int ranks_agree(const fov_ranks *ranks, int status, struct error *error);

#endif
