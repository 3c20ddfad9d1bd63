/* SPDX-License-Identifier: MIT */
/* Losses are computed from logits wherever the network has some, because probabilities may have been rounded to 0 or
 * 1. */
#include "task/class_loss.h"
#include <fovea/operators.h>

/* Reshapes scores to [N, count]: a model file may have them as [N, count, 1, 1], or a single score per sample as
 * [N]. */
static fov_value as_rows(fov_graph *graph, fov_value x, int count)
{
    fov_shape shape = fov_value_shape(graph, x);
    if (shape.rank == 2) {
        return x;
    }
    return shape.rank > 2 ? fov_flatten(graph, x)
                          : fov_reshape(graph, x, (fov_shape){.rank = 2, .dim = {FOV_BATCH, count}});
}

/* Targets f32 [N, count]: 1 for the score of the label (with a single score: where the label is 1), 0 for the others;
 * label smoothing moves both towards one half. */
static fov_value add_targets(fov_graph *graph, fov_value labels, int count, float smoothing)
{
    const struct op_emitter *emitter = fov_graph_emitter(graph);
    const float ends[] = {smoothing / 2, 1 - smoothing / 2};
    const int64_t depth = count > 1 ? count : 2;
    fov_value two = fov_constant(graph, "optimizer.targets", FOV_F32, (fov_shape){1, {2}}, ends);
    if (count == 1) {
        fov_value rows = fov_reshape(graph, labels, (fov_shape){.rank = 2, .dim = {FOV_BATCH, 1}});
        return fov_gather(graph, two, rows, 0);
    }
    fov_value places = fov_constant(graph, "optimizer.classes", FOV_I64, (fov_shape){1, {1}}, &depth);
    return op_emit3(emitter, "one_hot", labels, places, two, NULL);
}

/* Smooths rows y of weights towards the uniform weight `even`: y (1 - s) + s * even. */
static fov_value smooth(fov_graph *graph, fov_value rows, float smoothing, float even)
{
    const float numbers[] = {1 - smoothing, smoothing * even};
    if (smoothing <= 0) {
        return rows;
    }
    fov_value kept = fov_constant(graph, NULL, FOV_F32, (fov_shape){0}, &numbers[0]);
    return fov_add(graph, fov_mul(graph, rows, kept), fov_constant(graph, NULL, FOV_F32, (fov_shape){0}, &numbers[1]));
}

static fov_value add_binary(fov_graph *graph, struct model_scores *scores, fov_value labels,
                            const struct class_loss_options *options)
{
    scores->logits = as_rows(graph, scores->logits, scores->count);
    fov_value targets = options->rows ? smooth(graph, labels, options->label_smoothing, 0.5F)
                                      : add_targets(graph, labels, scores->count, options->label_smoothing);
    fov_loss_options of_probabilities = {.name = "optimizer.loss"};
    fov_bce_logits_options of_logits = {.name = "optimizer.loss"};
    return scores->is_probable ? fov_bce_opt(graph, scores->logits, targets, &of_probabilities)
                               : fov_bce_logits_opt(graph, scores->logits, targets, &of_logits);
}

/* Cross-entropy with rows y of weights as targets: -sum w y' ln p / sum w y, where y' are the smoothed rows and w the
 * class weights. For rows with a single 1 it equals softmax_cross_entropy with that label. */
static fov_value add_soft(fov_graph *graph, fov_value logits, fov_value rows, int count,
                          const struct class_loss_options *options)
{
    fov_value smoothed = smooth(graph, rows, options->label_smoothing, 1.0F / (float)count);
    if (options->weights != NULL) {
        fov_value weights =
            fov_constant(graph, NULL, FOV_F32, (fov_shape){1, {count}}, options->weights);
        rows = fov_mul(graph, rows, weights);
        smoothed = fov_mul(graph, smoothed, weights);
    }
    fov_value each = fov_mul(graph, smoothed, fov_log_softmax(graph, logits));
    return fov_div(graph, fov_neg(graph, fov_reduce_sum_opt(graph, each, NULL)), fov_reduce_sum_opt(graph, rows, NULL));
}

static fov_value add_labels(fov_graph *graph, const struct class_loss_options *options, int count)
{
    fov_shape labels = {1, {FOV_BATCH}}, rows = {2, {FOV_BATCH, count}};
    return fov_input(graph, .name = "optimizer.labels", .dtype = options->rows ? FOV_F32 : FOV_I32,
                     .shape = options->rows ? rows : labels);
}

struct class_loss class_loss_add(fov_graph *graph, struct model_scores *scores,
                                 const struct class_loss_options *options)
{
    struct class_loss loss = {.labels = add_labels(graph, options, scores->count)};
    if (scores->independent) {
        loss.loss = add_binary(graph, scores, loss.labels, options);
        return loss;
    }
    scores->logits = as_rows(graph, scores->logits, scores->count);
    if (scores->is_probable) { /* softmax(log p) is p. Clipped as in Keras, because p may have been rounded to 0 */
        scores->logits = fov_log(graph, fov_clip(graph, scores->logits, 1e-7F, 1));
        scores->is_probable = false;
    }
    fov_cross_entropy_options cross_entropy = {.label_smoothing = options->label_smoothing, .name = "optimizer.loss"};
    if (options->weights != NULL && !options->rows) {
        fov_shape classes = {1, {scores->count}};
        cross_entropy.weights =
            fov_constant(graph, "optimizer.class_weights", FOV_F32, classes, options->weights);
    }
    loss.loss = options->rows
                    ? add_soft(graph, scores->logits, loss.labels, scores->count, options)
                    : fov_softmax_cross_entropy_opt(graph, scores->logits, loss.labels, &cross_entropy);
    cross_entropy.name = NULL;
    for (int i = 0; options->auxiliary != NULL && i < MOST_AUXILIARY_HEADS && options->auxiliary[i].share > 0; i++) {
        const struct auxiliary_head *head = &options->auxiliary[i];
        fov_value logits = as_rows(graph, head->logits, scores->count);
        fov_value more = options->rows
                             ? add_soft(graph, logits, loss.labels, scores->count, options)
                             : fov_softmax_cross_entropy_opt(graph, logits, loss.labels, &cross_entropy);
        fov_value share = fov_constant(graph, NULL, FOV_F32, (fov_shape){0}, &head->share);
        loss.loss = fov_add(graph, loss.loss, fov_mul(graph, share, more));
    }
    return loss;
}
