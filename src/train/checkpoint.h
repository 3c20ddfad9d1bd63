/* SPDX-License-Identifier: MIT */
/* Everything a run needs to go on bit for bit: weights, optimiser state, where it stands, the running epoch's sums, the
 * history, and the options it must be continued with. One safetensors file, sealed by a hash, written beside the old
 * one and renamed over it. Random numbers need no state: they are functions of (seed, epoch, sample). */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include "train/history.h"
#include "train/step.h"

/** Where training stands. */
struct train_state {
    int64_t epoch;         /**< finished epochs */
    int64_t step;          /**< finished steps of the running epoch */
    int64_t total;         /**< finished steps since the beginning */
    double loss;           /**< of the running epoch: sum over samples */
    int64_t seen;          /**< of the running epoch: samples */
    double sums[2 * TASK_MOST_FIGURES]; /**< of the running epoch: what the task adds up (task.sum) */
    double seconds;        /**< of the running epoch */
    double spent;          /**< seconds of the finished epochs */
    int64_t best_epoch;    /**< from 1; 0: none yet */
    double best;           /**< its score; larger is better */
    struct history history;
    struct schedule_state schedule;
};

/** What identifies a run beside its options. */
struct train_identity {
    uint64_t seed;
    const char *data; /**< "mnist" */
    int64_t count;
    uint64_t fingerprint; /**< of the data's content */
    int classes;
    char *const *class_names; /**< [classes] of the data */
};

int checkpoint_write(const char *path, const struct training_step *step, const struct train_settings *settings,
                     const struct train_identity *identity, const struct train_state *state, struct error *error);
/** Fills weights, optimiser state and `state`. E_INPUT: damaged, or of another network; E_USAGE: an option differs
 *  from what it was. Nothing is changed by half: the training graph is thrown away after a failure. */
int checkpoint_read(const char *path, struct training_step *step, const struct train_settings *settings,
                    const struct train_identity *identity, struct train_state *state, struct error *error);

#endif
