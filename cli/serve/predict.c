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
    bool is_map = fov_model_meaning(model, fov_model_output(model)) == FOV_MEANING_MAP;
    bool scores = *trained != '\0' ? source_is_one_class(trained) : !is_map;
    struct answer_form form;
    if (scores) {
        worker->forms[index] = FORM_SCORES;
        return answer_form_of(model, &form)
                   ? EXIT_OK
                   : fail(cli, EXIT_INPUT, "%s: its output is not a row of numbers for each picture",
                          worker->server->words[index]);
    }
    worker->sessions[index] = fov_session_create(model, NULL);
    worker->forms[index] = FORM_SESSION;
    return worker->sessions[index] != NULL ? EXIT_OK : fail_library(cli);
}

static json_t *scores_of(struct job *job, fov_model *model, const fov_image *image)
{
    struct answer_form form;
    answer_form_of(model, &form);
    int top = job_number(job, "top", TOP);
    top = top < form.count ? top : form.count;
    float *scores = take_memory((size_t)form.count, sizeof *scores);
    int *order = take_memory((size_t)form.count, sizeof *order);
    json_t *object = NULL;
    if (fov_predict_image(model, image, scores, form.count) == FOV_OK) {
        object = json_object();
        answer_rank(&form, scores, top, order);
        answer_set_scores(object, &form, scores, order, top);
    }
    free(scores);
    free(order);
    return object;
}

static json_t *session_of(struct job *job, fov_session *session, const fov_image *image)
{
    fov_answer answer;
    if (fov_session_answer(session, image, &answer) != FOV_OK) {
        return NULL;
    }
    json_t *object = json_object();
    answer_set_items(object, &answer);
    if (job_number(job, "mask", 0) != 0 && answer.mask.pixels != NULL) {
        json_set(object, "mask",
                 json_from_bytes(answer.mask.pixels, (size_t)answer.mask.height * (size_t)answer.mask.width));
    }
    if (job_number(job, "mask", 0) != 0 && answer.picture.pixels != NULL) {
        size_t bytes = (size_t)answer.picture.height * (size_t)answer.picture.width * (size_t)answer.picture.channels;
        json_set_integer(object, "channels", answer.picture.channels);
        json_set(object, "picture", json_from_bytes(answer.picture.pixels, bytes));
    }
    fov_answer_free(&answer);
    return object;
}

void predict_work(struct job *job)
{
    struct worker *worker = job->worker;
    double begun = server_now();
    int index;
    fov_image image;
    fov_model *model = job_model(job, &index);
    if (model == NULL || !job_picture(job, &image)) {
        return;
    }
    double decoded = server_now();
    json_t *object = worker->forms[index] == FORM_SESSION ? session_of(job, worker->sessions[index], &image)
                                                          : scores_of(job, model, &image);
    double answered = server_now();
    fov_image_free(&image);
    if (object == NULL) {
        job_fail_library(job);
        return;
    }
    snprintf(job->reply.timing, sizeof job->reply.timing, "queue;dur=%.2f, decode;dur=%.2f, network;dur=%.2f",
             1e3 * (begun - job->arrived), 1e3 * (decoded - begun), 1e3 * (answered - decoded));
    job_reply(job, object, 9);
}
