/* SPDX-License-Identifier: MIT */
/* A group is the batches whose gradients make one update. Several ranks compute it together: each rank its share of the
 * batches, then one sum over all of them in the order of the batches, with the same bits as in one process. Read next:
 * ranks.h (the ring), updates.h (what is summed). */
#ifndef TRAIN_RANK_GROUP_H
#define TRAIN_RANK_GROUP_H

#include "train/ranks.h"
#include "train/step.h"

struct rank_group {
    const fov_ranks *ranks; /**< NULL: this process trains alone, and the functions below are not called */
    struct memory *memory;
    size_t elements;   /**< of all sums (gradients and statistics) together */
    float *total;      /**< [elements]: the sum over all ranks */
    float *own;        /**< [batches][elements]: of this rank's batches, kept apart; unused by rank 0: it sums first */
    int64_t collected; /**< batches in `own` so far */
};

/** For groups of at most `batches` batches. The caller calls rank_group_close, after a failure too. */
int rank_group_open(struct rank_group *group, const fov_ranks *ranks, const struct training_step *step, int64_t batches,
                    struct error *error);
void rank_group_close(struct rank_group *group);

/** Sends rank 0's parameters and optimiser state to all ranks. */
int rank_group_begin(const struct rank_group *group, const struct training_step *step, struct error *error);
/** Like step_collect, for one of this rank's batches. */
bool rank_group_collect(struct rank_group *group, const struct training_step *step, const struct step_plan *plan,
                        const struct update_moment *moment);
/** Replaces the step's sums by those over all batches of the group, on every rank. */
int rank_group_add(struct rank_group *group, const struct training_step *step, struct error *error);

#endif
