/* SPDX-License-Identifier: MIT */
/* Evaluates the best model once more and collects, sample by sample: the greatest losses, how sure the answers were,
 * and scores for ranking curves. */
#include "device/context.h"
#include "review/review.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { RANKED_BYTES = 64 << 20 /* limit of the scores that are kept for curves */ };

/* Inserts a sample into the sorted list of the greatest losses; of equal losses the earlier sample comes first. */
static void keep_worst(struct review *review, const fov_sample_result *result)
{
    int at = review->worst_count;
    while (at > 0 && result->loss > review->worst[at - 1].loss) {
        at--;
    }
    if (at >= review->worst_capacity) {
        return;
    }
    int moved = review->worst_count < review->worst_capacity ? review->worst_count : review->worst_capacity - 1;
    memmove(review->worst + at + 1, review->worst + at, (size_t)(moved - at) * sizeof *review->worst);
    review->worst[at] = (struct review_sample){.index = result->index,
                                               .loss = result->loss,
                                               .probability = result->probability,
                                               .truth = result->truth,
                                               .answer = result->answer};
    review->worst_count = moved + 1;
}

/* Keeps a sample's softmax probabilities. Where they disagree with the reported probability of the answer, the outputs
 * are no logits of one softmax: then all are dropped, and no curve is drawn. */
static void keep_scores(struct review *review, const fov_sample_result *result)
{
    int64_t count = result->output_count;
    if (review->ranked == NULL || review->ranked_count >= review->ranked_capacity || count < review->ranked_classes) {
        return;
    }
    float *row = review->ranked + review->ranked_count * review->ranked_classes;
    double largest = -INFINITY, sum = 0.0;
    for (int64_t c = 0; c < count; c++) {
        largest = fmax(largest, (double)result->outputs[c]);
    }
    for (int64_t c = 0; c < count; c++) {
        sum += exp((double)result->outputs[c] - largest);
    }
    if (fabs(exp((double)result->outputs[result->answer] - largest) / sum - result->probability) > 1e-6) {
        review->ranked_capacity = review->ranked_count = 0;
        return;
    }
    for (int c = 0; c < review->ranked_classes; c++) {
        row[c] = (float)(exp((double)result->outputs[c] - largest) / sum);
    }
    review->truths[review->ranked_count++] = result->truth;
}

static void look_at(const fov_sample_result *result, void *user)
{
    struct review *review = user;
    if (review->worst_capacity > 0 && (result->truth < 0 || result->truth != result->answer)) {
        keep_worst(review, result);
    }
    if (result->truth < 0 || isnan(result->probability)) {
        return;
    }
    int bin = (int)(result->probability * REVIEW_BINS);
    bin = bin < 0 ? 0 : bin >= REVIEW_BINS ? REVIEW_BINS - 1 : bin;
    review->bin_count[bin] += 1.0;
    review->bin_sum[bin] += result->probability;
    review->bin_right[bin] += result->truth == result->answer;
    keep_scores(review, result);
}

/* The source of the data: that of the options, else what was typed for the run (args.json), else its name
 * (config.json). */
static const char *source_of(const struct review *review, const fov_run_report_options *options)
{
    if (options != NULL && options->data != NULL) {
        return options->data;
    }
    const char *typed = json_string_value(json_object_get(review->words, "data"));
    const char *named = json_string_value(json_object_get(review->config, "data"));
    return typed != NULL ? typed : named;
}

/* The run's split for validation (args.json), unless the options give another. */
static fov_dataset_options held_back(const struct review *review, const fov_run_report_options *options)
{
    if (options != NULL && options->held_back != NULL) {
        return *options->held_back;
    }
    return (fov_dataset_options){.val_split = json_number_value(json_object_get(review->words, "val_split")),
                                 .val_last = (int64_t)json_number_value(json_object_get(review->words, "val_last")),
                                 .val_list = json_string_value(json_object_get(review->words, "val_list")),
                                 .inputs = json_string_value(json_object_get(review->words, "inputs"))};
}

/* Moves a failed call's message into .why: the page shows it, and the report goes on. */
static void give_up(struct review *review, const char *what)
{
    snprintf(review->why, sizeof review->why, "%s%.500s", what, review->context->error.text);
    error_clear(&review->context->error);
}

static int allocate_lists(struct review *review, int samples)
{
    struct error *error = &review->context->error;
    int64_t count = fov_dataset_describe(review->data).count;
    int classes = fov_model_classes(review->model);
    review->worst_capacity = samples < REVIEW_MOST_SAMPLES ? samples : REVIEW_MOST_SAMPLES;
    if (review->worst_capacity > 0) {
        review->worst =
            memory_allocate(review->memory, (size_t)review->worst_capacity, sizeof *review->worst, "samples", error);
    }
    review->ranked_classes = classes < REVIEW_RANKED_CLASSES ? classes : REVIEW_RANKED_CLASSES;
    if (classes > 1 && count < RANKED_BYTES / (int64_t)sizeof(float) / REVIEW_RANKED_CLASSES) {
        review->ranked_capacity = count;
        review->ranked = memory_allocate(review->memory, (size_t)count, (size_t)review->ranked_classes * sizeof(float),
                                         "scores", error);
        review->truths = memory_allocate(review->memory, (size_t)count, sizeof *review->truths, "classes", error);
    }
    return (int)error->status;
}

int review_measure(struct review *review, const fov_run_report_options *options)
{
    const char *source = source_of(review, options);
    char task[512];
    int samples = options == NULL || options->samples == 0 ? 24 : options->samples > 0 ? options->samples : 0;
    if (source == NULL || strcmp(source, "none") == 0 || review->model == NULL) {
        snprintf(review->why, sizeof review->why, "%s",
                 review->model == NULL ? "the folder holds no model"
                 : source == NULL      ? "the run does not say what data it has learned from"
                                       : "nobody asked for it");
        return FOV_OK;
    }
    const fov_dataset_options held = held_back(review, options);
    fov_split split = options != NULL && options->split != FOV_TRAIN ? options->split : FOV_VALIDATION;
    review->data = fov_dataset_open_opt(review->context, source, split, &held);
    if (review->data == NULL) {
        give_up(review, "");
        return FOV_OK;
    }
    if (allocate_lists(review, samples) != FOV_OK) {
        return FOV_E_MEMORY;
    }
    review_setting(review, "task", task);
    char position[512];
    const fov_evaluate_options how = {.task = *task != '\0' ? task : NULL,
                                      .classes_by_position =
                                          strcmp(review_setting(review, "classes_by_position", position), "1") == 0,
                                      .metrics = true,
                                      .on_sample = look_at,
                                      .user = review};
    int status = fov_evaluate_opt(review->model, review->data, &how, &review->report);
    if (status == FOV_E_MEMORY) {
        return status;
    }
    if (status != FOV_OK) {
        give_up(review, "");
        review->worst_count = 0;
    }
    return FOV_OK;
}
