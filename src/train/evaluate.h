/* SPDX-License-Identifier: MIT */
/* Evaluation from inside: a plan and a loader kept between epochs, so that validating allocates nothing. What is
 * counted is the task's business. */
#ifndef TRAIN_EVALUATE_H
#define TRAIN_EVALUATE_H

#include "data/views.h"
#include "task/task.h"
#include <fovea/plan.h>

struct evaluator {
    fov_context *context;
    struct task_use use; /**< of the model and the data to be measured with */
    struct task_tally tally;
    fov_plan *plan;
    struct loader *loader;
    int64_t batch, count;
    float *pixels;        /**< [batch, H, W, C], the plan's input */
    fov_value output;
    const float *outputs; /**< what the task counts from */
    void *targets;        /**< of a batch, as the task writes them */
    uint32_t *indices;    /**< [batch] */
    struct views views;   /**< of each picture */
    float *pictures;      /**< [batch, H, W, C]: of which views are made; NULL: each picture is looked at once */
    float *sums;          /**< of outputs over views, weighted; in place of .outputs */
    void (*on_sample)(const fov_sample_result *result, void *user); /**< NULL: nobody looks at single ones */
    void *user;
};

/** What is measured: a model's own graph, or a copy whose input and scores are given. */
struct evaluated {
    const fov_model *model;
    fov_graph *graph;
    fov_value input;
    struct model_scores scores; /**< of the graph; no .logits: as the task reads the model's output */
    const struct task_use *learned; /**< of the training that is looked at; NULL: none */
};

/** `task`: as fov_train_options has it. The caller frees, after failures too. */
int evaluator_create(struct evaluator *evaluator, const struct evaluated *what, const fov_dataset *data,
                     const fov_evaluate_options *options, struct error *error);
void evaluator_free(struct evaluator *evaluator);
/** Goes once through the data with the weights as they are now; the result is in .tally. E_NUMERIC where a sample's
 *  scores make no loss, naming the sample and where in the network the first bad number stood. */
int evaluator_run(struct evaluator *evaluator, struct error *error);
/** The task's figures; answers how many. */
int evaluator_figures(const struct evaluator *evaluator, fov_task_figure figures[FOV_TASK_FIGURES]);

#endif
