/* SPDX-License-Identifier: MIT */
/* A training step as a plan: forward, loss, gradient and update of a copy of the model's graph. Because it is a copy,
 * the model is never left half trained: it receives the weights only when they are consistent (step_publish), and its
 * own graph, which is saved, stays free of gradients and optimiser state. Read next: train.c. */
#ifndef TRAIN_STEP_H
#define TRAIN_STEP_H

#include "graph/plan.h"
#include "task/task.h"
#include "train/updates.h"

struct training_step {
    fov_context *context;
    fov_graph *graph; /**< the copy, with loss, gradients and updates */
    fov_model *model; /**< receives the weights when they are published */
    fov_value input;
    fov_value row_inputs[LOADER_MOST_ROWS]; /**< inputs besides the pictures', in this graph (task_use.rows) */
    int row_count;
    struct task_ends ends; /**< loss, targets, and the scores that figures are counted from, in this graph */
    struct updates updates;
    int model_parameters; /**< the graph's first parameters are the model's; the others are the optimiser's state */
    /** If training uses another picture size than the model: the same network, with the same weights, for pictures of
     *  the model's own size, for validation. */
    struct step_whole_pictures {
        fov_value           input; /**< 0: the sizes are the same */
        struct model_scores scores;
    } pictures;
    const struct training_step *base; /**< step whose parameters this one shares; NULL: it has its own */
    struct plan_arena *arena; /**< shared by its plans for batches; NULL: each has its own */
    int *of_model;        /**< per parameter of the graph: its id in the model's graph; 0: optimiser's state */

    /** The losses that a step minimises in turn, as with the two networks of a GAN; one loss for all parameters is a
     *  single turn. */
    struct task_turn turns[TASK_MOST_TURNS];
    int turn_count;

    /** The plans for whole batches, and those for the last, smaller batch: one for each turn. Samples are written into
     *  the first turn's plan; the plan of a later turn gets a copy if it reads them. */
    struct step_plan {
        fov_plan *plan;
        int64_t batch;
        struct loader_batch samples; /**< its inputs; members that this turn does not read are NULL */
        struct update_places places;
        size_t forward; /**< number of the plan's steps up to the loss; gradients and updates follow */
        size_t *final;  /**< [updates.sum_count] the number of steps after which a sum of gradients has this batch's
                             share; 0: another turn's plan adds it. NULL: no accumulation */
        const float *loss, *outputs; /**< results of a run; outputs: of the first turn only, else NULL */
    } whole[TASK_MOST_TURNS], rest[TASK_MOST_TURNS];
    /** With gradient accumulation over several batches: the plan that updates the weights from the sums. NULL: the
     *  plans above update them. */
    fov_plan *moves;
    struct update_places moves_places;
    bool rest_left_out; /**< the last batch is dropped: it is a single sample, which a layer cannot take alone */
};

/** Builds the graph for a task that fits the model. use->model: the model to train, which is `model` or a copy of it
 *  for another picture size (step_publish writes to `model` in either case). The caller calls step_free, after a
 *  failure too. */
int step_create(struct training_step *step, fov_model *model, const struct task_use *use,
                const struct train_settings *settings, struct error *error);
/** Compiles plans for batches of settings->batch, and for the smaller batch that `count` samples leave over (unless
 *  .drop_last). If that is a single sample which cannot be computed (batch norm over single pixels has no variance
 *  then), it is left out. Call this when everything else that training needs is in memory: the rest of the memory limit
 *  decides how much of the step is rematerialised. */
int step_compile(struct training_step *step, const struct train_settings *settings, int64_t count, struct error *error);
/** If the step's plans share an arena (.arena), assigns their memory, once the arena is open. */
int step_bind(struct training_step *step, struct error *error);
void step_free(struct training_step *step);
/** Makes `step` use the memory of the parameters (optimiser state included) of `base`, which was created in the same
 *  way for another picture size and must outlive it. */
int step_share(struct training_step *step, const struct training_step *base, struct error *error);

/** Whether the turn takes place in this step: a turn may run only every few steps. */
bool step_has_turn(const struct training_step *step, int turn, const struct update_moment *moment);
/** Runs one step with the pixels and targets in place, of step->whole or step->rest. False: a loss is not finite;
 *  neither its turn nor a later one has then updated anything but running statistics, and not even these if gradients
 *  are accumulated. */
bool step_run(const struct training_step *step, const struct step_plan *plans, const struct update_moment *moment);
/** The two halves of step_run with gradient accumulation: adding one batch to the sums, and the update from the
 *  sums. */
bool step_collect(const struct training_step *step, const struct step_plan *plans, const struct update_moment *moment);
/** step_collect that tells which sums are complete while gradients are still being computed: `passed` is called once
 *  the last turn's loss is known to be finite, so that nothing can fail any more, and then after each step of that
 *  turn's plan, with the plan and the number of its steps that have run. */
struct step_watch {
    void (*passed)(void *context, const struct step_plan *plan, size_t steps);
    void *context;
};
bool step_collect_watched(const struct training_step *step, const struct step_plan *plans,
                          const struct update_moment *moment, const struct step_watch *watch);
void step_move(const struct training_step *step, const struct update_moment *moment);
/** After a loss that is not finite: runs the forward part again to find where the first bad number appeared. */
void step_replay(const struct training_step *step, const struct step_plan *plans, int64_t number,
                 struct plan_finding *finding);

/** Name of the first parameter that holds a number that is not finite; NULL: all are finite. */
const char *step_bad_parameter(const struct training_step *step);
/** Copies the weights, or their averages if these are kept (ema), to the model. */
int step_publish(struct training_step *step);

#endif
