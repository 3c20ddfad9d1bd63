/* SPDX-License-Identifier: MIT */
/* A model ready to answer for one picture at a time: its plan, and the task that reads the output. */
#include "base/arithmetic.h"
#include "graph/plan.h"
#include "task/task.h"
#include <math.h>

struct fov_session {
    struct task_use use; /* without data */
    fov_plan       *plan;
    float          *pixels;
    struct task_output output;
    size_t          count; /* numbers of the output */
    bool            is_plain;
};

/* What an output is for that nobody has said anything about. */
static fov_target target_of(const fov_model *model)
{
    struct model_scores scores = model_scores(model, model->output);
    return scores.meaning == FOV_MEANING_MAP                            ? FOV_TARGET_MASK
           : scores.meaning == FOV_MEANING_VALUES                       ? FOV_TARGET_VALUES
           : scores.meaning == FOV_MEANING_SIGMOID && scores.count > 1 ? FOV_TARGET_CLASSES
                                                                        : FOV_TARGET_CLASS;
}

static int open_plan(fov_session *session, struct error *error)
{
    const fov_model *model = session->use.model;
    struct model_picture picture;
    fov_plan_options options = {.batch = 1};
    session->plan = fov_plan_create(model->graph, &model->output, 1, &options);
    if (session->plan == NULL) {
        return (int)error->status;
    }
    session->pixels = fov_plan_data(session->plan, model->input);
    session->output.numbers = fov_plan_data(session->plan, model->output);
    session->output.shape = fov_plan_shape(session->plan, model->output);
    session->is_plain = !model_picture(model, &picture) || !picture.channels_last;
    if (session->pixels == NULL || !shape_count(&session->output.shape, &session->count)) {
        return error_set(error, FOV_E_SHAPE, "the model's output does not depend on its input");
    }
    return FOV_OK;
}

static fov_session *create(fov_model *model, const char *task)
{
    struct error *error = &model->context->error;
    fov_session *session = error->status == FOV_OK
                               ? memory_allocate(model->context->memory, 1, sizeof *session, "a session", error)
                               : NULL;
    if (session == NULL) {
        return NULL;
    }
    session->use.model = model;
    const char *text = task != NULL ? task : model->task[0] != '\0' ? model->task : NULL;
    int status = model->output.id == 0 ? error_set(error, FOV_E_USAGE, "the model has no output yet")
                                       : task_choose(&session->use, text, target_of(model), error);
    status = status == FOV_OK ? task_fit(&session->use, error) : status;
    if (status == FOV_OK && session->use.task->answer == NULL) {
        status = error_set(error, FOV_E_UNSUPPORTED, "task %s answers nothing that could be shown",
                           session->use.task->name);
    }
    status = status == FOV_OK ? open_plan(session, error) : status;
    if (status != FOV_OK) {
        fov_session_free(session);
        return NULL;
    }
    return session;
}

fov_session *fov_session_create(fov_model *model, const char *task)
{
    struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
    fov_session *made = create(model, task);
    arithmetic_leave(mode);
    return made;
}

void fov_session_free(fov_session *session)
{
    if (session != NULL) {
        struct memory *memory = session->use.model->context->memory;
        fov_plan_free(session->plan);
        task_close(&session->use);
        memory_free(memory, session);
    }
}

const char *fov_session_task(const fov_session *session)
{
    return session->use.task->name;
}

static int check_finite(const fov_session *session, struct error *error)
{
    for (size_t i = 0; i < session->count; i++) {
        if (!isfinite(session->output.numbers[i])) {
            char                cause[FINDING_TEXT_SIZE];
            struct plan_finding finding = {.nan = {NULL, NULL}};
            (void)plan_replay(session->plan, 0, session->plan->step_count, &finding); /* without memory: nothing */
            return error_set(error, FOV_E_NUMERIC, "the answer is not finite%s", plan_finding_text(&finding, cause));
        }
    }
    return FOV_OK;
}

static int make_answer(fov_session *session, const fov_image *picture, fov_answer *answer)
{
    const fov_model *model = session->use.model;
    struct error *error = &model->context->error;
    const struct prepare_options options = {.size = session->use.prepare.size,
                                            .preprocessing = model->preprocessing,
                                            .plain = session->is_plain};
    *answer = (fov_answer){.task = session->use.task->name, .measure = "", .owner = model->context->memory};
    int status = error->status != FOV_OK
                     ? (int)error->status
                     : loader_preprocess(model->context, picture, &options, session->pixels, error);
    if (status != FOV_OK) {
        return status;
    }
    model_fill_others(model, session->plan);
    fov_plan_run(session->plan, 0);
    session->output.height = picture->height;
    session->output.width = picture->width;
    status = check_finite(session, error);
    status = status == FOV_OK ? session->use.task->answer(&session->use, &session->output, answer, error) : status;
    if (status != FOV_OK) {
        fov_answer_free(answer);
    }
    return status;
}

int fov_session_answer(fov_session *session, const fov_image *picture, fov_answer *answer)
{
    struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
    int status = make_answer(session, picture, answer);
    arithmetic_leave(mode);
    return status;
}
