/* SPDX-License-Identifier: MIT */
/* Coordination of the ranks that share a run: all are at the same step with the same weights, and end alike. batches.c
 * shares out a group's batches; ranks.h has the communication. */
#include "train/training.h"
#include <inttypes.h>
#include <string.h>

void training_settle_roles(struct training *t)
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

int training_open_ranks(struct training *t)
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

int training_keep_together(struct training *t, int status, bool *ended)
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

int training_begin_together(struct training *t, int status)
{
    if (t->group.ranks == NULL) {
        return status;
    }
    const struct train_settings *s = &t->settings;
    const int64_t own[] = {(int64_t)t->context->seed,
                           t->count,
                           (int64_t)dataset_fingerprint(t->data),
                           (int64_t)t->use.files,
                           s->batch,
                           s->steps,
                           s->given.accumulate,
                           s->given.rate != NULL};
    int64_t first[sizeof own / sizeof own[0]];
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
