/* SPDX-License-Identifier: MIT */
/* The training loop. Full-batch, mini-batch and stochastic gradient descent are this one loop with another batch size:
 *
 *    for each epoch:  for each batch:  fill the plan's input, run the plan  (forward, loss, gradient, update)
 *
 * The mathematics is in the graph (step.c), the files are in run_folder.c; here is only the order of things. */
#include "base/arithmetic.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "train/evaluate.h"
#include "train/run_folder.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { VALIDATION_LEAST = 16, VALIDATION_MOST = 100 };

struct training {
    fov_context *context;
    struct error *error;
    struct arithmetic *host; /* the caller's arithmetic, which its callbacks get back */
    fov_model *model;
    fov_dataset *data;
    struct train_settings settings;
    struct training_step step;
    struct train_state state;
    struct run_folder folder;
    struct loader *loader;
    struct pipeline *augment; /* NULL: none */
    struct evaluator validation;
    fov_class_match match; /* the data's classes to the model's */
    uint32_t *order;       /* [samples] of the running epoch */
    int64_t count;   /* samples */
    int lock;        /* on the run's folder */
    bool stopping;   /* asked to at an epoch's last step: its end comes first */
};

/* ---- the caller's functions -------------------------------------------------------------------------------------- */

static int tell(struct training *t, int (*function)(const fov_progress *progress, void *user),
                const fov_progress *progress)
{
    arithmetic_leave(*t->host);
    int answer = function(progress, t->settings.given.user);
    *t->host = arithmetic_enter(DENORMALS_KEPT);
    return answer;
}

static void ask_order(struct training *t)
{
    arithmetic_leave(*t->host);
    t->settings.given.order(t->settings.given.user, (int)t->state.epoch, t->order, t->count);
    *t->host = arithmetic_enter(DENORMALS_KEPT);
}

static void show_plan(struct training *t, const fov_plan *plan)
{
    arithmetic_leave(*t->host);
    t->settings.given.on_plan(plan, t->settings.given.user);
    *t->host = arithmetic_enter(DENORMALS_KEPT);
}

/* ---- before and after -------------------------------------------------------------------------------------------- */

/* As many pictures at once as in training: what is made of them then takes less memory than a training step. */
static int validation_batch(const struct training *t)
{
    int64_t batch = t->settings.batch;
    return batch < VALIDATION_LEAST ? VALIDATION_LEAST : batch > VALIDATION_MOST ? VALIDATION_MOST : (int)batch;
}

static int training_open(struct training *t, const fov_train_options *options)
{
    struct picture_size size;
    t->count = (int64_t)t->data->count;
    if (t->count < 1 || t->count > INT32_MAX) {
        return error_set(t->error, FOV_E_INPUT, "%s has %" PRId64 " samples to train on", t->data->name, t->count);
    }
    if (settings_resolve(&t->settings, options, t->count, t->error) != FOV_OK ||
        model_fits(t->model, t->data, options != NULL && options->classes_by_position, &size, &t->match, t->error) !=
            FOV_OK) {
        return (int)t->error->status;
    }
    if (dataset_check_readable(t->data, t->error) != FOV_OK) {
        return (int)t->error->status;
    }
    if (*t->match.text != '\0') {
        context_log(t->context, FOV_LOG_INFO, "%s", t->match.text);
    }
    int status = step_create(&t->step, t->model, &t->settings, t->error);
    if (status != FOV_OK) {
        return status;
    }
    if (options != NULL && options->augment != NULL && strcmp(options->augment, "none") != 0) {
        t->augment = pipeline_create(t->context->memory, options->augment, t->error);
        if (t->augment == NULL) {
            return (int)t->error->status;
        }
        t->settings.augment = t->augment;
    }
    t->model->preprocessing_assumed = false; /* what it is trained with goes into its file */
    const struct loader_options load = {.channels = size.channels,
                                        .height = size.height,
                                        .width = size.width,
                                        .preprocessing = t->model->preprocessing,
                                        .augment = t->augment,
                                        .label = t->match.model_class};
    t->loader = loader_create(t->context, t->data, &load, t->error);
    t->order =
        memory_allocate(t->context->memory, (size_t)t->count, sizeof *t->order, "the order of samples", t->error);
    if (t->loader == NULL || t->order == NULL) {
        return (int)t->error->status;
    }
    if (t->settings.given.validate != NULL) {
        fov_evaluate_options validation = {.batch = validation_batch(t),
                                           .classes_by_position = t->settings.given.classes_by_position};
        status = evaluator_create(&t->validation, t->model, t->step.graph, t->step.input, &t->step.scores,
                                  t->settings.given.validate, &validation, t->error);
    }
    if (status == FOV_OK) {
        status = step_compile(&t->step, &t->settings, t->count, t->error);
    }
    if (status == FOV_OK && t->step.rest_left_out) {
        settings_drop_rest(&t->settings);
        context_log(t->context, FOV_LOG_WARNING,
                    "the one sample that batches of %" PRId64
                    " leave over at the end of an epoch is left out: alone it has no variance to be normalised by",
                    t->settings.batch);
    }
    if (status == FOV_OK && t->settings.given.on_plan != NULL) {
        show_plan(t, t->step.whole.plan != NULL ? t->step.whole.plan : t->step.rest.plan);
    }
    t->folder = (struct run_folder){.directory = t->settings.given.directory,
                                    .settings = &t->settings,
                                    .identity = {.seed = t->context->seed,
                                                 .data = t->data->name,
                                                 .count = t->count,
                                                 .fingerprint = dataset_fingerprint(t->data),
                                                 .classes = t->match.data_classes,
                                                 .class_names = t->data->class_names},
                                    .model = t->model,
                                    .step = &t->step};
    return status;
}

static void training_close(struct training *t)
{
    evaluator_free(&t->validation);
    loader_free(t->loader);
    pipeline_free(t->augment);
    fov_class_match_free(&t->match);
    step_free(&t->step);
    history_free(&t->state.history);
    memory_free(t->context->memory, t->order);
    file_unlock(t->lock);
}

/* ---- one epoch --------------------------------------------------------------------------------------------------- */

/* The order in which this epoch sees the samples: drawn from (seed, epoch), or the caller's, which is checked. */
static int make_order(struct training *t)
{
    const fov_train_options *o = &t->settings.given;
    loader_set_epoch(t->loader, t->state.epoch); /* what changes them is keyed by it, too */
    if (o->order == NULL) {
        data_order(t->context->seed, (int)t->state.epoch, t->order, (size_t)t->count);
        return FOV_OK;
    }
    ask_order(t);
    for (int64_t i = 0; i < t->count; i++) {
        if (t->order[i] >= (uint64_t)t->count) {
            return error_set(t->error, FOV_E_USAGE,
                             "the order of epoch %" PRId64 " names sample %" PRIu32 ", there are %" PRId64,
                             t->state.epoch + 1, t->order[i], t->count);
        }
    }
    return FOV_OK;
}

static double rate_now(const struct training *t)
{
    return schedule_rate(&t->settings.schedule, &t->settings.rate, t->state.epoch, t->state.total, -1.0,
                         &t->state.schedule);
}

static fov_progress progress_of(const struct training *t, double loss, double rate)
{
    const struct train_state *s = &t->state;
    double seen = s->seen > 0 ? (double)s->seen : 1.0;
    return (fov_progress){.epoch = (int)s->epoch + 1,
                          .epochs = t->settings.given.epochs,
                          .step = s->step,
                          .steps = t->settings.steps,
                          .total_step = s->total,
                          .loss = loss,
                          .mean_loss = s->loss / seen,
                          .accuracy = (double)s->correct / seen,
                          .learning_rate = rate,
                          .seconds = s->seconds,
                          .samples_per_second = s->seconds > 0.0 ? (double)s->seen / s->seconds : 0.0,
                          .val_loss = (double)NAN,
                          .val_accuracy = (double)NAN};
}

/* E_NUMERIC with everything one needs to find the cause. The model keeps the weights of the last good epoch. */
static int fail_numeric(const struct training *t, const char *what, const char *cause, double rate)
{
    char number[NUMBER_TEXT_SIZE];
    return error_set(t->error, FOV_E_NUMERIC,
                     "%s is no longer finite at epoch %" PRId64 ", step %" PRId64
                     ", learning rate %s%s%s: try a smaller rate or a warm-up",
                     what, t->state.epoch + 1, t->state.step, number_text(number, rate), cause,
                     t->settings.given.directory != NULL ? "; the last checkpoint is kept" : "");
}

/* The step's forward part once more, looked at closely: its samples are still in place, its weights as they were. */
static int fail_loss(const struct training *t, const struct step_plan *plan, double rate)
{
    char                cause[FINDING_TEXT_SIZE];
    struct plan_finding finding = {.nan = {NULL, NULL}};
    step_replay(plan, t->state.total + 1, &finding);
    return fail_numeric(t, "the loss", plan_finding_text(&finding, cause), rate);
}

/* One mini-batch: pixels in, weights moved, sums updated. */
static int train_batch(struct training *t, double rate, double *loss)
{
    struct train_state *s = &t->state;
    int64_t first = s->step * t->settings.batch;
    const struct step_plan *plan = t->count - first >= t->settings.batch ? &t->step.whole : &t->step.rest;
    if (loader_fill(t->loader, t->order + first, (size_t)plan->batch, plan->pixels, plan->label, t->error) != FOV_OK) {
        return (int)t->error->status;
    }
    bool finite = step_run(plan, rate, s->total + 1);
    *loss = (double)*plan->loss;
    if (!finite) {
        s->step++;
        return fail_loss(t, plan, rate);
    }
    for (int64_t i = 0; i < plan->batch; i++) {
        const struct model_scores *scores = &t->step.scores;
        s->correct += metrics_predicted(scores, plan->scores + i * scores->count) == plan->label[i];
    }
    s->loss += *loss * (double)plan->batch;
    s->seen += plan->batch;
    s->step++;
    s->total++;
    return FOV_OK;
}

/* Nothing with a hole in it is ever written. */
static int check_weights(const struct training *t, double rate)
{
    const char *bad = step_bad_parameter(&t->step);
    char what[256];
    if (bad == NULL) {
        return FOV_OK;
    }
    snprintf(what, sizeof what, "parameter \"%.200s\"", bad);
    return fail_numeric(t, what, "", rate);
}

static int save_between(const struct training *t, double rate)
{
    if (t->settings.given.directory == NULL) {
        return FOV_OK;
    }
    int status = check_weights(t, rate);
    return status == FOV_OK ? run_folder_checkpoint(&t->folder, &t->state, t->error) : status;
}

/* Stopped on request: leave everything so that resume goes on from this very step. */
static int stop(const struct training *t, double rate)
{
    const struct train_state *s = &t->state;
    int status = check_weights(t, rate);
    if (status == FOV_OK && s->step > 0) { /* an epoch's end has saved already */
        status = save_between(t, rate);
    }
    if (status == FOV_OK) {
        status = step_publish(&t->step);
    }
    if (status != FOV_OK) {
        return status;
    }
    return error_set(t->error, FOV_E_INTERRUPTED, "stopped after %" PRId64 " epochs and %" PRId64 " steps%s", s->epoch,
                     s->step, t->settings.given.directory != NULL ? "; a checkpoint is written" : "");
}

static int train_steps(struct training *t)
{
    const fov_train_options *o = &t->settings.given;
    int status = make_order(t);
    double rate = 0.0;
    while (status == FOV_OK && t->state.step < t->settings.steps) {
        double loss = 0.0, begin = clock_seconds();
        rate = rate_now(t);
        status = train_batch(t, rate, &loss);
        t->state.seconds += clock_seconds() - begin;
        if (status != FOV_OK) {
            return status;
        }
        bool ended = t->state.step == t->settings.steps; /* the epoch's end saves by itself */
        if (o->on_step != NULL) {
            fov_progress progress = progress_of(t, loss, rate);
            t->stopping = tell(t, o->on_step, &progress) != 0;
            if (t->stopping && !ended) {
                return stop(t, rate);
            }
        }
        if (o->checkpoint_steps > 0 && t->state.total % o->checkpoint_steps == 0 && !ended) {
            status = save_between(t, rate);
        }
    }
    return status;
}

/* Figures that are no numbers end the run before anything of this epoch is written. */
static int validate(struct training *t)
{
    int status = evaluator_run(&t->validation, t->error);
    if (status == FOV_E_NUMERIC) {
        error_prefix(t->error, "validation after epoch %" PRId64, t->state.epoch + 1);
    }
    return status;
}

/* Validates, writes the row, decides on the best, saves, begins the next epoch. */
static int end_epoch(struct training *t, double rate)
{
    const fov_train_options *o = &t->settings.given;
    struct train_state *s = &t->state;
    fov_progress progress = progress_of(t, 0.0, rate);
    progress.loss = progress.mean_loss;
    int status = check_weights(t, rate);
    struct history_row row = {.epoch = (int)s->epoch + 1,
                              .time = s->seconds,
                              .train_loss = progress.mean_loss,
                              .val_loss = (double)NAN,
                              .val_accuracy = (double)NAN,
                              .val_top5 = (double)NAN,
                              .lr = rate,
                              .train_accuracy = progress.accuracy};
    if (status == FOV_OK && o->validate != NULL) {
        const struct metrics *m = &t->validation.metrics;
        status = validate(t);
        row.val_loss = progress.val_loss = m->loss / (double)m->count;
        row.val_accuracy = progress.val_accuracy = (double)m->correct / (double)m->count;
        row.val_top5 = (double)m->correct5 / (double)m->count;
    }
    /* Without a validation set the best epoch is the one that fitted best. */
    double score = o->validate != NULL ? row.val_accuracy : -row.train_loss;
    const struct schedule *schedule = t->settings.schedule.schedule;
    if (status == FOV_OK && schedule->observe != NULL) {
        schedule->observe(t->settings.schedule.options, o->validate != NULL ? row.val_loss : row.train_loss,
                          &s->schedule);
    }
    status = status == FOV_OK ? history_add(&s->history, &row, t->error) : status;
    if (status == FOV_OK) {
        s->epoch++;
        if (s->best_epoch == 0 || score > s->best) {
            s->best = score;
            s->best_epoch = s->epoch;
            progress.best = true;
        }
        s->step = s->seen = s->correct = 0;
        s->loss = s->seconds = 0.0;
        status = step_publish(&t->step);
    }
    if (status == FOV_OK && o->directory != NULL) {
        status = run_folder_epoch(&t->folder, s, t->error);
    }
    if (status == FOV_OK && o->on_epoch != NULL && tell(t, o->on_epoch, &progress) != 0) {
        t->stopping = true;
    }
    return status == FOV_OK && t->stopping ? stop(t, rate) : status;
}

/* ---- public ------------------------------------------------------------------------------------------------------ */

/* The run's folder, for this run alone: two that write to one folder would lose both. */
static int open_folder(struct training *t)
{
    const char *directory = t->settings.given.directory;
    bool        fresh = !t->settings.given.resume;
    int         status = fresh ? file_make_directories(directory, t->error) : FOV_OK;
    status = status == FOV_OK && file_exists(directory) ? file_lock(directory, &t->lock, t->error) : status;
    return status == FOV_OK && fresh && !t->settings.given.overwrite ? run_folder_check_free(directory, t->error)
                                                                     : status;
}

static int training_run(struct training *t)
{
    int status = FOV_OK;
    if (t->settings.given.directory != NULL) {
        status = open_folder(t);
    }
    if (status == FOV_OK && t->settings.given.directory != NULL) {
        status = t->settings.given.resume ? run_folder_resume(&t->folder, &t->state, t->error)
                                          : run_folder_begin(&t->folder, &t->state, t->error);
    }
    while (status == FOV_OK && t->state.epoch < t->settings.given.epochs) {
        status = train_steps(t);
        if (status == FOV_OK) {
            /* The rate that the row shows is that of the epoch's last step. */
            double rate = schedule_rate(&t->settings.schedule, &t->settings.rate, t->state.epoch, t->state.total - 1,
                                        -1.0, &t->state.schedule);
            status = end_epoch(t, rate);
        }
    }
    return status;
}

static int train(fov_model *model, fov_dataset *data, const fov_train_options *options, struct arithmetic *host)
{
    struct training t = {
        .context = model->context, .error = &model->context->error, .host = host, .model = model, .data = data};
    if (t.error->status != FOV_OK) {
        return (int)t.error->status; /* an earlier failure that nobody has looked at */
    }
    t.state.history.memory = t.context->memory;
    int status = training_open(&t, options);
    if (status == FOV_OK) {
        status = training_run(&t);
    }
    training_close(&t);
    return status;
}

int fov_train_opt(fov_model *model, fov_dataset *data, const fov_train_options *options)
{
    struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
    int status = train(model, data, options, &mode);
    arithmetic_leave(mode);
    return status;
}
