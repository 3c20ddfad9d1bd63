/* SPDX-License-Identifier: MIT */
/* Runs a classifier over a dataset and counts. */
#include "train/evaluate.h"
#include "base/arithmetic.h"
#include "base/clock.h"
#include "data/dataset.h"
#include "graph/plan.h"
#include "train/step.h"
#include <string.h>

enum { STANDARD_BATCH = 100 };

int evaluator_create(struct evaluator *evaluator, const fov_model *model, fov_graph *graph, fov_value input,
                     const struct model_scores *scores, const fov_dataset *data, const fov_evaluate_options *options,
                     struct error *error)
{
    struct picture_size size;
    *evaluator = (struct evaluator){.context = model->context, .data = data, .count = (int64_t)data->count};
    if (model_fits(model, data, options->classes_by_position, &size, &evaluator->match, error) != FOV_OK) {
        return (int)error->status;
    }
    if (dataset_check_readable(data, error) != FOV_OK) {
        return (int)error->status;
    }
    struct memory *memory = model->context->memory;
    int64_t batch = options->batch > 0 ? options->batch : STANDARD_BATCH;
    evaluator->batch = batch < (int64_t)data->count ? batch : (int64_t)data->count;
    if (evaluator->batch < 1) {
        return error_set(error, FOV_E_INPUT, "%s has no samples", data->name);
    }
    const struct loader_options load = {.channels = size.channels,
                                        .height = size.height,
                                        .width = size.width,
                                        .preprocessing = model->preprocessing,
                                        .label = evaluator->match.model_class};
    evaluator->loader = loader_create(model->context, data, &load, error);
    evaluator->labels = memory_allocate(memory, (size_t)evaluator->batch, sizeof(int32_t), "labels", error);
    evaluator->indices = memory_allocate(memory, (size_t)evaluator->batch, sizeof(uint32_t), "a batch's order", error);
    if (evaluator->loader == NULL || evaluator->labels == NULL || evaluator->indices == NULL ||
        metrics_create(&evaluator->metrics, scores, memory, error) != FOV_OK) {
        return (int)error->status;
    }
    bool is_nhwc = fov_model_layout(model, model->input) == FOV_LAYOUT_NHWC;
    fov_plan_options plan = {.batch = evaluator->batch, .channels_last_inputs = !is_nhwc};
    evaluator->plan = fov_plan_create(graph, &scores->logits, 1, &plan);
    if (evaluator->plan == NULL) {
        return (int)error->status;
    }
    evaluator->pixels = fov_plan_data(evaluator->plan, input);
    evaluator->scores = fov_plan_data(evaluator->plan, scores->logits);
    return evaluator->pixels != NULL ? FOV_OK
                                     : error_set(error, FOV_E_SHAPE, "the model's output does not depend on its input");
}

void evaluator_free(struct evaluator *evaluator)
{
    if (evaluator->context == NULL) {
        return;
    }
    struct memory *memory = evaluator->context->memory;
    fov_plan_free(evaluator->plan);
    loader_free(evaluator->loader);
    memory_free(memory, evaluator->labels);
    memory_free(memory, evaluator->indices);
    metrics_free(&evaluator->metrics, memory);
    fov_class_match_free(&evaluator->match);
    *evaluator = (struct evaluator){0};
}

/* Sample `bad` of the batch that has just run. The batch, still in place, runs once more, looked at closely. */
static int fail_numeric(struct evaluator *e, size_t bad, struct error *error)
{
    char                cause[FINDING_TEXT_SIZE], sample[SAMPLE_TEXT_SIZE];
    struct plan_finding finding = {.nan = {NULL, NULL}};
    (void)plan_replay(e->plan, 0, e->plan->step_count, &finding); /* without memory nothing is found */
    return error_set(error, FOV_E_NUMERIC, "the scores of %s are not finite%s",
                     dataset_sample_text(e->data, e->indices[bad], sample), plan_finding_text(&finding, cause));
}

int evaluator_run(struct evaluator *e, struct error *error)
{
    metrics_reset(&e->metrics);
    for (int64_t done = 0; done < e->count; done += e->batch) {
        /* The last batch may be smaller: the plan then computes some rows for nothing, which costs less than a plan. */
        size_t take = (size_t)(e->count - done < e->batch ? e->count - done : e->batch);
        for (size_t i = 0; i < take; i++) {
            e->indices[i] = (uint32_t)done + (uint32_t)i;
        }
        if (loader_fill(e->loader, e->indices, take, e->pixels, e->labels, error) != FOV_OK) {
            return (int)error->status;
        }
        fov_plan_run(e->plan, 0);
        size_t good = metrics_add(&e->metrics, e->scores, e->labels, take);
        if (good < take) {
            return fail_numeric(e, good, error);
        }
    }
    return FOV_OK;
}

/* ---- public ------------------------------------------------------------------------------------------------------ */

struct report_owner {
    struct memory *memory;
    double numbers[]; /* precision, recall, f1; support; in_data */
};

/* All arrays of a report in two blocks: one for its own numbers, and the counts taken over from the metrics. */
static int fill_report(fov_report *report, struct evaluator *evaluator, struct memory *memory, struct error *error)
{
    struct metrics *metrics = &evaluator->metrics;
    const fov_class_match *match = &evaluator->match;
    size_t classes = (size_t)metrics->classes, per_class = 3 * sizeof(double) + sizeof(int64_t) + sizeof(bool);
    struct report_owner *owner = memory_allocate(memory, 1, sizeof *owner + classes * per_class, "a report", error);
    if (owner == NULL) {
        return FOV_E_MEMORY;
    }
    owner->memory = memory;
    *report = (fov_report){.count = metrics->count,
                           .classes = metrics->classes,
                           .precision = owner->numbers,
                           .recall = owner->numbers + classes,
                           .f1 = owner->numbers + 2 * classes,
                           .support = (int64_t *)(void *)(owner->numbers + 3 * classes),
                           .in_data = (bool *)(void *)(owner->numbers + 4 * classes),
                           .data_classes = match->data_classes,
                           .confusion = metrics->confusion,
                           .owner = owner};
    metrics->confusion = NULL;
    for (int i = 0; i < match->data_classes; i++) {
        report->in_data[match->model_class[i]] = true;
    }
    double count = (double)metrics->count;
    report->loss = metrics->loss / count;
    report->accuracy = (double)metrics->correct / count;
    report->top5 = (double)metrics->correct5 / count;
    for (int c = 0; c < report->classes; c++) {
        struct class_metrics of = metrics_of_class(report->confusion, report->classes, c);
        report->precision[c] = of.precision;
        report->recall[c] = of.recall;
        report->f1[c] = of.f1;
        report->support[c] = of.support;
        if (report->in_data[c]) { // what cannot occur in the data says nothing of the model
            report->macro_precision += of.precision / report->data_classes;
            report->macro_recall += of.recall / report->data_classes;
            report->macro_f1 += of.f1 / report->data_classes;
        }
    }
    return FOV_OK;
}

static int evaluate(fov_model *model, fov_dataset *data, const fov_evaluate_options *options, fov_report *report)
{
    struct error *error = &model->context->error;
    struct evaluator evaluator = {0};
    const fov_evaluate_options standard = {0};
    *report = (fov_report){0};
    options = options != NULL ? options : &standard;
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    if (options->batch < 0) {
        return error_set(error, FOV_E_USAGE, "a batch of %d samples", options->batch);
    }
    double begin = clock_seconds();
    const struct model_scores scores = model_scores(model, model->output);
    int status =
        evaluator_create(&evaluator, model, model->graph, model->input, &scores, data, options, error);
    if (status == FOV_OK && *evaluator.match.text != '\0') {
        context_log(model->context, FOV_LOG_INFO, "%s", evaluator.match.text);
    }
    if (status == FOV_OK) {
        status = evaluator_run(&evaluator, error);
    }
    if (status == FOV_OK) {
        status = fill_report(report, &evaluator, model->context->memory, error);
        report->seconds = clock_seconds() - begin;
    }
    evaluator_free(&evaluator);
    return status;
}

int fov_evaluate_opt(fov_model *model, fov_dataset *data, const fov_evaluate_options *options, fov_report *report)
{
    struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
    int status = evaluate(model, data, options, report);
    arithmetic_leave(mode);
    return status;
}

int fov_evaluate(fov_model *model, fov_dataset *data, int batch, fov_report *report)
{
    return fov_evaluate_opt(model, data, &(fov_evaluate_options){.batch = batch}, report);
}

void fov_report_free(fov_report *report)
{
    if (report == NULL || report->owner == NULL) {
        return;
    }
    struct report_owner *owner = report->owner;
    struct memory *memory = owner->memory;
    memory_free(memory, report->confusion);
    memory_free(memory, owner);
    *report = (fov_report){0};
}
