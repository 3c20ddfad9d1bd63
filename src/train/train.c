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
#include "data/prefetch.h"
#include "train/evaluate.h"
#include "train/rank_group.h"
#include "train/run_folder.h"
#include "train/whiten.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { VALIDATION_LEAST = 16, VALIDATION_MOST = 100 };

/* What a batch adds to its epoch's figures. */
struct counted {
    double loss, samples;
    double sums[2 * TASK_MOST_FIGURES];
};

struct training {
    fov_context *context;
    struct error *error;
    struct arithmetic *host; /* the caller's arithmetic, which its callbacks get back */
    fov_model *model;
    fov_model *resized; /* a copy that takes pictures of the size that is trained with; NULL: that is the model's own */
    fov_dataset *data;
    struct train_settings settings;
    struct task_use use; /* of the model and the data to learn from */
    struct training_step step;
    struct train_state state;
    struct run_folder folder;
    struct prefetch *prefetch;
    struct pipeline *augment; /* NULL: none */
    struct evaluator validation;
    uint32_t *order;       /* [samples] of the running epoch */
    struct rank_group group; /* .ranks NULL: one process trains alone */
    uint32_t *own;           /* [samples] those of them that this rank sees; alone: `order` itself */
    struct counted *counted; /* [2][batches] of a group, where there are ranks: of all, of this one */
    double waited;         /* for samples, before this epoch: seconds */
    int64_t count;         /* samples */
    int lock;        /* on the run's folder */
    double rate;     /* of the last step; where the program chooses, of the one under way */
    bool stopping;   /* asked to at an epoch's last step: its end comes first */
    bool finishing;  /* asked to end as if all epochs were done */
};

/* ---- the caller's functions -------------------------------------------------------------------------------------- */

/* While the caller's functions run, the context is theirs as it is between two calls. */
static int leave(struct training *t)
{
    arithmetic_leave(*t->host);
    return atomic_exchange(&t->context->depth, 0);
}

static void come_back(struct training *t, int depth)
{
    *t->host = arithmetic_enter(DENORMALS_KEPT);
    atomic_store(&t->context->depth, depth);
    error_clear(t->error); /* what went wrong there is theirs; training has not failed by now */
}

/* Whether the run goes on, by what a function answers. */
static void tell(struct training *t, int (*function)(const fov_progress *progress, void *user),
                 const fov_progress *progress)
{
    int depth = leave(t), answer = function(progress, t->settings.given.user);
    come_back(t, depth);
    t->finishing = t->finishing || answer == FOV_FINISH;
    t->stopping = t->stopping || (answer != FOV_OK && answer != FOV_FINISH);
}

static void ask_order(struct training *t)
{
    int depth = leave(t);
    t->settings.given.order(t->settings.given.user, (int)t->state.epoch, t->order, t->count);
    come_back(t, depth);
}

static void show_plan(struct training *t, const fov_plan *plan)
{
    int depth = leave(t);
    t->settings.given.on_plan(plan, t->settings.given.user);
    come_back(t, depth);
}

/* ---- before and after -------------------------------------------------------------------------------------------- */

/* As many pictures at once as in training: what is made of them then takes less memory than a training step. */
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

/* What is trained: the model, or its copy for another size. */
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

/* The task, and whether model and data fit it. */
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
    fov_model_set_task(t->model, t->settings.task_text); /* goes into its file */
    if (t->use.match.text != NULL && *t->use.match.text != '\0') {
        context_log(t->context, FOV_LOG_INFO, "%s", t->use.match.text);
    }
    return FOV_OK;
}

/* Where samples are decoded from files a thread of its own does so ahead of time; what lies in memory is prepared by
 * all threads when it is needed. */
static int loader_threads(const struct training *t)
{
    int asked = t->settings.given.loader_threads;
    return asked != 0 ? (asked > 0 ? asked : 0) : t->data->pixels == NULL ? 1 : 0;
}

/* What it is trained with goes into its file: pictures from elsewhere are to be brought to the form of these. */
static void state_preprocessing(struct training *t)
{
    fov_preprocessing *p = &t->model->preprocessing;
    bool is_unsaid = p->fit == FOV_FIT_UNSAID && p->shorter == 0 && p->crop == 0 && p->letterbox == 0;
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
    struct prefetch_options load = {.loader = task_loader(&t->use, t->augment),
                                    .batch = (size_t)t->settings.batch,
                                    .target_bytes = task_target_bytes(&t->use)};
    load.loader.threads = loader_threads(t);
    load.loader.cache_bytes = (size_t)t->settings.given.cache << 20;
    load.loader.on_bad_file = t->settings.given.stop_on_bad_file ? LOADER_STOPS : LOADER_REPLACES;
    t->prefetch = prefetch_create(t->context, t->data, &load, t->error);
    t->order =
        memory_allocate(t->context->memory, (size_t)t->count, sizeof *t->order, "the order of samples", t->error);
    return t->prefetch != NULL && t->order != NULL ? FOV_OK : (int)t->error->status;
}

/* ---- several ranks ----------------------------------------------------------------------------------------------- */

/* Only rank 0 writes, and is asked. */
static void settle_roles(struct training *t)
{
    fov_train_options *o = &t->settings.given;
    if (o->ranks != NULL && o->ranks->rank > 0) {
        o->directory = NULL;
        o->resume = o->tensorboard = false;
        o->on_plan = NULL;
        o->on_step = NULL;
        o->on_epoch = NULL;
    }
}

static int open_ranks(struct training *t)
{
    const fov_ranks *ranks = t->settings.given.ranks;
    int64_t batches = t->settings.given.accumulate;
    t->own = t->order;
    if (t->group.ranks == NULL) {
        return FOV_OK;
    }
    if (ranks->count > batches) {
        return error_set(t->error, FOV_E_USAGE,
                         "%d ranks share the %" PRId64 " batch%s of an update: accumulate has to be at least %d",
                         ranks->count, batches, batches == 1 ? "" : "es", ranks->count);
    }
    int status = rank_group_open(&t->group, ranks, &t->step, batches, t->error);
    t->own = memory_allocate(t->context->memory, (size_t)t->count, sizeof *t->own, "a rank's samples", t->error);
    t->counted =
        memory_allocate(t->context->memory, (size_t)batches, 2 * sizeof *t->counted, "figures of batches", t->error);
    return status == FOV_OK && (t->own == NULL || t->counted == NULL) ? FOV_E_MEMORY : status;
}

/* Agrees on `status`; rank 0's clock and wishes are those of all. */
static int keep_together(struct training *t, int status, bool *ended)
{
    struct {
        double seconds;
        int32_t ended, stopping, finishing;
    } word = {t->state.seconds, *ended, t->stopping, t->finishing};
    if (t->group.ranks == NULL) {
        return status;
    }
    status = ranks_agree(t->group.ranks, status, t->error);
    if (status == FOV_OK) {
        status = ranks_spread(t->group.ranks, &word, sizeof word, t->error);
    }
    t->state.seconds = word.seconds;
    *ended = word.ended != 0;
    t->stopping = word.stopping != 0;
    t->finishing = word.finishing != 0;
    return status;
}

/* All ranks begin where rank 0 stands, with its weights. */
static int begin_together(struct training *t, int status)
{
    const struct train_settings *s = &t->settings;
    const int64_t own[] = {(int64_t)t->context->seed, t->count, (int64_t)dataset_fingerprint(t->data), s->batch,
                           s->steps, s->given.accumulate};
    int64_t first[sizeof own / sizeof own[0]];
    if (t->group.ranks == NULL) {
        return status;
    }
    memcpy(first, own, sizeof first);
    status = ranks_agree(t->group.ranks, status, t->error);
    status = status == FOV_OK ? ranks_spread(t->group.ranks, first, sizeof first, t->error) : status;
    if (status == FOV_OK && memcmp(first, own, sizeof first) != 0) {
        status = error_set(t->error, FOV_E_USAGE, "it was started with another seed, other data or other options");
    }
    status = ranks_agree(t->group.ranks, status, t->error);
    struct train_state state = t->state;
    status = status == FOV_OK ? ranks_spread(t->group.ranks, &state, sizeof state, t->error) : status;
    state.history = t->state.history;
    t->state = state;
    return status == FOV_OK ? rank_group_begin(&t->group, &t->step, t->error) : status;
}

static int open_validation(struct training *t)
{
    if (t->settings.given.validate == NULL) {
        return FOV_OK;
    }
    const fov_evaluate_options options = {.task = t->settings.task_text,
                                          .batch = validation_batch(t),
                                          .classes_by_position = t->settings.given.classes_by_position};
    const struct evaluated what = {
        .model = t->model,
        .graph = t->step.graph,
        .input = t->resized != NULL ? t->step.pictures.input : t->step.input,
        .scores = t->resized != NULL ? t->step.pictures.scores : t->step.ends.scores,
        .learned = &t->use};
    return evaluator_create(&t->validation, &what, t->settings.given.validate, &options, t->error);
}

/* epoch, time, losses, the task's figures, rate: the order in which people read them. */
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
    int status = step_compile(&t->step, &t->settings, t->count, t->error);
    if (status == FOV_OK && t->step.rest_left_out) {
        settings_drop_rest(&t->settings);
        context_log(t->context, FOV_LOG_WARNING,
                    "the one sample that batches of %" PRId64
                    " leave over at the end of an epoch is left out: alone it has no variance to be normalised by",
                    t->settings.batch);
    }
    if (status == FOV_OK && t->settings.given.on_plan != NULL) {
        show_plan(t, t->step.whole[0].plan != NULL ? t->step.whole[0].plan : t->step.rest[0].plan);
    }
    return status;
}

static int training_open(struct training *t, const fov_train_options *options)
{
    t->count = (int64_t)t->data->count;
    if (t->count < 1 || t->count > INT32_MAX) {
        return error_set(t->error, FOV_E_INPUT, "%s has %" PRId64 " samples to train on", t->data->name, t->count);
    }
    fov_train_options filled = options != NULL ? *options : (fov_train_options){0};
    int status = task_defaults(t->model, t->data->target, &filled, t->error);
    status = status == FOV_OK ? settings_resolve(&t->settings, &filled, t->count, t->error) : status;
    settle_roles(t);
    status = status == FOV_OK ? open_augmentation(t) : status;
    status = status == FOV_OK ? open_size(t) : status;
    status = status == FOV_OK ? open_task(t) : status;
    if (status == FOV_OK && options->whiten != NULL && strcmp(options->whiten, "none") != 0) {
        t->model->preprocessing_assumed = false; /* it is in the weights from here on */
        status = whiten(trained(t), &t->use, options->whiten, options->resume, t->error);
    }
    status = status == FOV_OK ? step_create(&t->step, t->model, &t->use, &t->settings, t->error) : status;
    status = status == FOV_OK ? open_loader(t) : status;
    status = status == FOV_OK ? open_ranks(t) : status;
    status = status == FOV_OK ? open_validation(t) : status;
    status = status == FOV_OK ? name_columns(t) : status;
    status = status == FOV_OK ? open_plans(t) : status;
    t->folder = (struct run_folder){.directory = t->settings.given.directory,
                                    .settings = &t->settings,
                                    .identity = {.seed = t->context->seed,
                                                 .data = t->data->name,
                                                 .count = t->count,
                                                 .fingerprint = status == FOV_OK ? dataset_fingerprint(t->data) : 0,
                                                 .classes = t->data->classes,
                                                 .class_names = t->data->class_names},
                                    .model = t->model,
                                    .use = &t->use,
                                    .step = &t->step};
    return status;
}

static void training_close(struct training *t)
{
    evaluator_free(&t->validation);
    prefetch_free(t->prefetch);
    pipeline_free(t->augment);
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

/* ---- one epoch --------------------------------------------------------------------------------------------------- */

/* The order in which this epoch sees the samples: drawn from (seed, epoch), or the caller's, which is checked. */
static int make_order(struct training *t)
{
    const fov_train_options *o = &t->settings.given;
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

/* The batch behind the last one of the group that batch `step` is of. */
static int64_t group_end(const struct training *t, int64_t step)
{
    int64_t group = t->settings.given.accumulate, end = step / group * group + group;
    return end < t->settings.steps ? end : t->settings.steps;
}

/* Samples begin to be prepared, from the step on at which the epoch stands: those of all batches, or of this rank's. */
static void begin_batches(struct training *t)
{
    int64_t batch = t->settings.batch, whole = batch * t->settings.steps, count = whole < t->count ? whole : t->count;
    size_t first = (size_t)(t->state.step * batch), used = 0;
    t->waited = prefetch_waited(t->prefetch);
    if (t->group.ranks == NULL) {
        prefetch_begin(t->prefetch, t->state.epoch, t->order, (size_t)count, (size_t)batch, first);
        return;
    }
    for (int64_t step = t->state.step, end; step < t->settings.steps; step = end) {
        end = group_end(t, step);
        struct rank_share share = ranks_deal(t->group.ranks, end - step);
        int64_t from = (step + share.first) * batch, to = (step + share.end) * batch;
        size_t samples = (size_t)((to < count ? to : count) - from);
        memcpy(t->own + used, t->order + from, share.end > share.first ? samples * sizeof *t->own : 0);
        used += share.end > share.first ? samples : 0;
    }
    prefetch_begin(t->prefetch, t->state.epoch, t->own, used, (size_t)batch, 0);
}

/* The share of its time that the run has taken; negative: it ends by epochs. */
static double time_share(const struct training *t)
{
    double minutes = (double)t->settings.given.minutes;
    return minutes > 0.0 ? (t->state.spent + t->state.seconds) / (60.0 * minutes) : -1.0;
}

static double rate_of(const struct training *t, int64_t total)
{
    if (t->settings.given.rate != NULL) {
        return t->rate; /* the program's, for the step under way */
    }
    return schedule_rate(&t->settings.schedule, &t->settings.rate, t->state.epoch, total, time_share(t),
                         &t->state.schedule);
}

/* Whether nothing more is to be trained: all epochs, all time, or nothing better for long. */
static bool is_over(const struct training *t)
{
    const fov_train_options *o = &t->settings.given;
    const struct train_state *s = &t->state;
    return t->finishing || s->epoch >= o->epochs || time_share(t) >= 1.0 ||
           (o->patience > 0 && s->best_epoch > 0 && s->epoch - s->best_epoch >= o->patience);
}

static double figure_named(const char *name, const fov_task_figure *figures, int count, double otherwise)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(figures[i].name, name) == 0) {
            return figures[i].value;
        }
    }
    return otherwise;
}

static fov_progress progress_of(const struct training *t, double loss, double rate)
{
    const struct train_state *s = &t->state;
    double seen = s->seen > 0 ? (double)s->seen : 1.0;
    fov_progress progress = {.task = t->use.task->name,
                             .epoch = (int)s->epoch + 1,
                             .epochs = t->settings.given.epochs < BY_TIME ? t->settings.given.epochs : 0,
                             .step = s->step,
                             .steps = t->settings.steps,
                             .total_step = s->total,
                             .loss = loss,
                             .mean_loss = s->loss / seen,
                             .learning_rate = rate,
                             .seconds = s->seconds,
                             .samples_per_second = s->seconds > 0.0 ? (double)s->seen / s->seconds : 0.0,
                             .load_seconds = prefetch_waited(t->prefetch) - t->waited,
                             .val_loss = (double)NAN,
                             .val_accuracy = (double)NAN};
    double all = (double)t->settings.given.epochs * (double)t->settings.steps, time = time_share(t);
    progress.share = time >= 0.0 ? (time < 1.0 ? time : 1.0) : (double)s->total / all;
    progress.figure_count = task_figures(t->use.task, NULL, s->sums, progress.figures);
    progress.accuracy = figure_named("accuracy", progress.figures, progress.figure_count, 0.0);
    return progress;
}

/* E_NUMERIC with everything one needs to find the cause. The model keeps the weights of the last good epoch. */
static int fail_numeric(const struct training *t, int64_t step, const char *what, const char *cause, double rate)
{
    char number[NUMBER_TEXT_SIZE];
    return error_set(t->error, FOV_E_NUMERIC,
                     "%s is no longer finite at epoch %" PRId64 ", step %" PRId64
                     ", learning rate %s%s%s: try a smaller rate or a warm-up",
                     what, t->state.epoch + 1, step, number_text(number, rate), cause,
                     t->settings.given.directory != NULL ? "; the last checkpoint is kept" : "");
}

/* The step's forward part once more, looked at closely: its samples are still in place, its weights as they were. */
static int fail_loss(const struct training *t, const struct step_plan *plan, const struct update_moment *moment,
                     int64_t step)
{
    char                cause[FINDING_TEXT_SIZE];
    struct plan_finding finding = {.nan = {NULL, NULL}};
    step_replay(&t->step, plan, moment->step, &finding);
    return fail_numeric(t, step, "the loss", plan_finding_text(&finding, cause), moment->input[UPDATE_RATE]);
}

/* The losses of later turns are figures. */
static void sum_turns(const struct training *t, const struct step_plan *plans, const struct update_moment *moment,
                      double *sum)
{
    for (const struct task_figure *figure = t->use.task->figures; figure->name != NULL; figure++) {
        if (figure->turn > 0 && figure->turn < t->step.turn_count && step_has_turn(&t->step, figure->turn, moment)) {
            sum[0] += (double)*plans[figure->turn].loss * (double)plans->batch;
            sum[1] += (double)plans->batch;
        }
        sum += figure->while_training ? 2 : 0;
    }
}

/* What batch `step` of this epoch is computed with. */
static struct update_moment moment_of(const struct training *t, int64_t step)
{
    int64_t total = t->state.total + step - t->state.step;
    return updates_moment(&t->settings, t->state.epoch, step, total, t->count, rate_of(t, total));
}

/* One mini-batch: pixels in, weights moved or, in a group, sums. */
static int compute_batch(struct training *t, int64_t step, struct counted *counted)
{
    const struct update_moment moment = moment_of(t, step);
    const struct step_plan *plan =
        t->count - step * t->settings.batch >= t->settings.batch ? t->step.whole : t->step.rest;
    if (prefetch_next(t->prefetch, (size_t)plan->batch, plan->pixels, plan->targets, t->error) != FOV_OK) {
        return (int)t->error->status;
    }
    bool finite = t->group.ranks != NULL ? rank_group_collect(&t->group, &t->step, plan, &moment)
                                         : step_run(&t->step, plan, &moment);
    *counted = (struct counted){.loss = (double)*plan->loss, .samples = (double)plan->batch};
    if (!finite) {
        return fail_loss(t, plan, &moment, step + 1);
    }
    t->use.task->sum(&t->use, &t->step.ends.scores, plan->outputs, plan->targets, (size_t)plan->batch, counted->sums);
    sum_turns(t, plan, &moment, counted->sums);
    return FOV_OK;
}

static void count_batch(struct train_state *s, const struct counted *counted)
{
    s->loss += counted->loss * counted->samples;
    s->seen += (int64_t)counted->samples;
    for (int i = 0; i < 2 * TASK_MOST_FIGURES; i++) {
        s->sums[i] += counted->sums[i];
    }
    s->step++;
    s->total++;
}

/* What other ranks have counted stands before and behind this rank's batches, and is 0 there. */
static void add_counted(void *context, void *so_far, size_t offset, size_t bytes)
{
    const double *own = (const double *)context + offset / sizeof *own;
    double *sum = so_far;
    for (size_t i = 0; i < bytes / sizeof *own; i++) {
        sum[i] += own[i];
    }
}

/* A group's batches on all ranks: each its share, then one sum in their order, then the update, on each rank the
 * same. */
static int compute_group(struct training *t, int64_t end)
{
    const fov_ranks *ranks = t->group.ranks;
    int64_t begin = t->state.step;
    struct rank_share share = ranks_deal(ranks, end - begin);
    size_t bytes = (size_t)(end - begin) * sizeof *t->counted;
    int status = FOV_OK;
    memset(t->counted, 0, bytes);
    for (int64_t k = share.first; status == FOV_OK && k < share.end; k++) {
        status = compute_batch(t, begin + k, &t->counted[k]);
    }
    status = ranks_agree(ranks, status, t->error);
    if (status == FOV_OK) {
        struct counted *own = &t->counted[t->settings.given.accumulate]; /* the other half */
        memcpy(own, t->counted, bytes);
        status = ranks_add(ranks, t->counted, bytes, add_counted, own, t->error);
    }
    status = status == FOV_OK ? rank_group_add(&t->group, &t->step, t->error) : status;
    if (status == FOV_OK) {
        const struct update_moment moment = moment_of(t, end - 1);
        step_move(&t->step, &moment);
    }
    return status;
}

/* What makes an update, or, in one process alone, what adds to one: a batch. Answers the last one's loss. */
static int train_batches(struct training *t, double *rate, double *loss)
{
    struct counted alone, *counted = t->group.ranks != NULL ? t->counted : &alone;
    int64_t first = t->state.step, end = t->group.ranks != NULL ? group_end(t, first) : first + 1;
    *rate = rate_of(t, t->state.total + end - 1 - first);
    int status = t->group.ranks != NULL ? compute_group(t, end) : compute_batch(t, first, &alone);
    for (int64_t k = 0; status == FOV_OK && k < end - first; k++) {
        *loss = counted[k].loss;
        count_batch(&t->state, &counted[k]);
    }
    return status;
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
    return fail_numeric(t, t->state.step, what, "", rate);
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
static int stop(struct training *t, double rate)
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

/* A rank that is lost takes nothing with it: what the last update left is written, where an update was the last thing. */
static int give_up(const struct training *t, int status)
{
    struct error unread = {.status = FOV_OK};
    bool whole = t->group.ranks != NULL && t->state.step % t->settings.given.accumulate == 0;
    if (status == FOV_E_IO && whole && t->settings.given.directory != NULL) {
        (void)run_folder_checkpoint(&t->folder, &t->state, &unread);
    }
    return status;
}

/* The program may have a rate of its own for the step that comes next. */
static int choose_rate(struct training *t)
{
    const fov_train_options *o = &t->settings.given;
    if (o->rate == NULL) {
        return FOV_OK;
    }
    double scheduled = schedule_rate(&t->settings.schedule, &t->settings.rate, t->state.epoch, t->state.total,
                                     time_share(t), &t->state.schedule);
    const fov_progress progress = progress_of(t, 0.0, scheduled);
    int depth = leave(t);
    double rate = o->rate(&progress, scheduled, o->user);
    come_back(t, depth);
    if (!(rate >= 0.0) || !isfinite(rate)) {
        return error_set(t->error, FOV_E_USAGE, "epoch %d, step %" PRId64 ": the program's rate is %g, it must be 0 or more",
                         progress.epoch, progress.step + 1, rate);
    }
    t->rate = rate;
    return FOV_OK;
}

static int train_steps(struct training *t)
{
    const fov_train_options *o = &t->settings.given;
    int status = make_order(t);
    double rate = 0.0;
    if (status == FOV_OK) {
        begin_batches(t);
    }
    bool ended = false; /* the epoch's end saves by itself */
    while (status == FOV_OK && !ended) {
        double loss = 0.0, begin = clock_seconds();
        int64_t before = t->state.total;
        status = choose_rate(t);
        status = status == FOV_OK ? train_batches(t, &rate, &loss) : status;
        t->rate = rate;
        t->state.seconds += clock_seconds() - begin;
        if (status != FOV_OK) {
            return give_up(t, status);
        }
        ended = t->state.step == t->settings.steps || time_share(t) >= 1.0;
        if (o->on_step != NULL) {
            fov_progress progress = progress_of(t, loss, rate);
            tell(t, o->on_step, &progress);
            ended = ended || t->finishing;
        }
        bool due = o->checkpoint_steps > 0 && t->state.total / o->checkpoint_steps > before / o->checkpoint_steps;
        if (due && !ended && !t->stopping) {
            status = save_between(t, rate);
        }
        status = keep_together(t, status, &ended);
        if (status == FOV_OK && t->stopping && !ended) {
            return stop(t, rate);
        }
    }
    return status;
}

/* Figures that are no numbers end the run before anything of this epoch is written. */
static int validate(struct training *t)
{
    updates_exchange(&t->step.updates, t->step.graph); /* what is saved is what is validated */
    int status = evaluator_run(&t->validation, t->error);
    updates_exchange(&t->step.updates, t->step.graph);
    if (status == FOV_E_NUMERIC) {
        error_prefix(t->error, "validation after epoch %" PRId64, t->state.epoch + 1);
    }
    return status;
}

/* The row of the epoch that has ended. */
static int add_row(struct training *t, const fov_progress *progress, double rate)
{
    struct history *history = &t->state.history;
    const struct task_figure *figures = t->use.task->figures;
    char name[HISTORY_NAME_SIZE];
    if (history_add(history, t->error) != FOV_OK) {
        return FOV_E_MEMORY;
    }
    history_set(history, "time", t->state.seconds);
    history_set(history, "train/loss", progress->mean_loss);
    history_set(history, "val/loss", progress->val_loss);
    for (int i = 0; i < progress->val_figure_count; i++) {
        snprintf(name, sizeof name, "metrics/%s", figures[i].column);
        history_set(history, name, progress->val_figures[i].value);
    }
    history_set(history, "lr", rate);
    for (int i = 0; i < progress->figure_count; i++) {
        snprintf(name, sizeof name, "train/%s", progress->figures[i].name);
        history_set(history, name, progress->figures[i].value);
    }
    return FOV_OK;
}

/* How good an epoch was; larger is better. Without validation data the best one is that which fitted best. */
static double score_of(const fov_progress *progress)
{
    const fov_task_figure *first = &progress->val_figures[0];
    if (progress->val_figure_count == 0 || isnan(first->value)) { /* undefined: R2 of equal values, say */
        return isnan(progress->val_loss) ? -progress->mean_loss : -progress->val_loss;
    }
    return first->lower_is_better ? -first->value : first->value;
}

/* Validates, writes the row, decides on the best, saves, begins the next epoch. */
static int end_epoch(struct training *t, double rate)
{
    const fov_train_options *o = &t->settings.given;
    struct train_state *s = &t->state;
    (void)prefetch_say_bad_files(t->prefetch);
    fov_progress progress = progress_of(t, 0.0, rate);
    progress.loss = progress.mean_loss;
    int status = check_weights(t, rate);
    if (status == FOV_OK && o->validate != NULL) {
        const struct task_tally *tally = &t->validation.tally;
        status = validate(t);
        progress.val_loss = tally->loss / (double)tally->count;
        progress.val_figure_count = evaluator_figures(&t->validation, progress.val_figures);
        progress.val_accuracy =
            figure_named("accuracy", progress.val_figures, progress.val_figure_count, (double)NAN);
    }
    const struct schedule *schedule = t->settings.schedule.schedule;
    if (status == FOV_OK && schedule->observe != NULL) {
        schedule->observe(t->settings.schedule.options,
                          o->validate != NULL ? progress.val_loss : progress.mean_loss, &s->schedule);
    }
    double score = score_of(&progress);
    status = status == FOV_OK ? add_row(t, &progress, rate) : status;
    if (status == FOV_OK) {
        s->epoch++;
        if (s->best_epoch == 0 || score > s->best || t->use.task->newest_is_best) {
            s->best = score;
            s->best_epoch = s->epoch;
            progress.best = true;
        }
        s->step = s->seen = 0;
        s->spent += s->seconds;
        s->loss = s->seconds = 0.0;
        memset(s->sums, 0, sizeof s->sums);
        status = step_publish(&t->step);
    }
    if (status == FOV_OK && o->directory != NULL) {
        status = run_folder_epoch(&t->folder, s, t->error);
    }
    if (status == FOV_OK && o->on_epoch != NULL) {
        tell(t, o->on_epoch, &progress);
    }
    status = keep_together(t, status, &(bool){true});
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

/* `status`: of what had to be opened. */
static int training_run(struct training *t, int status)
{
    if (status == FOV_OK && t->settings.given.rate != NULL && t->group.ranks != NULL) {
        status = error_set(t->error, FOV_E_USAGE, "a program's own rates are for training in one process");
    }
    if (status == FOV_OK && t->settings.given.directory != NULL) {
        status = open_folder(t);
    }
    if (status == FOV_OK && t->settings.given.directory != NULL) {
        status = t->settings.given.resume ? run_folder_resume(&t->folder, &t->state, t->error)
                                          : run_folder_begin(&t->folder, &t->state, t->error);
    }
    status = begin_together(t, status);
    while (status == FOV_OK && !is_over(t)) {
        status = train_steps(t);
        if (status == FOV_OK) {
            /* The rate that the row shows is that of the epoch's last step. */
            status = end_epoch(t, t->rate);
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
    t.group.ranks = options->ranks != NULL && options->ranks->count > 1 ? options->ranks : NULL;
    int status = training_run(&t, training_open(&t, options));
    training_close(&t);
    return status;
}

int fov_train_opt(fov_model *model, fov_dataset *data, const fov_train_options *options)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    if (data == NULL) {
        return call_refuse(model->context, "fov_train_opt: data is NULL");
    }
    struct call call = call_begin(model->context);
    static const fov_train_options standard = {.epochs = 0};
    int status = train(model, data, options != NULL ? options : &standard, &call.mode);
    call_end(&call);
    return status;
}
