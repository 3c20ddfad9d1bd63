/* SPDX-License-Identifier: MIT */
/* Calls the program's callbacks in the middle of a run. */
#include "train/training.h"
#include "base/arithmetic.h"
#include <stdatomic.h>

int training_leave(struct training *t)
{
    arithmetic_leave(*t->host);
    return atomic_exchange(&t->context->depth, 0);
}

void training_come_back(struct training *t, int depth)
{
    *t->host = arithmetic_enter(DENORMALS_KEPT);
    atomic_store(&t->context->depth, depth);
    error_clear(t->error); /* an error in the callback is the program's own; training has not failed at this point */
}

void training_tell(struct training *t, int (*function)(const fov_progress *progress, void *user),
                   const fov_progress *progress)
{
    int depth = training_leave(t), answer = function(progress, t->settings.given.user);
    training_come_back(t, depth);
    t->finishing = t->finishing || answer == FOV_FINISH;
    t->stopping = t->stopping || (answer != FOV_OK && answer != FOV_FINISH);
}

void training_ask_order(struct training *t)
{
    int depth = training_leave(t);
    t->settings.given.order(t->settings.given.user, (int)t->state.epoch, t->order, t->count);
    training_come_back(t, depth);
}

void training_show_plan(struct training *t, const fov_plan *plan)
{
    int depth = training_leave(t);
    t->settings.given.on_plan(plan, t->settings.given.user);
    training_come_back(t, depth);
}
