/* SPDX-License-Identifier: MIT */
/* What a run of training holds while it goes on, and what the files that share it offer each other: opening.c makes it
 * ready, batches.c computes, together.c is for several ranks, callers.c asks the program's functions. The order of
 * things is in train.c: read that first. */
#ifndef TRAIN_TRAINING_H
#define TRAIN_TRAINING_H

#include "data/prefetch.h"
#include "train/evaluate.h"
#include "train/rank_group.h"
#include "train/run_folder.h"
#include "train/scales.h"

/* What a batch adds to its epoch's figures. */
struct counted {
    double loss, samples;
    double sums[2 * TASK_MOST_FIGURES];
};

struct training {
    fov_context *context;
    struct error *error;
    struct arithmetic *host; /* the caller's arithmetic, which its callbacks get back */
    fov_model *model;
    fov_model *resized; /* a copy that takes pictures of the size that is trained with; NULL: that is the model's own */
    fov_dataset *data;
    struct train_settings settings;
    struct task_use use; /* of the model and the data to learn from */
    struct training_step step;
    struct scales scales; /* other sizes of pictures */
    struct train_state state;
    struct run_folder folder;
    struct prefetch *prefetch;
    struct pipeline *augment; /* NULL: none */
    struct evaluator validation;
    uint32_t *order;         /* [samples] of the running epoch */
    struct rank_group group; /* .ranks NULL: one process trains alone */
    uint32_t *own;           /* [samples] those of them that this rank sees; alone: `order` itself */
    struct counted *counted; /* [2][batches] of a group, where there are ranks: of all, of this one */
    double waited;           /* for samples, before this epoch: seconds */
    int64_t count;           /* samples */
    int lock;                /* on the run's folder */
    double rate;             /* of the last step; where the program chooses, of the one under way */
    bool stopping;           /* asked to at an epoch's last step: its end comes first */
    bool finishing;          /* asked to end as if all epochs were done */
};

/* ---- opening.c --------------------------------------------------------------------------------------------------- */

/** All that a run needs, in memory, before its first step. training_close is to be called after failures, too. */
int training_open(struct training *t, const fov_train_options *options);
void training_close(struct training *t);

/* ---- batches.c --------------------------------------------------------------------------------------------------- */

/** Decides the epoch's order of samples, which begin to be prepared from the step on at which it stands. */
int training_begin_batches(struct training *t);
/** The batch behind the last one of the group that batch `step` is of. */
int64_t training_group_end(const struct training *t, int64_t step);
/** What makes an update, or, in one process alone, what adds to one: a batch. Answers its rate, and the loss of the
 *  last one. E_NUMERIC where that is not finite. */
int training_batches(struct training *t, double *rate, double *loss);
/** The share of its time that the run has taken; negative: it ends by epochs. */
double training_time_share(const struct training *t);
/** E_NUMERIC with everything one needs to find the cause. The model keeps the weights of the last good epoch. */
int training_fail_numeric(const struct training *t, int64_t step, const char *what, const char *cause, double rate);

/* ---- scales.c ---------------------------------------------------------------------------------------------------- */

/** The sizes that the options ask for beside the run's own, whose step is there; none is fine. */
int scales_open(struct training *t);
void scales_close(struct training *t);
/** Compiles the run's own step and those of other sizes. */
int scales_compile(struct training *t);
const fov_plan *scales_largest_plan(struct training *t);
/** How the loader makes pictures of the other sizes, where `own` is what it does for the run's. Answers how many. */
int scales_forms(const struct training *t, const struct prepare_options *own, struct loader_form forms[]);
/** Notes the size of batch `step` of this epoch for the loader, whose batch number `place` it is. */
void scales_begin_batch(struct training *t, int64_t step, size_t place);
/** With what batch `step` of this epoch is computed. */
struct sized scales_of_batch(const struct training *t, int64_t step);
/** To be called before plans of this step's graph run: others may have moved the weights. */
void scales_turn_to(struct training *t, const struct training_step *step);

/* ---- together.c -------------------------------------------------------------------------------------------------- */

/** Only rank 0 writes, and is asked. */
void training_settle_roles(struct training *t);
int training_open_ranks(struct training *t);
/** Agrees on `status`; rank 0's clock and wishes are those of all. */
int training_keep_together(struct training *t, int status, bool *ended);
/** All ranks begin where rank 0 stands, with its weights. */
int training_begin_together(struct training *t, int status);

/* ---- callers.c --------------------------------------------------------------------------------------------------- */

/** While the caller's functions run, the context is theirs as it is between two calls. */
int training_leave(struct training *t);
void training_come_back(struct training *t, int depth);
/** Whether the run goes on, by what a function answers. */
void training_tell(struct training *t, int (*function)(const fov_progress *progress, void *user),
                   const fov_progress *progress);
void training_ask_order(struct training *t);
void training_show_plan(struct training *t, const fov_plan *plan);

#endif
