/* SPDX-License-Identifier: MIT */
/* A checkpoint holds everything that a run needs to continue bit for bit: weights, optimiser state, position, the sums
 * of the epoch in progress, the history, and the options that a resumed run must repeat. It is one safetensors file
 * with a hash, written beside the old one and renamed over it. Random numbers need no state: they are functions of
 * (seed, epoch, sample). */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include "train/history.h"
#include "train/step.h"

/** The position of a run. "Current" is the epoch in progress. */
struct train_state {
    int64_t epoch;         /**< finished epochs */
    int64_t step;          /**< finished steps of the current epoch */
    int64_t total;         /**< finished steps since the beginning */
    double loss;           /**< of the current epoch: sum over samples */
    int64_t seen;          /**< of the current epoch: samples */
    double sums[2 * TASK_MOST_FIGURES]; /**< of the current epoch: numerators and denominators of figures (task.sum) */
    double seconds;        /**< of training in the current epoch */
    double spent;          /**< seconds of training in the finished epochs */
    int64_t best_epoch;    /**< from 1; 0: none yet */
    double best;           /**< score of the best epoch; larger is better */
    struct history history;
    struct schedule_state schedule;
};

/** What identifies a run besides its options. */
struct train_identity {
    uint64_t seed;
    const char *data; /**< "mnist" */
    int64_t count;
    uint64_t fingerprint; /**< of the data's content */
    uint64_t task_files; /**< task_use.files */
    int classes;
    char *const *class_names; /**< [classes], the data's */
};

int checkpoint_write(const char *path, const struct training_step *step, const struct train_settings *settings,
                     const struct train_identity *identity, const struct train_state *state, struct error *error);
/** Restores weights, optimiser state and `state`. E_INPUT: the file is damaged or belongs to another network; E_USAGE:
 *  an option differs from the checkpoint's. After a failure `step` may be partly changed and must be discarded. */
int checkpoint_read(const char *path, struct training_step *step, const struct train_settings *settings,
                    const struct train_identity *identity, struct train_state *state, struct error *error);

#endif
