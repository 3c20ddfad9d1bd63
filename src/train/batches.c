/* SPDX-License-Identifier: MIT */
/* The batches of an epoch: their samples, order and learning rate. They are computed one by one, or those of a group
 * are shared out to the ranks. Read next: step.c, which builds the training step. */
#include "train/training.h"
#include "base/random.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

int64_t training_group_end(const struct training *t, int64_t step)
{
    int64_t group = t->settings.given.accumulate, end = step / group * group + group;
    return end < t->settings.steps ? end : t->settings.steps;
}

/* Makes the order of samples of this epoch: drawn from (seed, epoch), or asked from the caller and checked. */
static int make_order(struct training *t)
{
    const fov_train_options *o = &t->settings.given;
    if (o->order == NULL) {
        data_order(t->context->seed, (int)t->state.epoch, t->order, (size_t)t->count);
        return FOV_OK;
    }
    training_ask_order(t);
    for (int64_t i = 0; i < t->count; i++) {
        if (t->order[i] >= (uint64_t)t->count) {
            return error_set(t->error, FOV_E_USAGE,
                             "the order of epoch %" PRId64 " names sample %" PRIu32 ", there are %" PRId64,
                             t->state.epoch + 1, t->order[i], t->count);
        }
    }
    return FOV_OK;
}

/* Starts preparing samples from the epoch's present step on: for all batches, or for those of this rank. */
static void begin_batches(struct training *t)
{
    int64_t batch = t->settings.batch, whole = batch * t->settings.steps, count = whole < t->count ? whole : t->count;
    size_t first = (size_t)(t->state.step * batch), used = 0;
    struct prefetch_epoch comes = {.epoch = t->state.epoch,
                                   .order = t->order,
                                   .count = (size_t)count,
                                   .batch = (size_t)batch,
                                   .first = first,
                                   .forms = t->scales.forms};
    t->waited = prefetch_waited(t->prefetch);
    if (t->group.ranks == NULL) {
        for (int64_t step = 0; step < t->settings.steps; step++) {
            scales_begin_batch(t, step, (size_t)step);
        }
        prefetch_begin(t->prefetch, &comes);
        return;
    }
    size_t place = 0;
    for (int64_t step = t->state.step, end; step < t->settings.steps; step = end) {
        end = training_group_end(t, step);
        struct rank_share share = ranks_deal(t->group.ranks, end - step);
        int64_t from = (step + share.first) * batch, to = (step + share.end) * batch;
        size_t samples = (size_t)((to < count ? to : count) - from);
        memcpy(t->own + used, t->order + from, share.end > share.first ? samples * sizeof *t->own : 0);
        used += share.end > share.first ? samples : 0;
        for (int64_t k = share.first; k < share.end; k++) {
            scales_begin_batch(t, step + k, place++);
        }
    }
    comes.order = t->own;
    comes.count = used;
    comes.first = 0;
    prefetch_begin(t->prefetch, &comes);
}

int training_begin_batches(struct training *t)
{
    int status = make_order(t);
    if (status == FOV_OK) {
        begin_batches(t);
    }
    return status;
}

double training_time_share(const struct training *t)
{
    double minutes = (double)t->settings.given.minutes;
    return minutes > 0.0 ? (t->state.spent + t->state.seconds) / (60.0 * minutes) : -1.0;
}

static double rate_of(const struct training *t, int64_t total)
{
    if (t->settings.given.rate != NULL) {
        return t->rate; /* the program's, for the current step */
    }
    return schedule_rate(&t->settings.schedule, &t->settings.rate, t->state.epoch, total, training_time_share(t),
                         &t->state.schedule);
}

int training_fail_numeric(const struct training *t, int64_t step, const char *what, const char *cause, double rate)
{
    char number[NUMBER_TEXT_SIZE];
    return error_set(t->error, FOV_E_NUMERIC,
                     "%s is no longer finite at epoch %" PRId64 ", step %" PRId64
                     ", learning rate %s%s%s: try a smaller rate or a warm-up",
                     what, t->state.epoch + 1, step, number_text(number, rate), cause,
                     t->settings.given.directory != NULL ? "; the last checkpoint is kept" : "");
}

/* Runs the forward part again to find the cause: the samples are still in place, and the weights are not yet
 * updated. */
static int fail_loss(const struct training *t, const struct training_step *at, const struct step_plan *plan,
                     const struct update_moment *moment, int64_t step)
{
    char cause[FINDING_TEXT_SIZE];
    struct plan_finding finding = {.nan = {NULL, NULL}};
    step_replay(at, plan, moment->step, &finding);
    return training_fail_numeric(t, step, "the loss", plan_finding_text(&finding, cause), moment->input[UPDATE_RATE]);
}

/* Adds the losses of later turns to their figures. */
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

/* Rate, number and weight of batch `step` of this epoch. */
static struct update_moment moment_of(const struct training *t, int64_t step)
{
    int64_t total = t->state.total + step - t->state.step;
    return updates_moment(&t->settings, t->state.epoch, step, total, t->count, rate_of(t, total));
}

/* Runs a batch whose samples are in place: updates the weights, or the sums of its group. False: a loss is not
 * finite. */
static bool run_batch(struct training *t, const struct training_step *at, const struct step_plan *plan,
                      const struct update_moment *moment)
{
    scales_turn_to(t, at);
    if (t->group.ranks != NULL) {
        return rank_group_collect(&t->group, at, plan, moment);
    }
    bool finite = step_collect(at, plan, moment);
    if (finite && t->step.moves != NULL && moment->applies) {
        scales_turn_to(t, &t->step);
        step_move(&t->step, moment);
    }
    return finite;
}

/* Fetches and runs one batch, and counts its figures. */
static int compute_batch(struct training *t, int64_t step, struct counted *counted)
{
    const struct update_moment moment = moment_of(t, step);
    const struct sized at = scales_of_batch(t, step);
    const struct step_plan *plan =
        t->count - step * t->settings.batch >= t->settings.batch ? at.step->whole : at.step->rest;
    if (prefetch_next(t->prefetch, (size_t)plan->batch, &plan->samples, t->error) != FOV_OK) {
        return (int)t->error->status;
    }
    bool finite = run_batch(t, at.step, plan, &moment);
    *counted = (struct counted){.loss = (double)*plan->loss, .samples = (double)plan->batch};
    if (!finite) {
        return fail_loss(t, at.step, plan, &moment, step + 1);
    }
    at.use->task->sum(at.use, &at.step->ends.scores, plan->outputs, plan->samples.targets, (size_t)plan->batch,
                      counted->sums);
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

/* Adds this rank's figures: `so_far` has other ranks' batches, or nothing yet, for which this rank's entries are 0. */
static void add_counted(void *context, void *so_far, size_t offset, size_t bytes)
{
    const double *own = (const double *)context + offset / sizeof *own;
    double *sum = so_far;
    for (size_t i = 0; i < bytes / sizeof *own; i++) {
        sum[i] += own[i];
    }
}

/* Computes a group on all ranks: each rank its share of the batches, with one sum in the batches' order, then the same
 * update on every rank. */
static int compute_group(struct training *t, int64_t end)
{
    const fov_ranks *ranks = t->group.ranks;
    int64_t begin = t->state.step;
    struct rank_share share = ranks_deal(ranks, end - begin);
    size_t bytes = (size_t)(end - begin) * sizeof *t->counted;
    struct counted *own = &t->counted[t->settings.given.accumulate]; /* second half of the array */
    int status = FOV_OK;
    memset(t->counted, 0, bytes);
    memset(own, 0, bytes);
    rank_group_start(&t->group, share.end - share.first);
    for (int64_t k = share.first; status == FOV_OK && k < share.end; k++) {
        status = compute_batch(t, begin + k, &own[k]);
    }
    status = rank_group_add(&t->group, status, t->error);
    status = status == FOV_OK ? ranks_add(ranks, t->counted, bytes, add_counted, own, t->error) : status;
    if (status == FOV_OK) {
        const struct update_moment moment = moment_of(t, end - 1);
        scales_turn_to(t, &t->step);
        step_move(&t->step, &moment);
    }
    return status;
}

int training_batches(struct training *t, double *rate, double *loss)
{
    struct counted alone, *counted = t->group.ranks != NULL ? t->counted : &alone;
    int64_t first = t->state.step, end = t->group.ranks != NULL ? training_group_end(t, first) : first + 1;
    *rate = rate_of(t, t->state.total + end - 1 - first);
    int status = t->group.ranks != NULL ? compute_group(t, end) : compute_batch(t, first, &alone);
    for (int64_t k = 0; status == FOV_OK && k < end - first; k++) {
        *loss = counted[k].loss;
        count_batch(&t->state, &counted[k]);
    }
    return status;
}
