/* SPDX-License-Identifier: MIT */
/* One training step as one plan: forward, loss, gradient and update of a copy of the model's graph. The copy is why a
 * model is never left half trained: it takes over the weights only at good moments (step_publish), and its own graph,
 * which is saved, stays free of gradients and optimiser state. Read next: train.c. */
#ifndef TRAIN_STEP_H
#define TRAIN_STEP_H

#include "graph/plan.h"
#include "task/task.h"
#include "train/updates.h"

struct training_step {
    fov_context *context;
    fov_graph *graph; /**< the copy, with loss, gradients and updates */
    fov_model *model;
    fov_value input;
    struct task_ends ends; /**< loss, targets, and what is counted from, in this graph */
    struct updates updates;
    int model_parameters; /**< the first ones of the graph's; the others are the optimiser's state */
    /** Where training sees pictures of another size than the model takes: the same network on the model's own. */
    struct step_whole_pictures {
        fov_value           input; /**< 0: the size is the same */
        struct model_scores scores;
    } pictures;
    const struct training_step *base; /**< whose parameters it has; NULL: its own */
    struct plan_room *room; /**< in which its plans for batches compute; NULL: each has an arena */
    int *of_model;        /**< per parameter of the graph: its id in the model's graph; 0: optimiser's */

    /** What is brought down in turn, by the task; where it is one loss, one turn for all parameters. */
    struct task_turn turns[TASK_MOST_TURNS];
    int turn_count;

    /** The plans for whole batches and those for the last, smaller batch, one for each turn. Samples are put into the
     *  first; a later one that reads them gets a copy. */
    struct step_plan {
        fov_plan *plan;
        int64_t batch;
        float *pixels;  /**< [batch, H, W, C]; NULL: this turn does not read them */
        void *targets;  /**< as the task writes them; NULL likewise */
        struct update_places places;
        size_t forward; /**< steps of the plan up to the loss; gradients and updates come behind */
        const float *loss, *outputs; /**< after a run; outputs of the first alone */
    } whole[TASK_MOST_TURNS], rest[TASK_MOST_TURNS];
    /** Where gradients are summed up over several batches: what moves the weights then. Else both plans above do. */
    fov_plan *moves;
    struct update_places moves_places;
    bool rest_left_out; /**< the last batch would be one sample, which a layer cannot take alone */
};

/** Builds the graph for a task that fits. use->model: what is trained, `model` itself or a copy of it that takes
 *  another size (its weights then go into `model`). The caller frees, after failures too. */
int step_create(struct training_step *step, fov_model *model, const struct task_use *use,
                const struct train_settings *settings, struct error *error);
/** Compiles for batches of settings->batch and the rest that `count` samples leave (unless .drop_last). A rest of one
 *  sample that cannot be computed (batch norm over single pixels has no variance then) is left out. To be called when
 *  everything else that training needs is in memory: what is left of the limit decides how much of the step is
 *  recomputed. */
int step_compile(struct training_step *step, const struct train_settings *settings, int64_t count, struct error *error);
/** Where there is a room: its plans get their memory. */
int step_bind(struct training_step *step, struct error *error);
void step_free(struct training_step *step);
/** From here on the parameters of `step`, optimiser's state included, are those of `base`, which was created in the
 *  same way for pictures of another size and must live longer. */
int step_share(struct training_step *step, const struct training_step *base, struct error *error);

/** Is a turn taken in this step? */
bool step_has_turn(const struct training_step *step, int turn, const struct update_moment *moment);
/** Runs one step with the pixels and labels in place, of step->whole or step->rest. False where a loss is not finite:
 *  then neither its turn nor a later one has updated anything but running statistics, and not even these where batches
 *  are collected. */
bool step_run(const struct training_step *step, const struct step_plan *plans, const struct update_moment *moment);
/** Its two halves where batches are collected: one batch's share of the sums, and the update made from them. */
bool step_collect(const struct training_step *step, const struct step_plan *plans, const struct update_moment *moment);
void step_move(const struct training_step *step, const struct update_moment *moment);
/** After a loss that is not finite: where the first bad number came from. */
void step_replay(const struct training_step *step, const struct step_plan *plans, int64_t number,
                 struct plan_finding *finding);

/** The first parameter that holds a number that is not finite; NULL when all are good. */
const char *step_bad_parameter(const struct training_step *step);
/** Copies the weights back into the model: their averages, where some are kept. */
int step_publish(struct training_step *step);

#endif
