/* SPDX-License-Identifier: MIT */
/* Sets up a run: options and their defaults, the task, the training step, samples, validation, and last the plans,
 * whose rematerialisation depends on how much memory is left. */
#include "train/training.h"
#include "base/file.h"
#include "train/whiten.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { VALIDATION_LEAST = 16, VALIDATION_MOST = 100 };

/* Validation uses the batch size of training, within limits: it then takes less memory than a training step. */
static int validation_batch(const struct training *t)
{
    int64_t batch = t->settings.batch;
    return batch < VALIDATION_LEAST ? VALIDATION_LEAST : batch > VALIDATION_MOST ? VALIDATION_MOST : (int)batch;
}

static int open_augmentation(struct training *t)
{
    const char *list = t->settings.given.augment;
    if (list == NULL || strcmp(list, "none") == 0) {
        return FOV_OK;
    }
    t->augment = pipeline_create(t->context->memory, list, t->error);
    t->settings.augment = t->augment;
    return t->augment != NULL ? FOV_OK : (int)t->error->status;
}

/* The model to train: the caller's, or its copy for another picture size. */
static fov_model *trained(const struct training *t)
{
    return t->resized != NULL ? t->resized : t->model;
}

static int open_size(struct training *t)
{
    int size = t->settings.given.train_size;
    if (size == 0) {
        return FOV_OK;
    }
    t->resized = model_copy(t->model);
    int status = t->resized != NULL ? fov_model_resize(t->resized, size, size) : (int)t->error->status;
    if (status != FOV_OK) {
        error_prefix(t->error, "training option train_size");
    }
    return status;
}

/* Chooses the task and checks that model and data fit it. */
static int open_task(struct training *t)
{
    const fov_train_options *o = &t->settings.given;
    t->use = (struct task_use){.model = trained(t),
                               .data = t->data,
                               .classes_by_position = o->classes_by_position,
                               .label_smoothing = o->label_smoothing,
                               .mixes = t->augment != NULL && pipeline_mixes(t->augment)};
    int status = task_choose(&t->use, o->task, t->data->target, t->error);
    status = status == FOV_OK ? task_fit(&t->use, t->error) : status;
    if (status == FOV_OK && o->stop_on_bad_file) {
        status = dataset_check_readable(t->data, t->error);
    }
    if (status == FOV_OK && t->use.task->learn != NULL) {
        status = t->use.task->learn(&t->use, t->error);
    }
    if (status != FOV_OK) {
        return status;
    }
    task_text(&t->use, t->settings.task_text);
    t->settings.task_name = task_is_standard(&t->use) ? t->use.task->name : NULL;
    fov_model_set_task(t->model, t->settings.task_text); /* is saved with the model */
    if (t->use.match.text != NULL && *t->use.match.text != '\0') {
        context_log(t->context, FOV_LOG_INFO, "%s", t->use.match.text);
    }
    return FOV_OK;
}

/* Number of loader threads. By default one thread decodes samples from files ahead of time; samples in memory are
 * prepared by all threads when they are needed. */
static int loader_threads(const struct training *t)
{
    int asked = t->settings.given.loader_threads;
    return asked != 0 ? (asked > 0 ? asked : 0) : t->data->pixels == NULL ? 1 : 0;
}

/* States the preprocessing that is used in training, which is saved with the model: other pictures must be brought to
 * the form of the training pictures (data->fit, data->invert). */
static void state_preprocessing(struct training *t)
{
    fov_preprocessing *p = &t->model->preprocessing;
    bool is_unsaid = p->fit == FOV_FIT_UNSAID && p->shorter == 0 && p->crop == 0 && p->letterbox == 0;
    model_tell_assumed(t->model);
    t->model->preprocessing_assumed = false;
    if (is_unsaid && t->data->fit != FOV_FIT_UNSAID && t->use.prepare.target == PREPARE_PICTURE) {
        p->fit = t->data->fit;
        p->invert = p->invert == FOV_INVERT_UNSAID ? t->data->invert : p->invert;
    }
    trained(t)->preprocessing = *p;
}

static int open_loader(struct training *t)
{
    state_preprocessing(t);
    int64_t changed = t->settings.given.epochs - t->settings.given.plain_epochs;
    struct prefetch_options load = {.loader = task_loader(&t->use, changed > 0 ? t->augment : NULL),
                                    .batch = (size_t)t->settings.batch,
                                    .target_bytes = task_target_bytes(&t->use)};
    load.loader.prepare.augment_epochs = changed > 0 && t->settings.given.plain_epochs > 0 ? changed : 0;
    load.loader.threads = loader_threads(t);
    load.loader.cache_bytes = (size_t)t->settings.given.cache << 20;
    load.loader.on_bad_file = t->settings.given.stop_on_bad_file ? LOADER_STOPS : LOADER_REPLACES;
    struct loader_form forms[SCALES_MOST];
    load.loader.forms = forms;
    load.loader.form_count = scales_forms(t, &load.loader.prepare, forms);
    t->prefetch = prefetch_create(t->context, t->data, &load, t->error);
    t->order =
        memory_allocate(t->context->memory, (size_t)t->count, sizeof *t->order, "the order of samples", t->error);
    return t->prefetch != NULL && t->order != NULL ? FOV_OK : (int)t->error->status;
}

static int open_validation(struct training *t)
{
    if (t->settings.given.validate == NULL) {
        return FOV_OK;
    }
    const fov_evaluate_options options = {.task = t->settings.task_text,
                                          .batch = validation_batch(t),
                                          .classes_by_position = t->settings.given.classes_by_position};
    const struct evaluated what = {.model = t->model,
                                   .graph = t->step.graph,
                                   .input = t->resized != NULL ? t->step.pictures.input : t->step.input,
                                   .scores = t->resized != NULL ? t->step.pictures.scores : t->step.ends.scores,
                                   .row_inputs = t->step.row_inputs,
                                   .learned = &t->use};
    return evaluator_create(&t->validation, &what, t->settings.given.validate, &options, t->error);
}

/* Names the history's columns in the order in which people read them: epoch, time, losses, figures, rate. */
static int name_columns(struct training *t)
{
    struct history *history = &t->state.history;
    const struct task_figure *figures = t->use.task->figures;
    char name[HISTORY_NAME_SIZE];
    int status = history_column(history, "epoch", t->error);
    status = status == FOV_OK ? history_column(history, "time", t->error) : status;
    status = status == FOV_OK ? history_column(history, "train/loss", t->error) : status;
    status = status == FOV_OK ? history_column(history, "val/loss", t->error) : status;
    for (int i = 0; status == FOV_OK && figures[i].name != NULL; i++) {
        snprintf(name, sizeof name, "metrics/%s", figures[i].column);
        status = figures[i].turn == 0 ? history_column(history, name, t->error) : FOV_OK;
    }
    status = status == FOV_OK ? history_column(history, "lr", t->error) : status;
    for (int i = 0; status == FOV_OK && figures[i].name != NULL; i++) {
        snprintf(name, sizeof name, "train/%s", figures[i].name);
        status = figures[i].while_training ? history_column(history, name, t->error) : FOV_OK;
    }
    return status;
}

static int open_plans(struct training *t)
{
    int status = scales_compile(t);
    if (status == FOV_OK && t->step.rest_left_out) {
        settings_drop_rest(&t->settings);
        context_log(t->context, FOV_LOG_WARNING,
                    "the one sample that batches of %" PRId64
                    " leave over at the end of an epoch is left out: alone it has no variance to be normalised by",
                    t->settings.batch);
    }
    if (status == FOV_OK && t->settings.given.on_plan != NULL) {
        training_show_plan(t, scales_largest_plan(t));
    }
    return status;
}

/* Few samples make short trainings, which a warm-up chosen for many samples may outlast. */
static void warn_of_warmup(const struct training *t)
{
    const struct schedule_plan *rate = &t->settings.rate;
    bool ends_by_time = t->settings.given.minutes > 0.0f;
    if (!ends_by_time && rate->warmup / rate->steps_per_epoch >= rate->epochs) {
        context_log(t->context, FOV_LOG_WARNING,
                    "the rate rises over %" PRId64 " steps (warmup), and this training has %" PRId64
                    ": it never reaches %g",
                    rate->warmup, rate->epochs * rate->steps_per_epoch, rate->lr);
    }
}

int training_open(struct training *t, const fov_train_options *options)
{
    t->count = (int64_t)t->data->count;
    if (t->count < 1 || t->count > INT32_MAX) {
        return error_set(t->error, FOV_E_INPUT, "%s has %" PRId64 " samples to train on", t->data->name, t->count);
    }
    fov_train_options filled = *options;
    int status = task_defaults(t->model, t->data->target, &filled, t->error);
    status = status == FOV_OK ? settings_resolve(&t->settings, &filled, t->count, t->error) : status;
    training_settle_roles(t);
    status = status == FOV_OK ? open_augmentation(t) : status;
    status = status == FOV_OK ? open_size(t) : status;
    status = status == FOV_OK ? open_task(t) : status;
    if (status == FOV_OK && options->whiten != NULL && strcmp(options->whiten, "none") != 0) {
        t->model->preprocessing_assumed = false; /* the whitened weights depend on it */
        status = whiten(trained(t), &t->use, options->whiten, options->resume, t->error);
    }
    status = status == FOV_OK ? step_create(&t->step, t->model, &t->use, &t->settings, t->error) : status;
    status = status == FOV_OK ? scales_open(t) : status;
    status = status == FOV_OK ? open_loader(t) : status;
    status = status == FOV_OK ? training_open_ranks(t) : status;
    status = status == FOV_OK ? open_validation(t) : status;
    status = status == FOV_OK ? name_columns(t) : status;
    status = status == FOV_OK ? open_plans(t) : status;
    if (status == FOV_OK) {
        warn_of_warmup(t);
    }
    t->folder = (struct run_folder){.directory = t->settings.given.directory,
                                    .settings = &t->settings,
                                    .identity = {.seed = t->context->seed,
                                                 .data = t->data->name,
                                                 .count = t->count,
                                                 .fingerprint = status == FOV_OK ? dataset_fingerprint(t->data) : 0,
                                                 .task_files = t->use.files,
                                                 .classes = t->data->classes,
                                                 .class_names = t->data->class_names},
                                    .model = t->model,
                                    .use = &t->use,
                                    .step = &t->step};
    return status;
}

void training_close(struct training *t)
{
    evaluator_free(&t->validation);
    prefetch_free(t->prefetch);
    pipeline_free(t->augment);
    scales_close(t);
    step_free(&t->step);
    task_close(&t->use);
    fov_model_free(t->resized);
    history_free(&t->state.history);
    if (t->own != t->order) {
        memory_free(t->context->memory, t->own);
    }
    memory_free(t->context->memory, t->order);
    memory_free(t->context->memory, t->counted);
    rank_group_close(&t->group);
    file_unlock(t->lock);
}
