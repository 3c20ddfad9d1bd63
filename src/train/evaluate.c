/* SPDX-License-Identifier: MIT */
/* Evaluates a model on a dataset; the task counts the figures. */
#include "train/evaluate.h"
#include "base/arithmetic.h"
#include "base/clock.h"
#include "graph/fitting.h"
#include "graph/plan.h"
#include "task/class_tally.h"
#include <math.h>
#include <string.h>

enum { STANDARD_BATCH = 100, MOST_MAPS = 4 /* maps in a batch: each takes much memory */ };

static int open_tally(struct evaluator *evaluator, const struct evaluated *what, bool keeps_answers,
                      struct error *error)
{
    evaluator->tally = (struct task_tally){.use = &evaluator->use,
                                           .scores = what->scores.logits.id != 0 ? what->scores : evaluator->use.scores,
                                           .memory = evaluator->context->memory,
                                           .reports = what->reports,
                                           .keeps_answers = keeps_answers};
    return evaluator->use.task->tally_open(&evaluator->tally, error);
}

static int open_plan(struct evaluator *evaluator, const struct evaluated *what, struct error *error)
{
    bool is_nhwc = fov_model_layout(what->model, what->model->input) == FOV_LAYOUT_NHWC;
    fov_plan_options plan = {.batch = evaluator->batch, 
                             .channels_last = &what->input, .channels_last_count = is_nhwc ? 0 : 1};
    fov_value logits = evaluator->tally.scores.logits;
    evaluator->plan = fov_plan_create(what->graph, &logits, 1, &plan);
    if (evaluator->plan == NULL) {
        return (int)error->status;
    }
    evaluator->pixels = fov_plan_data(evaluator->plan, what->input);
    for (int i = 0; i < evaluator->use.row_count; i++) {
        fov_value input = what->row_inputs != NULL ? what->row_inputs[i] : evaluator->use.row_inputs[i];
        evaluator->rows[i] = fov_plan_data(evaluator->plan, input);
    }
    evaluator->output = logits;
    evaluator->outputs = fov_plan_data(evaluator->plan, logits);
    return evaluator->pixels != NULL ? FOV_OK
                                     : error_set(error, FOV_E_SHAPE, "the model's output does not depend on its input");
}

/* Allocates the buffers for several views of each picture. */
static int open_views(struct evaluator *e, const char *text, struct error *error)
{
    struct memory *memory = e->context->memory;
    if (views_read(text, &e->views, error) != FOV_OK || e->views.count == 1) {
        return (int)error->status;
    }
    if (e->use.prepare.target != PREPARE_PICTURE || e->use.task->per_pixel) {
        return error_set(error, FOV_E_UNSUPPORTED, "views %s: what task %s answers moves with the picture", text,
                         e->use.task->name);
    }
    e->pictures = memory_allocate_raw(memory, (size_t)e->batch * loader_values(e->loader, 0), sizeof(float),
                                      "views of pictures", error);
    e->sums = memory_allocate_raw(memory, fov_plan_bytes(e->plan, e->output), 1, "sums over views", error);
    return e->pictures != NULL && e->sums != NULL ? FOV_OK : FOV_E_MEMORY;
}

int evaluator_create(struct evaluator *evaluator, const struct evaluated *what, const fov_dataset *data,
                     const fov_evaluate_options *options, struct error *error)
{
    fov_context *context = what->model->context;
    *evaluator = (struct evaluator){.context = context, .count = (int64_t)data->count};
    evaluator->use = (struct task_use){
        .model = what->model, .data = data, .classes_by_position = options->classes_by_position,
        .learned = what->learned};
    if (task_choose(&evaluator->use, options->task, data->target, error) != FOV_OK ||
        task_fit(&evaluator->use, error) != FOV_OK || dataset_check_readable(data, error) != FOV_OK) {
        return (int)error->status;
    }
    struct memory *memory = context->memory;
    int64_t batch = options->batch > 0 ? options->batch : STANDARD_BATCH;
    batch = evaluator->use.task->per_pixel && batch > MOST_MAPS ? MOST_MAPS : batch;
    evaluator->batch = batch < evaluator->count ? batch : evaluator->count;
    if (evaluator->batch < 1) {
        return error_set(error, FOV_E_INPUT, "%s has no samples", data->name);
    }
    const struct loader_options load = task_loader(&evaluator->use, NULL);
    evaluator->loader = loader_create(context, data, &load, error);
    evaluator->targets = memory_allocate(memory, (size_t)evaluator->batch, task_target_bytes(&evaluator->use),
                                         "a batch's targets", error);
    evaluator->indices = memory_allocate(memory, (size_t)evaluator->batch, sizeof(uint32_t), "a batch's order", error);
    if (evaluator->loader == NULL || evaluator->targets == NULL || evaluator->indices == NULL ||
        open_tally(evaluator, what, options->metrics, error) != FOV_OK) {
        return (int)error->status;
    }
    int status = open_plan(evaluator, what, error);
    return status == FOV_OK ? open_views(evaluator, options->views, error) : status;
}

void evaluator_free(struct evaluator *evaluator)
{
    if (evaluator->context == NULL) {
        return;
    }
    struct memory *memory = evaluator->context->memory;
    fov_plan_free(evaluator->plan);
    loader_free(evaluator->loader);
    memory_free(memory, evaluator->targets);
    memory_free(memory, evaluator->indices);
    memory_free(memory, evaluator->pictures);
    memory_free(memory, evaluator->sums);
    if (evaluator->tally.use != NULL) {
        evaluator->use.task->tally_close(&evaluator->tally);
    }
    task_close(&evaluator->use);
    *evaluator = (struct evaluator){0};
}

/* E_NUMERIC for sample `bad` of the batch that has just run. Runs the batch again to find the cause. */
static int fail_numeric(struct evaluator *e, size_t bad, struct error *error)
{
    char                cause[FINDING_TEXT_SIZE], sample[SAMPLE_TEXT_SIZE];
    struct plan_finding finding = {.nan = {NULL, NULL}};
    (void)plan_replay(e->plan, 0, e->plan->step_count, &finding); /* if memory is short, it stays empty */
    return error_set(error, FOV_E_NUMERIC, "the scores of %s are not finite%s",
                     dataset_sample_text(e->use.data, e->indices[bad], sample), plan_finding_text(&finding, cause));
}

/* Counts the batch's samples one by one and reports each to the caller. Returns how many were finite before the first
 * that is not. */
static size_t add_singly(struct evaluator *e, size_t count)
{
    const struct task *task = e->use.task;
    size_t target = task_target_bytes(&e->use);
    size_t outputs = fov_plan_bytes(e->plan, e->output) / sizeof(float) / (size_t)e->batch;
    for (size_t i = 0; i < count; i++) {
        const float *row = e->outputs + i * outputs;
        const void *targets = (const char *)e->targets + i * target;
        double before = e->tally.loss;
        if (task->tally_add(&e->tally, row, targets, 1) < 1) {
            return i;
        }
        fov_sample_result result = {.index = e->indices[i],
                                    .loss = e->tally.loss - before,
                                    .truth = -1,
                                    .answer = -1,
                                    .probability = (double)NAN,
                                    .outputs = row,
                                    .output_count = (int64_t)outputs};
        if (task->judge != NULL) {
            task->judge(&e->tally, row, targets, &result);
        }
        e->on_sample(&result, e->user);
    }
    return count;
}

/* Runs the plan for the batch in place; if there are several views, for each of them, and sums the outputs. */
static void run_views(struct evaluator *e)
{
    size_t numbers = e->sums != NULL ? fov_plan_bytes(e->plan, e->output) / sizeof(float) : 0;
    if (e->sums == NULL) {
        fov_plan_run(e->plan, 0);
        return;
    }
    size_t values = loader_values(e->loader, 0);
    memcpy(e->pictures, e->pixels, (size_t)e->batch * values * sizeof *e->pixels);
    for (int v = 0; v < e->views.count; v++) {
        const struct view *view = &e->views.view[v];
        for (size_t i = 0; i < (size_t)e->batch; i++) {
            view_make(view, e->pictures + i * values, e->pixels + i * values, &e->use.prepare.size);
        }
        fov_plan_run(e->plan, 0);
        const float *made = fov_plan_data(e->plan, e->output);
        for (size_t i = 0; i < numbers; i++) {
            e->sums[i] = (v > 0 ? e->sums[i] : 0.0F) + view->weight * made[i];
        }
    }
    e->outputs = e->sums;
}

int evaluator_run(struct evaluator *e, struct error *error)
{
    e->use.task->tally_reset(&e->tally);
    e->tally.count = 0;
    e->tally.loss = 0.0;
    for (int64_t done = 0; done < e->count; done += e->batch) {
        /* If the last batch is smaller, the plan computes unused rows, which costs less than compiling another plan. */
        size_t take = (size_t)(e->count - done < e->batch ? e->count - done : e->batch);
        for (size_t i = 0; i < take; i++) {
            e->indices[i] = (uint32_t)done + (uint32_t)i;
        }
        struct loader_batch batch = {.pixels = e->pixels, .targets = e->targets};
        memcpy(batch.rows, e->rows, sizeof batch.rows);
        if (loader_fill(e->loader, e->indices, take, &batch, error) != FOV_OK) {
            return (int)error->status;
        }
        run_views(e);
        size_t good = e->on_sample != NULL ? add_singly(e, take)
                                           : e->use.task->tally_add(&e->tally, e->outputs, e->targets, take);
        if (good < take) {
            return fail_numeric(e, good, error);
        }
    }
    return FOV_OK;
}

int evaluator_figures(const struct evaluator *evaluator, fov_task_figure figures[FOV_TASK_FIGURES])
{
    double values[TASK_MOST_FIGURES];
    evaluator->use.task->tally_figures(&evaluator->tally, values);
    return task_figures(evaluator->use.task, values, NULL, figures);
}

/* ---- public ------------------------------------------------------------------------------------------------------ */

static int fill_report(fov_report *report, struct evaluator *evaluator, struct error *error)
{
    const struct task_tally *tally = &evaluator->tally;
    report->count = tally->count;
    report->task = evaluator->use.task->name;
    report->loss = tally->loss / (double)tally->count;
    report->figure_count = evaluator_figures(evaluator, report->figures);
    int status = evaluator->use.task->tally_report(&evaluator->tally, report, error);
    if (status != FOV_OK) { /* a report that has failed is not the caller's to free */
        fov_report_free(report);
    }
    return status;
}

/* The arguments of fov_evaluate_opt. */
struct wanted {
    const struct evaluated *what;
    const fov_dataset *data;
    const fov_evaluate_options *options;
};

static int create_with(void *user, int64_t batch)
{
    const struct wanted *w = user;
    struct evaluator evaluator;
    fov_evaluate_options options = *w->options;
    options.batch = (int)batch;
    int status = evaluator_create(&evaluator, w->what, w->data, &options, &w->what->model->context->error);
    evaluator_free(&evaluator);
    return status;
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
    const struct evaluated what = {
        .model = model, .graph = model->graph, .input = model->input, .reports = true};
    int status = evaluator_create(&evaluator, &what, data, options, error);
    if (status == FOV_E_MEMORY) {
        int64_t batch = evaluator.batch;
        evaluator_free(&evaluator);
        add_fitting_batch(model->context, batch, create_with, &(struct wanted){&what, data, options});
        return status;
    }
    if (status == FOV_OK && evaluator.use.match.text != NULL && *evaluator.use.match.text != '\0') {
        context_log(model->context, FOV_LOG_INFO, "%s", evaluator.use.match.text);
    }
    if (status == FOV_OK) {
        model_tell_assumed(model);
        evaluator.on_sample = options->on_sample;
        evaluator.user = options->user;
        status = evaluator_run(&evaluator, error);
    }
    if (status == FOV_OK) {
        status = fill_report(report, &evaluator, error);
        report->seconds = clock_seconds() - begin;
    }
    evaluator_free(&evaluator);
    return status;
}

int fov_evaluate_opt(fov_model *model, fov_dataset *data, const fov_evaluate_options *options, fov_report *report)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    if (data == NULL || report == NULL) {
        return call_refuse(model->context, "fov_evaluate_opt: data or report is NULL");
    }
    struct call call = call_begin(model->context);
    int status = evaluate(model, data, options, report);
    call_end(&call);
    return status;
}

int fov_evaluate(fov_model *model, fov_dataset *data, int batch, fov_report *report)
{
    return fov_evaluate_opt(model, data, &(fov_evaluate_options){.batch = batch}, report);
}

void fov_report_free(fov_report *report)
{
    if (report == NULL) {
        return;
    }
    fov_metrics_free(report->metrics);
    class_report_free(report);
    *report = (fov_report){0};
}
