/* SPDX-License-Identifier: MIT */
/* Internals of evaluation: an evaluator keeps its plan and loader between epochs, so that validation allocates nothing.
 * The task decides which figures are counted. */
#ifndef TRAIN_EVALUATE_H
#define TRAIN_EVALUATE_H

#include "data/views.h"
#include "task/task.h"
#include <fovea/plan.h>

struct evaluator {
    fov_context *context;
    struct task_use use; /**< the task for the model and the data to evaluate on */
    struct task_tally tally;
    fov_plan *plan;
    struct loader *loader;
    int64_t batch, count;
    float *pixels;        /**< [batch, H, W, C], the plan's input */
    fov_value output;
    const float *outputs; /**< of a batch, from which the task counts */
    void *targets;        /**< of a batch, in the task's format */
    void *rows[LOADER_MOST_ROWS]; /**< of a batch, the plan's further inputs */
    uint32_t *indices;    /**< [batch]: samples of the batch */
    struct views views;   /**< variants of each picture whose outputs are averaged (test-time augmentation) */
    float *pictures;      /**< [batch, H, W, C]: the originals that views are made from; NULL: a single view */
    float *sums;          /**< weighted sums of outputs over the views, which .outputs then points to */
    void (*on_sample)(const fov_sample_result *result, void *user); /**< the caller's function; may be NULL */
    void *user;
};

/** What to evaluate: a model with its own graph, or with a copy of it whose input and scores are given. */
struct evaluated {
    const fov_model *model;
    fov_graph *graph;
    fov_value input;
    struct model_scores scores; /**< of the graph; .logits.id 0: those that the task finds in the model */
    const fov_value *row_inputs;    /**< the further inputs in the graph; NULL: it is the model's own */
    const struct task_use *learned; /**< the training task, when a run validates; else NULL */
    bool reports; /**< a report is asked for, not figures alone */
};

/** Options as in fov_evaluate_options. The caller calls evaluator_free, after a failure too. */
int evaluator_create(struct evaluator *evaluator, const struct evaluated *what, const fov_dataset *data,
                     const fov_evaluate_options *options, struct error *error);
void evaluator_free(struct evaluator *evaluator);
/** Evaluates all samples with the present weights; the result is in .tally. E_NUMERIC: a sample's scores are not
 *  finite; the sentence names the sample and the layer where the first bad number appeared. */
int evaluator_run(struct evaluator *evaluator, struct error *error);
/** Fills in the task's figures; returns how many. */
int evaluator_figures(const struct evaluator *evaluator, fov_task_figure figures[FOV_TASK_FIGURES]);

#endif
