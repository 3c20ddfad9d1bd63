/* SPDX-License-Identifier: MIT */
/* A group is the batches whose gradients make one update. Several ranks compute it together: each rank its share of the
 * batches, then one sum over all of them in the order of the batches, with the same bits as in one process. The sum
 * begins while the last batch's gradients are still being computed: a thread sends what is complete, from the network's
 * last layers to its first. Read next: ranks.h (the ring), updates.h (what is summed). */
#ifndef TRAIN_RANK_GROUP_H
#define TRAIN_RANK_GROUP_H

#include "train/ranks.h"
#include "train/step.h"
#include <pthread.h>

struct rank_group {
    const fov_ranks *ranks; /**< NULL: this process trains alone, and the functions below are not called */
    struct memory *memory;
    const struct training_step *step; /**< whose parameters hold the sums; steps for other picture sizes share them */
    int *order;        /**< [sums]: their numbers in the order of sending, the same on all ranks */
    size_t elements;   /**< of all sums (gradients and statistics) together */
    float *total;      /**< [elements], in that order: the sum over all ranks */
    float *own;        /**< [batches - 1][elements]: this rank's batches but the last one, kept apart; unused by rank 0:
                            it sums first */
    int64_t batches, collected; /**< of this group: this rank's batches, and those computed so far */

    /** While a thread of the group sends: how far the sums are complete. */
    struct rank_sending {
        bool started;
        int sums;        /**< sums complete, in the order of sending */
        size_t elements; /**< of these */
        pthread_t thread;
        pthread_mutex_t mutex; /**< guards `elements` */
        pthread_cond_t more;
        int status; /**< of the exchange, once the thread has ended */
        struct error error;
    } sending;
};

/** For groups of at most `batches` batches. The caller calls rank_group_close, after a failure too. */
int rank_group_open(struct rank_group *group, const fov_ranks *ranks, const struct training_step *step, int64_t batches,
                    struct error *error);
void rank_group_close(struct rank_group *group);

/** Sends rank 0's parameters and optimiser state to all ranks. */
int rank_group_begin(const struct rank_group *group, const struct training_step *step, struct error *error);
/** Begins a group of which this rank computes `batches` batches. */
void rank_group_start(struct rank_group *group, int64_t batches);
/** Like step_collect, for one of this rank's batches. The last one starts the exchange between the ranks, unless the
 *  transport belongs to one thread. */
bool rank_group_collect(struct rank_group *group, const struct training_step *step, const struct step_plan *plan,
                        const struct update_moment *moment);
/** Ends a group: replaces the sums by those over all batches of the group, on every rank. `status`: of this rank's
 *  batches; if a rank has failed, all ranks fail (ranks_agree), and nothing was summed. */
int rank_group_add(struct rank_group *group, int status, struct error *error);

#endif
