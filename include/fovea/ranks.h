/* SPDX-License-Identifier: MIT */
/* Training of one model by several processes, on one machine or many. Each process is a rank and has all weights. The
 * batches whose gradients make one update (fov_train_options.accumulate) are distributed over the ranks, and the sum of
 * gradients passes through the ranks in the order of the batches, while the gradients of the network's first layers are
 * still being computed. So any number of ranks gives the same bits as one process.
 *
 * The caller provides the communication between ranks: two functions. The command uses MPI
 * (`mpirun -np 4 fovea train ...`). */
#ifndef FOVEA_RANKS_H
#define FOVEA_RANKS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** This process's place among the ranks. Messages between two ranks must arrive complete and in the order in which they
 *  were sent. Gradients are sent while others are still being computed, by a thread of the library: `send` and `receive`
 *  are called by that thread or by the one that trains, never by both at once. */
typedef struct fov_ranks {
    int rank;  /**< 0 .. count - 1; only rank 0 writes the run's folder and has its callbacks called */
    int count; /**< number of ranks; 1: this process alone */
    /** Sends `bytes` bytes at `data` to rank `to`; may block until they are received. Nonzero: that rank is lost. */
    int (*send)(void *user, int to, const void *data, size_t bytes);
    /** Waits for `bytes` bytes from rank `from` and writes them to `data`. Nonzero: that rank is lost. */
    int (*receive)(void *user, int from, void *data, size_t bytes);
    void *user;
    int one_thread; /**< nonzero: both are called only by the thread that trains, and gradients sent only when all are
                         computed */
} fov_ranks;

#ifdef __cplusplus
}
#endif
#endif
