/* SPDX-License-Identifier: MIT */
/* The internals of a session, for the two files that implement it: session.c (answers) and session_run.c (values by
 * name). */
#ifndef TASK_SESSION_H
#define TASK_SESSION_H

#include "data/views.h"
#include "model/batch_plans.h"
#include "task/task.h"
#include <stdatomic.h>

struct fov_session {
    fov_model          *model;
    struct task_use     use; /**< without data; .task NULL: the session has no task, and .refusal says why */
    struct batch_plans *plans;
    struct views        views;    /**< views of each picture over which scores are averaged */
    unsigned            changes;  /**< model->changes when the session was created */
    int                 most;     /**< largest batch */
    bool                is_plain; /**< the input takes pictures channels-first */
    atomic_bool         busy;     /**< a thread is using the session */
    struct error        error, refusal;
};

/** Acquires the session for this thread and clears its error; false where it is NULL or another thread is using it. */
bool session_enter(fov_session *session);
void session_leave(fov_session *session);
/** Drops the plans where the model's weights have changed since, so that new ones use the current weights. E_USAGE: the
 *  model's layers, inputs, outputs or meanings have changed. */
int  session_follow(fov_session *session, struct error *error);
/** The plan from the chosen input to the chosen output for a batch of `count` pictures; NULL and an error. */
fov_plan *session_plan(fov_session *session, int count, struct error *error);
/** Preprocesses a picture into floats. `note`: as for loader_preprocess. */
int session_prepare(const fov_session *session, const fov_image *picture, float *to, const char **note,
                    struct error *error);

#endif
