/* SPDX-License-Identifier: MIT */
/* The training loop. Full-batch, mini-batch and stochastic gradient descent are this one loop with another batch size:
 *
 *    for each epoch:  for each batch:  fill the plan's input, run the plan  (forward, loss, gradient, update)
 *
 * The mathematics is in the graph (step.c), the files are in run_folder.c, a batch is computed in batches.c; this file
 * is only the order of things. */
#include "train/training.h"
#include "base/clock.h"
#include "base/file.h"
#include "graph/fitting.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Whether training is over: all epochs are done, the time is up, or no epoch was better for too long (patience). */
static bool is_over(const struct training *t)
{
    const fov_train_options *o = &t->settings.given;
    const struct train_state *s = &t->state;
    return t->finishing || s->epoch >= o->epochs || training_time_share(t) >= 1.0 ||
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

/* `ahead`: how many batches the reported position is ahead of the run's. */
static fov_progress progress_of(const struct training *t, int64_t ahead, double loss, double rate)
{
    const struct train_state *s = &t->state;
    double seen = s->seen > 0 ? (double)s->seen : 1.0;
    fov_progress progress = {.task = t->use.task->name,
                             .epoch = (int)s->epoch + 1,
                             .epochs = t->settings.given.epochs < BY_TIME ? t->settings.given.epochs : 0,
                             .step = s->step + ahead,
                             .steps = t->settings.steps,
                             .total_step = s->total + ahead,
                             .loss = loss,
                             .mean_loss = s->loss / seen,
                             .learning_rate = rate,
                             .seconds = s->seconds,
                             .samples_per_second = s->seconds > 0.0 ? (double)s->seen / s->seconds : 0.0,
                             .load_seconds = prefetch_waited(t->prefetch) - t->waited,
                             .val_loss = (double)NAN,
                             .val_accuracy = (double)NAN};
    double all = (double)t->settings.given.epochs * (double)t->settings.steps, time = training_time_share(t);
    progress.share = time >= 0.0 ? (time < 1.0 ? time : 1.0) : (double)(s->total + ahead) / all;
    progress.figure_count = task_figures(t->use.task, NULL, s->sums, progress.figures);
    progress.accuracy = figure_named("accuracy", progress.figures, progress.figure_count, 0.0);
    return progress;
}

/* Weights that are not finite are never written: E_NUMERIC instead. */
static int check_weights(const struct training *t, double rate)
{
    const char *bad = step_bad_parameter(&t->step);
    char what[256];
    if (bad == NULL) {
        return FOV_OK;
    }
    snprintf(what, sizeof what, "parameter \"%.200s\"", bad);
    return training_fail_numeric(t, t->state.step, what, "", rate);
}

static int save_between(const struct training *t, double rate)
{
    if (t->settings.given.directory == NULL) {
        return FOV_OK;
    }
    int status = check_weights(t, rate);
    return status == FOV_OK ? run_folder_checkpoint(&t->folder, &t->state, t->error) : status;
}

/* Stops on request: saves a checkpoint, so that the run can be resumed from this very step. */
static int stop(struct training *t, double rate)
{
    const struct train_state *s = &t->state;
    int status = check_weights(t, rate);
    if (status == FOV_OK && s->step > 0) { /* at an epoch's end a checkpoint is written already */
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

/* After a rank was lost: writes a checkpoint of the last update, provided that no batch was added to the sums since. */
static int give_up(const struct training *t, int status)
{
    struct error unread = {.status = FOV_OK};
    bool whole = t->group.ranks != NULL && t->state.step % t->settings.given.accumulate == 0;
    if (status == FOV_E_IO && whole && step_bad_parameter(&t->step) == NULL && t->settings.given.directory != NULL) {
        (void)run_folder_checkpoint(&t->folder, &t->state, &unread);
    }
    return status;
}

/* Asks the program for the rate of the next step or, with several ranks, of the next update, whose last batch
 * counts. */
static int ask_rate(struct training *t, double *rate)
{
    const fov_train_options *o = &t->settings.given;
    int64_t ahead = t->group.ranks != NULL ? training_group_end(t, t->state.step) - 1 - t->state.step : 0;
    double scheduled = schedule_rate(&t->settings.schedule, &t->settings.rate, t->state.epoch, t->state.total + ahead,
                                     training_time_share(t), &t->state.schedule);
    const fov_progress progress = progress_of(t, ahead, 0.0, scheduled);
    int depth = training_leave(t);
    *rate = o->rate(&progress, scheduled, o->user);
    training_come_back(t, depth);
    if (!(*rate >= 0.0) || !isfinite(*rate)) {
        return error_set(t->error, FOV_E_USAGE,
                         "epoch %d, step %" PRId64 ": the program's rate is %g, it must be 0 or more", progress.epoch,
                         progress.step + 1, *rate);
    }
    return FOV_OK;
}

/* If the program chooses rates, rank 0 asks for the next one and shares it with all ranks. */
static int choose_rate(struct training *t)
{
    const fov_train_options *o = &t->settings.given;
    double rate = t->rate;
    if (o->rate == NULL) {
        return FOV_OK;
    }
    int status = o->ranks == NULL || o->ranks->rank == 0 ? ask_rate(t, &rate) : FOV_OK;
    if (t->group.ranks != NULL) {
        status = ranks_agree(t->group.ranks, status, t->error);
        status = status == FOV_OK ? ranks_spread(t->group.ranks, &rate, sizeof rate, t->error) : status;
    }
    t->rate = status == FOV_OK ? rate : t->rate;
    return status;
}

static int train_steps(struct training *t)
{
    const fov_train_options *o = &t->settings.given;
    int status = training_begin_batches(t);
    double rate = 0.0;
    bool ended = false; /* end_epoch saves a checkpoint anyway */
    while (status == FOV_OK && !ended) {
        double loss = 0.0, begin = clock_seconds();
        int64_t before = t->state.total;
        status = choose_rate(t);
        status = status == FOV_OK ? training_batches(t, &rate, &loss) : status;
        t->rate = rate;
        t->state.seconds += clock_seconds() - begin;
        if (status != FOV_OK) {
            return give_up(t, status);
        }
        ended = t->state.step == t->settings.steps || training_time_share(t) >= 1.0;
        if (o->on_step != NULL) {
            fov_progress progress = progress_of(t, 0, loss, rate);
            training_tell(t, o->on_step, &progress);
            ended = ended || t->finishing;
        }
        bool due = o->checkpoint_steps > 0 && t->state.total / o->checkpoint_steps > before / o->checkpoint_steps;
        if (due && !ended && !t->stopping) {
            status = save_between(t, rate);
        }
        status = training_keep_together(t, status, &ended);
        if (status == FOV_OK && t->stopping && !ended) {
            return stop(t, rate);
        }
    }
    return status;
}

/* Validates with the averaged weights, if averages are kept. E_NUMERIC ends the run before this epoch is written. */
static int validate(struct training *t)
{
    scales_turn_to(t, &t->step);
    updates_exchange(&t->step.updates, t->step.graph); /* the averages, which are also saved */
    int status = evaluator_run(&t->validation, t->error);
    updates_exchange(&t->step.updates, t->step.graph);
    if (status == FOV_E_NUMERIC) {
        error_prefix(t->error, "validation after epoch %" PRId64, t->state.epoch + 1);
    }
    return status;
}

/* Adds the history's row for the epoch that has ended. */
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

/* Score of an epoch, larger is better: the first validation figure, else the validation loss, else the training
 * loss. */
static double score_of(const fov_progress *progress)
{
    const fov_task_figure *first = &progress->val_figures[0];
    if (progress->val_figure_count == 0 || isnan(first->value)) { /* undefined: R2 of equal values, say */
        return isnan(progress->val_loss) ? -progress->mean_loss : -progress->val_loss;
    }
    return first->lower_is_better ? -first->value : first->value;
}

/* Ends an epoch: validates, adds the history's row, decides whether it is the best, saves, reports. */
static int end_epoch(struct training *t, double rate)
{
    const fov_train_options *o = &t->settings.given;
    struct train_state *s = &t->state;
    (void)prefetch_say_bad_files(t->prefetch);
    fov_progress progress = progress_of(t, 0, 0.0, rate);
    progress.loss = progress.mean_loss;
    int status = check_weights(t, rate);
    if (status == FOV_OK && o->validate != NULL) {
        const struct task_tally *tally = &t->validation.tally;
        status = validate(t);
        progress.val_loss = tally->loss / (double)tally->count;
        progress.val_figure_count = evaluator_figures(&t->validation, progress.val_figures);
        progress.val_accuracy = figure_named("accuracy", progress.val_figures, progress.val_figure_count, (double)NAN);
    }
    const struct schedule *schedule = t->settings.schedule.schedule;
    if (status == FOV_OK && schedule->observe != NULL) {
        schedule->observe(t->settings.schedule.options, o->validate != NULL ? progress.val_loss : progress.mean_loss,
                          &s->schedule);
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
        training_tell(t, o->on_epoch, &progress);
    }
    status = training_keep_together(t, status, &(bool){true});
    return status == FOV_OK && t->stopping ? stop(t, rate) : status;
}

/* Creates and locks the run's folder: two runs that write to one folder would destroy each other's files. */
static int open_folder(struct training *t)
{
    const char *directory = t->settings.given.directory;
    bool fresh = !t->settings.given.resume;
    int status = fresh ? file_make_directories(directory, t->error) : FOV_OK;
    status = status == FOV_OK && file_exists(directory) ? file_lock(directory, &t->lock, t->error) : status;
    return status == FOV_OK && fresh && !t->settings.given.overwrite
               ? run_folder_check_free(directory, t->context->memory, t->error)
               : status;
}

/* `status`: that of training_open. */
static int training_run(struct training *t, int status)
{
    if (status == FOV_OK && t->settings.given.directory != NULL) {
        status = open_folder(t);
    }
    if (status == FOV_OK && t->settings.given.directory != NULL) {
        status = t->settings.given.resume ? run_folder_resume(&t->folder, &t->state, t->error)
                                          : run_folder_begin(&t->folder, &t->state, t->error);
    }
    status = training_begin_together(t, status);
    while (status == FOV_OK && !is_over(t)) {
        status = train_steps(t);
        if (status == FOV_OK) {
            /* The history's row shows the rate of the epoch's last step. */
            status = end_epoch(t, t->rate);
        }
    }
    return status;
}

/* The arguments of fov_train_opt. */
struct wanted {
    fov_model *model;
    fov_dataset *data;
    const fov_train_options *options;
    struct arithmetic *host;
};

static int open_run(const struct wanted *w, const fov_train_options *options, struct training *t)
{
    *t = (struct training){.context = w->model->context,
                           .error = &w->model->context->error,
                           .host = w->host,
                           .model = w->model,
                           .data = w->data};
    t->state.history.memory = t->context->memory;
    t->group.ranks = options->ranks != NULL && options->ranks->count > 1 ? options->ranks : NULL;
    return training_open(t, options);
}

/* Tries whether a run with this batch size can be opened, for the search of a batch size that fits the memory. */
static int open_with(void *user, int64_t batch)
{
    const struct wanted *w = user;
    struct training t;
    fov_train_options options = *w->options;
    options.batch = (int)batch;
    options.on_plan = NULL;
    int status = open_run(w, &options, &t);
    training_close(&t);
    return status;
}

static int train(const struct wanted *w)
{
    const fov_train_options *o = w->options;
    struct training t;
    if (w->model->context->error.status != FOV_OK) {
        return (int)w->model->context->error.status; /* an earlier failure that the caller has not handled */
    }
    int status = open_run(w, o, &t);
    int64_t batch = t.settings.batch;
    bool is_opened = status == FOV_OK;
    status = training_run(&t, status);
    training_close(&t);
    /* Suggest a batch size that fits the memory, unless the run is resumed (its batch is fixed), ranks would have to
     * open together, or whitening has changed the model. */
    bool is_whitened = o->whiten != NULL && strcmp(o->whiten, "none") != 0;
    if (!is_opened && !o->resume && o->ranks == NULL && !is_whitened) {
        struct wanted again = *w;
        add_fitting_batch(w->model->context, batch, open_with, &again);
    }
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
    int status = train(&(struct wanted){model, data, options != NULL ? options : &standard, &call.mode});
    call_end(&call);
    return status;
}
