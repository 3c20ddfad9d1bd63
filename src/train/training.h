/* SPDX-License-Identifier: MIT */
/* The state of a training run, and the functions that its files offer each other: opening.c sets the run up, batches.c
 * computes batches, together.c coordinates several ranks, callers.c calls the program's callbacks. The loop itself is
 * in train.c: read that first. */
#ifndef TRAIN_TRAINING_H
#define TRAIN_TRAINING_H

#include "data/prefetch.h"
#include "train/evaluate.h"
#include "train/rank_group.h"
#include "train/run_folder.h"
#include "train/scales.h"

/* What one batch contributes to the epoch's figures. */
struct counted {
    double loss, samples;
    double sums[2 * TASK_MOST_FIGURES];
};

struct training {
    fov_context *context;
    struct error *error;
    struct arithmetic *host; /* the caller's floating-point mode, restored while its callbacks run */
    fov_model *model;
    fov_model *resized; /* copy of the model for the pictures' size in training (train_size); NULL: its own size */
    fov_dataset *data;
    struct train_settings settings;
    struct task_use use; /* the task for the model and the training data */
    struct training_step step;
    struct scales scales; /* further picture sizes (multi_scale) */
    struct train_state state;
    struct run_folder folder;
    struct prefetch *prefetch;
    struct pipeline *augment; /* NULL: none */
    struct evaluator validation;
    uint32_t *order;         /* [samples]: order of the samples in the current epoch */
    struct rank_group group; /* .ranks NULL: one process trains alone */
    uint32_t *own;           /* [samples]: the part of `order` that this rank computes; without ranks `order` itself */
    struct counted *counted; /* [2][batches of a group], with ranks only: figures of all ranks, of this rank */
    double waited;           /* seconds spent waiting for samples before this epoch */
    int64_t count;           /* samples in the training data */
    int lock;                /* on the run's folder */
    double rate;             /* learning rate of the last step; if the program chooses rates, of the current step */
    bool stopping;           /* a callback asked to stop; at an epoch's last step, the epoch is ended first */
    bool finishing;          /* a callback asked to end the run as if all epochs were done */
};

/* ---- opening.c --------------------------------------------------------------------------------------------------- */

/** Allocates and compiles everything that a run needs before its first step. Call training_close after a failure
 *  too. */
int training_open(struct training *t, const fov_train_options *options);
void training_close(struct training *t);

/* ---- batches.c --------------------------------------------------------------------------------------------------- */

/** Draws the order of samples of the epoch and starts preparing them, from the present step on. */
int training_begin_batches(struct training *t);
/** The end (exclusive) of the group of batches that batch `step` belongs to; a group makes one update. */
int64_t training_group_end(const struct training *t, int64_t step);
/** Computes the next batch; with several ranks, the next group. *rate: its learning rate; *loss: of the last batch.
 *  E_NUMERIC: a loss is not finite. */
int training_batches(struct training *t, double *rate, double *loss);
/** Share of the run's time that has passed; negative: the run ends by epochs. */
double training_time_share(const struct training *t);
/** Sets E_NUMERIC with epoch, step, rate and cause. The model keeps the weights of the last good epoch. */
int training_fail_numeric(const struct training *t, int64_t step, const char *what, const char *cause, double rate);

/* ---- scales.c ---------------------------------------------------------------------------------------------------- */

/** Prepares the further sizes that the options ask for, if any; the step of the run's own size must exist. */
int scales_open(struct training *t);
void scales_close(struct training *t);
/** Compiles the run's own step and those of other sizes. */
int scales_compile(struct training *t);
const fov_plan *scales_largest_plan(struct training *t);
/** Fills in how the loader prepares pictures of the further sizes; `own`: for the run's own size. Returns how many. */
int scales_forms(const struct training *t, const struct prepare_options *own, struct loader_form forms[]);
/** Tells the loader the size of batch `step` of this epoch, which is its batch number `place`. */
void scales_begin_batch(struct training *t, int64_t step, size_t place);
/** The task and the training step that compute batch `step` of this epoch. */
struct sized scales_of_batch(const struct training *t, int64_t step);
/** Call it before plans of this step run: another size's step may have updated the weights since. */
void scales_turn_to(struct training *t, const struct training_step *step);

/* ---- together.c -------------------------------------------------------------------------------------------------- */

/** Removes run folder and callbacks from all ranks but rank 0. */
void training_settle_roles(struct training *t);
int training_open_ranks(struct training *t);
/** Makes all ranks agree on `status`, and copies rank 0's clock, *ended and requests to stop or finish to all. */
int training_keep_together(struct training *t, int status, bool *ended);
/** Checks that all ranks were started alike, and copies rank 0's position and weights to all. */
int training_begin_together(struct training *t, int status);

/* ---- callers.c --------------------------------------------------------------------------------------------------- */

/** Around a callback: gives the context to the program as between two calls of the library, and takes it back. */
int training_leave(struct training *t);
void training_come_back(struct training *t, int depth);
/** Calls on_step or on_epoch; its answer sets .finishing or .stopping. */
void training_tell(struct training *t, int (*function)(const fov_progress *progress, void *user),
                   const fov_progress *progress);
void training_ask_order(struct training *t);
void training_show_plan(struct training *t, const fov_plan *plan);

#endif
