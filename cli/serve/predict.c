/* SPDX-License-Identifier: MIT */
/* POST /api/predict: the object that `fovea predict --json` prints, less the file's name, and to the last bit: each
 * picture goes through the network by itself. ?mask=1 adds the mask of a map of classes, ?top=N says how many
 * classes. */
#include "cli/answer_json.h"
#include "cli/output.h"
#include "cli/serve/serve.h"
#include "cli/source.h"
#include <stdlib.h>
#include <string.h>

enum { TOP = 5, FORM_SCORES = 1, FORM_SESSION };

int predict_open(struct worker *worker, int index)
{
    struct cli *cli = &worker->cli;
    fov_model *model = worker->models[index];
    const char *trained = fov_model_task(model);
    struct answer_form form;
    bool is_row = answer_form_of(model, &form);
    if (*trained != '\0' ? source_is_one_class(trained) : is_row) {
        worker->forms[index] = FORM_SCORES;
        return is_row ? EXIT_OK
                      : fail(cli, EXIT_INPUT, "%s: its output is not a row of numbers for each picture",
                             worker->server->words[index]);
    }
    worker->sessions[index] = fov_session_create(model, NULL);
    worker->forms[index] = FORM_SESSION;
    return worker->sessions[index] != NULL ? EXIT_OK : fail_library(cli);
}

/* Pictures on their way through a network, and whose they are. */
struct together {
    struct worker *worker;
    struct job *jobs[SERVE_BATCH];
    fov_image images[SERVE_BATCH];
    double decoded[SERVE_BATCH]; /* seconds, when */
    int count;
};

static void reply(struct job *job, json_t *object, double begun, double decoded)
{
    double answered = server_now();
    snprintf(job->reply.timing, sizeof job->reply.timing, "queue;dur=%.2f, decode;dur=%.2f, network;dur=%.2f",
             1e3 * (begun - job->arrived), 1e3 * (decoded - begun), 1e3 * (answered - decoded));
    job_reply(job, object, 9);
}

/* ---- a row of scores ----------------------------------------------------------------------------------------------
 * */

static json_t *json_from_row(const struct job *job, const struct answer_form *form, const float *scores, int *order)
{
    json_t *object = json_object();
    int top = job_number(job, "top", TOP);
    top = top < form->count ? top : form->count;
    answer_rank(form, scores, top, order);
    answer_set_scores(object, form, scores, order, top);
    return object;
}

static void answer_rows(struct together *t, fov_model *model, double begun)
{
    struct answer_form form;
    answer_form_of(model, &form);
    float *scores = take_memory((size_t)t->count * (size_t)form.count, sizeof *scores);
    int *order = take_memory((size_t)form.count, sizeof *order);
    bool all = t->count > 1 && fov_predict_images(model, t->images, t->count, scores, form.count) == FOV_OK;
    fov_error_clear(t->worker->cli.context); /* one that fails does not spoil the others: then each goes by itself */
    for (int i = 0; i < t->count; i++) {
        float *row = scores + (size_t)i * (size_t)form.count;
        if (all || fov_predict_image(model, &t->images[i], row, form.count) == FOV_OK) {
            reply(t->jobs[i], json_from_row(t->jobs[i], &form, row, order), begun, t->decoded[i]);
        } else {
            job_fail_library(t->jobs[i]);
        }
    }
    free(scores);
    free(order);
}

/* ---- the answer of a task -----------------------------------------------------------------------------------------
 * */

static json_t *json_from_answer(const struct job *job, const fov_answer *answer)
{
    json_t *object = json_object();
    answer_set_items(object, answer);
    if (job_number(job, "mask", 0) != 0 && answer->mask.pixels != NULL) {
        size_t bytes = (size_t)answer->mask.height * (size_t)answer->mask.width;
        json_set(object, "mask", json_from_bytes(answer->mask.pixels, bytes));
    }
    if (job_number(job, "mask", 0) != 0 && answer->picture.pixels != NULL) {
        const fov_image *picture = &answer->picture;
        size_t bytes = (size_t)picture->height * (size_t)picture->width * (size_t)picture->channels;
        json_set_integer(object, "channels", picture->channels);
        json_set(object, "picture", json_from_bytes(picture->pixels, bytes));
    }
    return object;
}

static void answer_tasks(struct together *t, fov_session *session, double begun)
{
    fov_answer answers[SERVE_BATCH];
    bool all = t->count > 1 && fov_session_answers(session, t->images, t->count, answers) == FOV_OK;
    for (int i = 0; i < t->count; i++) {
        int status = all ? FOV_OK : fov_session_answer(session, &t->images[i], &answers[i]);
        if (status != FOV_OK) {
            job_fail_status(t->jobs[i], (fov_status)status, fov_session_error(session));
            continue;
        }
        reply(t->jobs[i], json_from_answer(t->jobs[i], &answers[i]), begun, t->decoded[i]);
        fov_answer_free(&answers[i]);
    }
}

/* ---- requests -----------------------------------------------------------------------------------------------------
 * */

/* One that cannot be decoded has its reply already. */
static void add(struct together *t, struct job *job)
{
    if (job_picture(job, &t->images[t->count])) {
        t->decoded[t->count] = server_now();
        t->jobs[t->count++] = job;
    }
}

void predict_work(struct job *job)
{
    struct worker *worker = job->worker;
    struct together *t = take_memory(1, sizeof *t);
    struct job *more[SERVE_BATCH];
    double begun = server_now();
    int index, count = worker_take_more(job, more, worker->server->batch - 1);
    fov_model *model = job_model(job, &index);
    t->worker = worker;
    if (model != NULL) {
        add(t, job);
    }
    for (int i = 0; i < count; i++) {
        if (model != NULL || job_model(more[i], &index) != NULL) {
            add(t, more[i]);
        }
    }
    if (t->count > 0 && worker->forms[index] == FORM_SESSION) {
        answer_tasks(t, worker->sessions[index], begun);
    } else if (t->count > 0) {
        answer_rows(t, worker->models[index], begun);
    }
    for (int i = 0; i < t->count; i++) {
        fov_image_free(&t->images[i]);
    }
    pthread_mutex_lock(&worker->lock);
    worker->batches += t->count > 0;
    worker->batched += (uint64_t)t->count;
    pthread_mutex_unlock(&worker->lock);
    for (int i = 0; i < count; i++) {
        worker_finish(worker, more[i]);
    }
    free(t);
}
