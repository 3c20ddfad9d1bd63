/* SPDX-License-Identifier: MIT */
/* Evaluation from inside: a plan and a loader kept between epochs, so that validating allocates nothing. */
#ifndef TRAIN_EVALUATE_H
#define TRAIN_EVALUATE_H

#include "data/loader.h"
#include "model/model.h"
#include "train/metrics.h"
#include <fovea/train.h>

struct evaluator {
    fov_context *context;
    fov_plan *plan;
    struct loader *loader;
    const fov_dataset *data;
    int64_t batch, count;
    float *pixels;       /**< [batch, H, W, C], the plan's input */
    const float *scores; /**< [batch, scores]: logits, or probabilities where no logits were found */
    int32_t *labels;     /**< [batch], the model's numbers */
    uint32_t *indices;   /**< [batch] */
    struct metrics metrics;
    fov_class_match match; /**< the data's classes to the model's */
};

/** `graph` is the model's own or a copy whose input and scores (scores->logits) are given. The caller frees, after
 *  failures too. */
int evaluator_create(struct evaluator *evaluator, const fov_model *model, fov_graph *graph, fov_value input,
                     const struct model_scores *scores, const fov_dataset *data, const fov_evaluate_options *options,
                     struct error *error);
void evaluator_free(struct evaluator *evaluator);
/** Goes once through the data with the weights as they are now; the result is in .metrics. E_NUMERIC where a sample's
 *  scores make no loss, naming the sample and where in the network the first bad number stood. */
int evaluator_run(struct evaluator *evaluator, struct error *error);

#endif
