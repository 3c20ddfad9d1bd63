/* SPDX-License-Identifier: MIT */
/* A group of batches, whose gradients make one update, computed by several ranks: each its share, and then one sum over
 * all in the order of the batches, as one process would have made it. Next: ranks.h (the ring), updates.h (what is
 * summed). */
#ifndef TRAIN_RANK_GROUP_H
#define TRAIN_RANK_GROUP_H

#include "train/ranks.h"
#include "train/step.h"

struct rank_group {
    const fov_ranks *ranks; /**< NULL: this process is alone, and nothing here is asked */
    struct memory *memory;
    size_t elements;   /**< of all sums together */
    float *total;      /**< [elements] */
    float *own;        /**< [batches][elements]: this rank's, one by one; of rank 0 nothing: it begins the sum */
    int64_t collected; /**< of `own`, in this group */
};

/** For groups of `batches` at most. The caller frees, after failures too. */
int rank_group_open(struct rank_group *group, const fov_ranks *ranks, const struct training_step *step, int64_t batches,
                    struct error *error);
void rank_group_close(struct rank_group *group);

/** Of rank 0 all parameters and what the optimiser remembers become those of every rank. */
int rank_group_begin(const struct rank_group *group, const struct training_step *step, struct error *error);
/** As step_collect, for a batch of this rank's. */
bool rank_group_collect(struct rank_group *group, const struct training_step *step, const struct step_plan *plan,
                        const struct update_moment *moment);
/** The step's sums become those over all batches of the group. */
int rank_group_add(struct rank_group *group, const struct training_step *step, struct error *error);

#endif
