/* SPDX-License-Identifier: MIT */
/* Workers: threads that take jobs in turn, each with its own context and models; and the helpers of all jobs: find the
 * model, decode the picture, reply. */
#include "cli/options.h"
#include "cli/output.h"
#include "cli/preprocessing.h"
#include "cli/serve/serve.h"
#include "cli/source.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- replies ----------------------------------------------------------------------------------------------------- */

void job_reply(struct job *job, json_t *object, size_t digits)
{
    char *text = json_dumps(object, JSON_REAL_PRECISION(digits));
    job->reply.code = job->reply.code != 0 ? job->reply.code : 200;
    job->reply.type = "application/json";
    free(job->reply.body);
    job->reply.body = text;
    job->reply.size = text != NULL ? strlen(text) : 0;
    json_decref(object);
}

void job_fail(struct job *job, int code, const char *format, ...)
{
    char text[1200];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    json_t *object = json_object();
    json_set_text(object, "error", text);
    job->reply.code = code;
    job_reply(job, object, 9);
}

/* The HTTP status of a library error: 4xx if the picture or the question caused it, else 5xx. Pixels are finite, so a
 * number that is not is the model's fault. */
static int status_code(fov_status status)
{
    static const int codes[] = {
        [FOV_E_INTERNAL] = 500,    [FOV_E_USAGE] = 400,  [FOV_E_SHAPE] = 400,   [FOV_E_INPUT] = 422,
        [FOV_E_IO] = 500,          [FOV_E_MEMORY] = 503, [FOV_E_NUMERIC] = 500, [FOV_E_UNSUPPORTED] = 422,
        [FOV_E_INTERRUPTED] = 503, [FOV_OK] = 500};
    return codes[status];
}

void job_fail_status(struct job *job, fov_status status, const char *sentence)
{
    job_fail(job, status_code(status), "%s", sentence);
}

void job_fail_library(struct job *job)
{
    fov_context *context = job->worker->cli.context;
    if (context == NULL) {
        job_fail(job, 503, "out of memory");
        return;
    }
    job_fail_status(job, fov_error_status(context), fov_error(context));
    fov_error_clear(context);
}

json_t *json_from_bytes(const void *bytes, size_t size)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = bytes;
    char *text = take_memory(size / 3 * 4 + 8, 1), *out = text;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned long block =
            (unsigned long)in[i] << 16 | (left > 1 ? (unsigned long)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
        *out++ = letters[block >> 18];
        *out++ = letters[block >> 12 & 63];
        *out++ = left > 1 ? letters[block >> 6 & 63] : '=';
        *out++ = left > 2 ? letters[block & 63] : '=';
    }
    json_t *value = json_stringn_nocheck(text, (size_t)(out - text));
    free(text);
    return value;
}

/* ---- what jobs ask ----------------------------------------------------------------------------------------------- */

int job_number(const struct job *job, const char *key, int otherwise)
{
    char text[24];
    uint64_t number;
    bool there = guard_query(job->query, key, text, sizeof text) && options_natural(text, &number);
    return there && number < 1000000 ? (int)number : otherwise;
}

fov_model *job_model(struct job *job, int *index)
{
    struct worker *worker = job->worker;
    const struct server *server = worker->server;
    char name[SERVE_NAME];
    *index = 0;
    if (guard_query(job->query, "model", name, sizeof name)) {
        for (*index = 0; *index < server->model_count && strcmp(server->names[*index], name) != 0;) {
            ++*index;
        }
    }
    if (*index >= server->model_count) {
        job_fail(job, 404,
                 server->model_count == 0 ? "no model is served: start fovea serve with one"
                                          : "no model of that name is served; GET /api/models lists them");
        return NULL;
    }
    job->model = *index;
    fov_model **model = &worker->models[*index];
    if (*model == NULL) {
        struct cli *cli = &worker->cli;
        const char *network = source_is_weights(server->words[*index]) ? option_text(cli, "model") : NULL;
        *model = source_model(cli, server->words[*index], NULL, network);
        if (*model != NULL && preprocessing_apply(cli, *model, true, NULL) != EXIT_OK) {
            fov_model_free(*model);
            *model = NULL;
        }
    }
    if (*model == NULL && worker->cli.context != NULL && fov_error_status(worker->cli.context) == FOV_OK) {
        job_fail(job, 500, "the model cannot be opened as it was at the start; the server's standard error says why");
    } else if (*model == NULL) {
        job_fail_library(job);
    }
    return *model;
}

/* Whether the body is multipart/form-data, as `curl -F` and HTML forms send it, with text around the file. */
static bool is_form(const void *bytes, size_t size)
{
    enum { HEAD = 512 };
    char head[HEAD + 1];
    size_t length = size < HEAD ? size : HEAD;
    if (length < 2) {
        return false;
    }
    memcpy(head, bytes, length);
    head[length] = '\0';
    return strncmp(head, "--", 2) == 0 && strstr(head, "Content-Disposition: form-data") != NULL;
}

int picture_decode(struct worker *worker, const void *bytes, size_t size, fov_image *image, char *problem, size_t room)
{
    fov_context *context = worker->cli.context;
    *image = (fov_image){.height = 0};
    if (size == 0) {
        snprintf(problem, room, "no picture was sent: POST the bytes of a PNG, JPEG, WebP, GIF or BMP file");
        return 400;
    }
    if (is_form(bytes, size)) {
        snprintf(problem, room, "this is a form (curl -F): send the bytes of the file alone, curl --data-binary @FILE");
        return 415;
    }
    if (fov_image_decode(context, bytes, size, 0, image) != FOV_OK) {
        int code = status_code(fov_error_status(context));
        snprintf(problem, room, "%s", fov_error(context));
        fov_error_clear(context);
        return code;
    }
    if ((int64_t)image->height * image->width > SERVE_PIXELS) {
        snprintf(problem, room, "the picture has %d x %d pixels; at most %d million are taken", image->width,
                 image->height, SERVE_PIXELS / 1000000);
        fov_image_free(image);
        return 413;
    }
    return 0;
}

bool job_picture(struct job *job, fov_image *image)
{
    char problem[600];
    int code = picture_decode(job->worker, job->body, job->size, image, problem, sizeof problem);
    if (code != 0) {
        job_fail(job, code, "%s", problem);
    }
    return code == 0;
}

void job_free(struct job *job)
{
    free(job->reply.body);
    free(job->body);
    free(job);
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

static struct job *next_job(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    while (worker->first == NULL && !worker->stops) {
        pthread_cond_wait(&worker->wake, &worker->lock);
    }
    struct job *job = worker->first;
    if (job != NULL) {
        worker->first = job->next;
        worker->last = worker->first == NULL ? NULL : worker->last;
        worker->waiting--;
    }
    pthread_mutex_unlock(&worker->lock);
    return job;
}

int worker_take_more(struct job *job, struct job **more, int most)
{
    struct worker *worker = job->worker;
    char wanted[SERVE_NAME] = "", name[SERVE_NAME];
    int count = 0;
    guard_query(job->query, "model", wanted, sizeof wanted);
    pthread_mutex_lock(&worker->lock);
    for (; count < most && worker->first != NULL && worker->first->work == job->work; count++) {
        name[0] = '\0';
        guard_query(worker->first->query, "model", name, sizeof name);
        if (strcmp(name, wanted) != 0) {
            break;
        }
        more[count] = worker->first;
        worker->first = worker->first->next;
        worker->waiting--;
    }
    worker->last = worker->first == NULL ? NULL : worker->last;
    pthread_mutex_unlock(&worker->lock);
    return count;
}

void worker_finish(struct worker *worker, struct job *job)
{
    pthread_mutex_lock(&worker->lock);
    worker->done++;
    worker->failed += job->reply.code >= 400;
    if (job->work == predict_work && job->model >= 0 && job->reply.code == 200) {
        struct latencies *latencies = &worker->latencies[job->model];
        double seconds = server_now() - job->arrived;
        int limit = 0;
        while (limit < SERVE_LATENCIES && seconds > latency_limits[limit]) {
            limit++;
        }
        latencies->counts[limit]++;
        latencies->seconds += seconds;
    }
    pthread_mutex_unlock(&worker->lock);
    worker->server->finished(worker->server, job);
}

static void *run(void *user)
{
    struct worker *worker = user;
    for (struct job *job = next_job(worker); job != NULL; job = next_job(worker)) {
        double begun = server_now();
        job->work(job);
        pthread_mutex_lock(&worker->lock);
        worker->seconds += server_now() - begun;
        pthread_mutex_unlock(&worker->lock);
        worker_finish(worker, job);
    }
    return NULL;
}

int worker_start(struct worker *worker)
{
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->wake, NULL);
    worker->runs = pthread_create(&worker->thread, NULL, run, worker) == 0;
    return worker->runs ? EXIT_OK : fail(worker->server->cli, EXIT_MEMORY, "the system has no thread for us");
}

bool worker_take(struct worker *worker, struct job *job)
{
    pthread_mutex_lock(&worker->lock);
    bool room = worker->waiting < SERVE_QUEUE && !worker->stops;
    if (room) {
        job->worker = worker;
        job->next = NULL;
        if (worker->last != NULL) {
            worker->last->next = job;
        } else {
            worker->first = job;
        }
        worker->last = job;
        worker->waiting++;
        pthread_cond_signal(&worker->wake);
    }
    pthread_mutex_unlock(&worker->lock);
    return room;
}

void worker_stop(struct worker *worker)
{
    if (worker->runs) {
        pthread_mutex_lock(&worker->lock);
        worker->stops = true;
        pthread_cond_broadcast(&worker->wake);
        pthread_mutex_unlock(&worker->lock);
        pthread_join(worker->thread, NULL);
        worker->runs = false;
        pthread_mutex_destroy(&worker->lock);
        pthread_cond_destroy(&worker->wake);
    }
    for (int i = 0; i < SERVE_MODELS; i++) {
        fov_explainer_free(worker->explainers[i]);
        fov_session_free(worker->sessions[i]);
        fov_model_free(worker->models[i]);
    }
}
