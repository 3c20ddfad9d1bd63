/* SPDX-License-Identifier: MIT */
/* What ranks do together: deal batches, add in order, know of each other's failures. All of it goes round in a ring:
 * from rank 0 to the last, each adding its own, and then from the last to all others. Every call is made by all ranks,
 * in the same order. Next: train.c, which asks; fovea/ranks.h, how bytes travel. */
#ifndef TRAIN_RANKS_H
#define TRAIN_RANKS_H

#include "base/error.h"
#include <fovea/ranks.h>
#include <stdbool.h>
#include <stdint.h>

/** Which of `batches` batches are this rank's: [first, end). In order of the ranks; rank 0 has one whenever there is
 *  one. */
struct rank_share {
    int64_t first, end;
};
struct rank_share ranks_deal(const fov_ranks *ranks, int64_t batches);

/** Puts this rank's part, of `bytes` bytes from `offset` on, into what came from the ranks before it. */
typedef void rank_add(void *context, void *so_far, size_t offset, size_t bytes);
/** `data` becomes, on every rank, what all have added to rank 0's. E_IO where a rank is lost. */
int ranks_add(const fov_ranks *ranks, void *data, size_t bytes, rank_add *add, void *context, struct error *error);
/** Rank 0's becomes that of all. */
int ranks_spread(const fov_ranks *ranks, void *data, size_t bytes, struct error *error);
/** Whether all ranks came here well: the status of the first that did not, whose sentence the others then have, too. */
int ranks_agree(const fov_ranks *ranks, int status, struct error *error);

#endif
