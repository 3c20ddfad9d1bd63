/* SPDX-License-Identifier: MIT */
/* A session is a model ready for inference: the task that interprets its output, and plans for several batch sizes over
 * weights that all sessions of the model share (model/share.c). Nothing here writes to the model or its context, so
 * that sessions in several threads need no synchronisation. Values by name are in session_run.c. */
#include "task/session.h"
#include "base/arithmetic.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_TOGETHER = 64 };

/* ---- made and freed ---------------------------------------------------------------------------------------------- */

/* The kind of target that fits the meaning of the output, where neither caller nor model names a task. */
static fov_target target_of(const fov_model *model)
{
    struct model_scores scores = model_scores(model, model->output);
    return scores.meaning == FOV_MEANING_BOXES                          ? FOV_TARGET_BOXES
           : scores.meaning == FOV_MEANING_MAP                          ? FOV_TARGET_MASK
           : scores.meaning == FOV_MEANING_VALUES                       ? FOV_TARGET_VALUES
           : scores.meaning == FOV_MEANING_SIGMOID && scores.count > 1 ? FOV_TARGET_CLASSES
                                                                        : FOV_TARGET_CLASS;
}

static int choose_task(fov_session *session, const char *task, struct error *error)
{
    const fov_model *model = session->model;
    const char *text = task != NULL ? task : model->task[0] != '\0' ? model->task : NULL;
    int status = task_choose(&session->use, text, target_of(model), error);
    status = status == FOV_OK ? task_fit(&session->use, error) : status;
    if (status == FOV_OK && session->use.task->answer == NULL) {
        status = error_set(error, FOV_E_UNSUPPORTED, "task %s answers nothing that could be shown",
                           session->use.task->name);
    }
    if (status == FOV_OK && fov_value_dtype(model->graph, model->output) != FOV_F32) {
        status = error_set(error, FOV_E_UNSUPPORTED, "the model's output is %s; answers are read from f32",
                           fov_dtype_name(fov_value_dtype(model->graph, model->output)));
    }
    return status;
}

static int open_task(fov_session *session, const char *task, struct error *error)
{
    const fov_model *model = session->model;
    struct model_picture picture;
    if (model->output.id == 0 || model->input.id == 0) {
        return error_set(error, FOV_E_USAGE, "the model has no input and output yet: call fov_model_set_input_output");
    }
    bool is_picture = model_picture(model, &picture);
    session->is_plain = !is_picture || !picture.channels_last;
    if (task == NULL && !is_picture) {
        error_set(&session->refusal, FOV_E_SHAPE,
                  "the model's input \"%s\" is no picture: this session has values by name (fov_session_run)",
                  fov_value_name(model->graph, model->input));
        return FOV_OK;
    }
    /* The answer to a picture must not depend on the other pictures of its batch. */
    bool is_alone = graph_value(model->graph, model->input.id)->shape.dim[0] != FOV_BATCH ||
                    fov_model_batch_statistics(model) > 0;
    session->most = is_alone ? 1 : MOST_TOGETHER;
    int status = choose_task(session, task, error);
    if (status == FOV_OK) {
        model_tell_assumed(session->model);
    }
    return status;
}

/* Builds the first plan already here, so that a model that cannot be computed is refused at once. */
static int open_plans(fov_session *session, struct error *error)
{
    int status = session_follow(session, error);
    if (status == FOV_OK && session->use.task != NULL) {
        status = session_plan(session, 1, error) != NULL ? FOV_OK : (int)error->status;
    }
    return status;
}

static fov_session *create(fov_model *model, const char *task, struct error *error)
{
    fov_session *session = memory_allocate(model->context->memory, 1, sizeof *session, "a session", error);
    if (session == NULL) {
        return NULL;
    }
    model_keep(model);
    session->model = model;
    session->use.model = model;
    session->changes = model->changes;
    session->most = 1;
    (void)views_read(NULL, &session->views, error);
    atomic_init(&session->busy, false);
    if (open_task(session, task, error) != FOV_OK || open_plans(session, error) != FOV_OK) {
        fov_session_free(session);
        return NULL;
    }
    return session;
}

fov_session *fov_session_create(fov_model *model, const char *task)
{
    if (model == NULL) {
        return NULL;
    }
    struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
    struct error error = {.status = FOV_OK};
    fov_session *made = create(model, task, &error);
    if (made == NULL) {
        context_put_error(model->context, &error);
    }
    arithmetic_leave(mode);
    return made;
}

void fov_session_free(fov_session *session)
{
    if (session != NULL) {
        fov_model *model = session->model;
        batch_plans_close(session->plans);
        task_close(&session->use);
        memory_free(model->context->memory, session);
        fov_model_free(model);
    }
}

const char *fov_session_task(const fov_session *session)
{
    return session != NULL && session->use.task != NULL ? session->use.task->name : "";
}

const char *fov_session_error(const fov_session *session)
{
    return session != NULL ? session->error.text : "there is no session";
}

/* ---- what calls share -------------------------------------------------------------------------------------------- */

bool session_enter(fov_session *session)
{
    if (session == NULL || atomic_exchange_explicit(&session->busy, true, memory_order_acquire)) {
        return false;
    }
    error_clear(&session->error);
    return true;
}

void session_leave(fov_session *session)
{
    atomic_store_explicit(&session->busy, false, memory_order_release);
}

int session_follow(fov_session *session, struct error *error)
{
    fov_model *model = session->model;
    if (session->changes != model->changes) {
        return error_set(error, FOV_E_USAGE,
                         "the model has changed since the session was made (layers, inputs, outputs or what they "
                         "mean): make another session");
    }
    if (session->plans != NULL && shared_graph_is_current(batch_plans_share(session->plans), model->graph)) {
        return FOV_OK;
    }
    batch_plans_close(session->plans);
    session->plans = NULL;
    struct shared_graph *share = model_share(model, error);
    if (share != NULL) {
        session->plans = batch_plans_open(share, error);
        shared_graph_drop(share);
    }
    return session->plans != NULL ? FOV_OK : (int)error->status;
}

/* The value that answers are read from: the output, or, with several views, the scores before its softmax or sigmoid,
 * which are averaged over the views. */
static fov_value read_value_of(const fov_session *session)
{
    return session->views.count > 1 ? session->use.scores.logits : session->model->output;
}

fov_plan *session_plan(fov_session *session, int count, struct error *error)
{
    const struct shared_graph *share = batch_plans_share(session->plans);
    const fov_model *model = session->model;
    fov_value output = shared_graph_value(share, read_value_of(session)),
              input = shared_graph_value(share, model->input);
    fov_plan *plan = batch_plans_for(session->plans, &output, 1, count, error);
    size_t    numbers;
    if (plan == NULL) {
        return NULL;
    }
    fov_shape shape = fov_plan_shape(plan, output);
    if (fov_plan_data(plan, input) == NULL || !shape_count(&shape, &numbers)) {
        error_set(error, FOV_E_SHAPE, "the model's output does not depend on its input");
        return NULL;
    }
    if (shape.rank < 1 || shape.dim[0] != count) {
        char text[SHAPE_TEXT_SIZE];
        error_set(error, FOV_E_SHAPE, "the model's output is %s for %d picture%s", shape_text(&shape, text), count,
                  count == 1 ? "" : "s");
        return NULL;
    }
    return plan;
}

int session_prepare(const fov_session *session, const fov_image *picture, float *to, const char **note,
                    struct error *error)
{
    const struct prepare_options options = {.size = session->use.prepare.size,
                                            .preprocessing = session->model->preprocessing,
                                            .plain = session->is_plain};
    return loader_preprocess(session->model->context, picture, &options, to, note, error);
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

/* A job of the thread pool that preprocesses pictures into a plan's input, one picture per task. */
struct filling {
    const fov_session *session;
    const fov_image   *pictures;
    float             *to;
    const char       **notes; /* [pictures] */
    size_t             each;  /* floats per picture */
    atomic_bool        failed;
};

static void fill_one(void *context, size_t chunk, int worker)
{
    struct filling *filling = context;
    struct error    error = {.status = FOV_OK}; /* dropped: after a failure the caller repeats the call to report it */
    (void)worker;
    if (session_prepare(filling->session, &filling->pictures[chunk], filling->to + chunk * filling->each,
                        &filling->notes[chunk], &error) != FOV_OK) {
        atomic_store(&filling->failed, true);
    }
}

static int fill(fov_session *session, const fov_image *pictures, size_t count, float *to, size_t each,
                const char **notes)
{
    struct filling filling = {.session = session, .pictures = pictures, .to = to, .notes = notes, .each = each};
    atomic_init(&filling.failed, false);
    pool_run(session->model->context->pool, fill_one, &filling, count);
    int status = FOV_OK;
    for (size_t i = 0; atomic_load(&filling.failed) && i < count && status == FOV_OK; i++) {
        status = session_prepare(session, &pictures[i], to + i * each, NULL, &session->error);
    }
    return status;
}

/* Names a picture in an error message; "" where there is only one. */
static const char *which_picture(int index, int all, char text[48])
{
    text[0] = '\0';
    if (all > 1) {
        snprintf(text, 48, " of picture %d (from 0, of %d)", index, all);
    }
    return text;
}

static int read_one(fov_session *session, fov_plan *plan, const struct task_output *output, size_t numbers, int index,
                    int all, fov_answer *answer)
{
    char which[48], cause[FINDING_TEXT_SIZE];
    for (size_t i = 0; i < numbers; i++) {
        if (!isfinite(output->numbers[i])) {
            return error_set(&session->error, FOV_E_NUMERIC, "the answer%s is not finite%s",
                             which_picture(index, all, which),
                             shared_graph_finding(batch_plans_share(session->plans), plan, cause));
        }
    }
    *answer = (fov_answer){.task = session->use.task->name, .measure = "", .owner = session->model->context->memory};
    return session->use.task->answer(&session->use, output, answer, &session->error);
}

/* Makes a view of a preprocessed picture, which is channels-first or channels-last. */
static void make_view(const fov_session *session, const struct view *view, const float *from, float *to)
{
    struct picture_size size = session->use.prepare.size;
    size_t plane = (size_t)size.height * (size_t)size.width, planes = session->is_plain ? (size_t)size.channels : 1;
    size.channels = session->is_plain ? 1 : size.channels;
    for (size_t i = 0; i < planes; i++) {
        view_make(view, from + i * plane, to + i * plane, &size);
    }
}

/* The weighted sums of the scores `made` over all views of the `count` pictures in the plan's input `pixels`, which is
 * overwritten. The caller frees the result; NULL and an error. */
static float *add_views(fov_session *session, fov_plan *plan, float *pixels, size_t each, int count,
                        const float *made, size_t numbers)
{
    struct memory *memory = session->model->context->memory;
    size_t all = (size_t)count * each, sum_count = (size_t)count * numbers;
    float *workspace =
        memory_allocate_raw(memory, all + sum_count, sizeof *workspace, "views of pictures", &session->error);
    float *sums = workspace;
    if (workspace == NULL) {
        return NULL;
    }
    memcpy(workspace + sum_count, pixels, all * sizeof *workspace);
    for (int v = 0; v < session->views.count; v++) {
        const struct view *view = &session->views.view[v];
        for (size_t i = 0; i < (size_t)count; i++) {
            make_view(session, view, workspace + sum_count + i * each, pixels + i * each);
        }
        model_fill_others(session->model, batch_plans_share(session->plans), plan);
        fov_plan_run(plan, 0);
        for (size_t i = 0; i < sum_count; i++) {
            sums[i] = (v > 0 ? sums[i] : 0.0F) + view->weight * made[i];
        }
    }
    return sums;
}

/* Answers `count` pictures, from index `first` on, in one batch. */
static int answer_some(fov_session *session, fov_plan *plan, const fov_image *pictures, int first, int count, int all,
                       fov_answer *answers)
{
    const struct shared_graph *share = batch_plans_share(session->plans);
    fov_value input = shared_graph_value(share, session->model->input),
              output = shared_graph_value(share, read_value_of(session));
    float *pixels = fov_plan_data(plan, input);
    const float *made = fov_plan_data(plan, output);
    size_t each = fov_plan_bytes(plan, input) / sizeof(float) / (size_t)count,
           numbers = fov_plan_bytes(plan, output) / sizeof(float) / (size_t)count;
    const char *notes[MOST_TOGETHER];
    int status = fill(session, pictures + first, (size_t)count, pixels, each, notes);
    if (status != FOV_OK) {
        return status;
    }
    float *sums = NULL;
    if (session->views.count > 1) {
        made = sums = add_views(session, plan, pixels, each, count, made, numbers);
        status = sums != NULL ? FOV_OK : (int)session->error.status;
    } else {
        model_fill_others(session->model, share, plan);
        fov_plan_run(plan, 0);
    }
    struct task_output one = {.shape = fov_plan_shape(plan, output), .is_scores = sums != NULL};
    one.shape.dim[0] = 1;
    for (int i = 0; i < count && status == FOV_OK; i++) {
        one.numbers = made + (size_t)i * numbers;
        one.height = pictures[first + i].height;
        one.width = pictures[first + i].width;
        one.picture = &pictures[first + i];
        status = read_one(session, plan, &one, numbers, first + i, all, &answers[first + i]);
        answers[first + i].note = notes[i];
    }
    memory_free(session->model->context->memory, sums);
    return status;
}

/* The plan for the next batch of the `left` remaining pictures; *take is its size. Where memory is short, tries smaller
 * batches. */
static fov_plan *next_plan(fov_session *session, int left, int *take)
{
    for (;;) {
        *take = (int)batch_plans_next(left, session->most);
        fov_plan *plan = session_plan(session, *take, &session->error);
        if (plan != NULL || session->error.status != FOV_E_MEMORY || *take == 1) {
            return plan;
        }
        error_clear(&session->error);
        session->most = *take / 2;
    }
}

static int answer_all(fov_session *session, const fov_image *pictures, int count, fov_answer *answers)
{
    struct error *error = &session->error;
    if (count < 1 || pictures == NULL || answers == NULL) {
        return error_set(error, FOV_E_USAGE, count < 1          ? "answers for %d pictures: 1 and more"
                                             : pictures == NULL ? "no picture is given (NULL), %d wanted"
                                                                : "there is nowhere to put the answer (NULL), %d wanted",
                         count);
    }
    for (int i = 0; i < count; i++) {
        answers[i] = (fov_answer){.task = NULL};
    }
    int status = session->use.task != NULL
                     ? session_follow(session, error)
                     : error_set(error, session->refusal.status, "%s", session->refusal.text);
    for (int done = 0, take; status == FOV_OK && done < count; done += take) {
        fov_plan *plan = next_plan(session, count - done, &take);
        status = plan != NULL ? answer_some(session, plan, pictures, done, take, count, answers) : (int)error->status;
    }
    for (int i = 0; i < count && status != FOV_OK; i++) {
        fov_answer_free(&answers[i]);
    }
    return status;
}

static int set_views(fov_session *session, const char *text)
{
    struct error *error = &session->error;
    struct views views;
    if (views_read(text, &views, error) != FOV_OK) {
        return (int)error->status;
    }
    if (views.count > 1 && session->use.task == NULL) {
        return error_set(error, session->refusal.status, "%s", session->refusal.text);
    }
    if (views.count > 1 && (session->use.prepare.target != PREPARE_PICTURE || session->use.task->per_pixel)) {
        return error_set(error, FOV_E_UNSUPPORTED, "views %s: what task %s answers moves with the picture", text,
                         session->use.task->name);
    }
    session->views = views;
    return FOV_OK;
}

int fov_session_set_views(fov_session *session, const char *views)
{
    if (!session_enter(session)) {
        return FOV_E_USAGE;
    }
    int status = set_views(session, views);
    session_leave(session);
    return status;
}

int fov_session_answers(fov_session *session, const fov_image *pictures, int count, fov_answer *answers)
{
    if (!session_enter(session)) {
        return FOV_E_USAGE;
    }
    struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
    int status = answer_all(session, pictures, count, answers);
    arithmetic_leave(mode);
    session_leave(session);
    return status;
}

int fov_session_answer(fov_session *session, const fov_image *picture, fov_answer *answer)
{
    return fov_session_answers(session, picture, 1, answer);
}
