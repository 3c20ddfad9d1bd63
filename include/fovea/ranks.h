/* SPDX-License-Identifier: MIT */
/* Several processes that train one model together, on one machine or many. Each is a rank and has all weights; the
 * batches whose gradients make one update (fov_train_options.accumulate) are dealt to the ranks, and their sums go
 * through all ranks in the order of the batches. So any number of ranks ends in the same bits as one process.
 *
 * How ranks reach each other is the caller's: two functions. The command uses MPI (`mpirun -np 4 fovea train ...`). */
#ifndef FOVEA_RANKS_H
#define FOVEA_RANKS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** This process's place among the ranks. Messages between two ranks come whole, and in the order in which they were
 *  sent. */
typedef struct fov_ranks {
    int rank;  /**< 0 .. count - 1; rank 0 writes the run's folder and is the one whose callbacks are asked */
    int count; /**< 1: alone */
    /** Sends `bytes` bytes at `data` to rank `to`; may wait until they are received. Not 0: that rank is lost. */
    int (*send)(void *user, int to, const void *data, size_t bytes);
    /** Waits for `bytes` bytes of rank `from`. Not 0: that rank is lost. */
    int (*receive)(void *user, int from, void *data, size_t bytes);
    void *user;
} fov_ranks;

#ifdef __cplusplus
}
#endif
#endif
