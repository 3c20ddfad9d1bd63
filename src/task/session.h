/* SPDX-License-Identifier: MIT */
/* A session from inside, for the two files that implement it: session.c (answers) and session_run.c (values by
 * name). */
#ifndef TASK_SESSION_H
#define TASK_SESSION_H

#include "data/views.h"
#include "model/batch_plans.h"
#include "task/task.h"
#include <stdatomic.h>

struct fov_session {
    fov_model          *model;
    struct task_use     use; /**< without data; .task NULL: none, and .refusal says why */
    struct batch_plans *plans;
    struct views        views;    /**< of each picture */
    unsigned            changes;  /**< model->changes when it was made */
    int                 most;     /**< pictures computed together */
    bool                is_plain; /**< its input has pictures in plain order */
    atomic_bool         busy;     /**< a thread is using it */
    struct error        error, refusal;
};

/** Takes the session for this thread and clears its error; false where it is NULL or another thread has it. */
bool session_enter(fov_session *session);
void session_leave(fov_session *session);
/** Sees that plans are made of the weights that the model has now. E_USAGE: the model has other layers. */
int  session_follow(fov_session *session, struct error *error);
/** The plan from the chosen input to the chosen output for so many pictures; NULL and an error. */
fov_plan *session_plan(fov_session *session, int count, struct error *error);
/** Preprocesses a picture into floats. `note`: as loader_preprocess has it. */
int session_prepare(const fov_session *session, const fov_image *picture, float *to, const char **note,
                    struct error *error);

#endif
