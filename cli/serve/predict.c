/* SPDX-License-Identifier: MIT */
/* POST /api/predict: returns the object that `fovea predict --json` prints, without the file's name, and equal to the
 * last bit: each picture goes through the network by itself. For an archive it returns one such object per picture,
 * with the file's name; those pictures are grouped as `fovea predict` groups several files. ?mask=1 adds the mask of a
 * map of classes, ?top=N sets how many classes are listed. */
#include "cli/answer_json.h"
#include "cli/output.h"
#include "cli/serve/serve.h"
#include "cli/source.h"
#include <stdlib.h>
#include <string.h>

enum {
    TOP = 5,
    FORM_SCORES = 1,
    FORM_SESSION,
    ARCHIVE_GROUP = 32,         /* pictures at most per group; this and the next equal those of fovea predict */
    GROUP_BYTES = 64 << 20,     /* a group of decoded pictures is run at this size */
    ARCHIVE_PICTURES = 256      /* at most, per request */
};

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

fov_status predict_try(struct worker *worker, int index, char *problem, size_t size)
{
    enum { SIDE = 64, GREY = 128 };
    fov_model *model = worker->models[index];
    fov_context *context = worker->cli.context;
    fov_image image = {.height = SIDE, .width = SIDE, .channels = 3};
    fov_model_picture_size(model, &image.channels, &image.height, &image.width);
    image.height = image.height > 0 ? image.height : SIDE;
    image.width = image.width > 0 ? image.width : SIDE;
    image.channels = image.channels == 1 || image.channels == 4 ? image.channels : 3;
    size_t bytes = (size_t)image.height * (size_t)image.width * (size_t)image.channels;
    image.pixels = take_memory(bytes, 1);
    memset(image.pixels, GREY, bytes);
    fov_status status;
    if (worker->forms[index] == FORM_SESSION) {
        fov_answer answer;
        status = (fov_status)fov_session_answer(worker->sessions[index], &image, &answer);
        snprintf(problem, size, "%s", status != FOV_OK ? fov_session_error(worker->sessions[index]) : "");
        if (status == FOV_OK) {
            fov_answer_free(&answer);
        }
    } else {
        int count = fov_model_scores(model);
        float *scores = take_memory((size_t)count, sizeof *scores);
        status = (fov_status)fov_predict_image(model, &image, scores, count);
        snprintf(problem, size, "%s", status != FOV_OK ? fov_error(context) : "");
        fov_error_clear(context);
        free(scores);
    }
    free(image.pixels);
    return status;
}

/* A picture on its way through a network, and the result. */
struct item {
    struct job *job;
    fov_image image;
    double decoded; /* time in seconds */
    json_t *answer; /* NULL: failed; status and problem say why */
    fov_status status;
    char problem[600];
    char file[512]; /* its name in an archive; "": the picture is the whole body */
};

/* Pictures that go through a network together. */
struct group {
    struct worker *worker;
    int model;
    struct item items[SERVE_BATCH];
    int count;
    size_t bytes;
    double begun;                   /* time in seconds */
    double decoding, computing;     /* seconds spent so far, for an archive */
    bool together;                  /* --batch: also batches outputs that are not a row of scores */
    void (*deliver)(struct item *item, void *user);
    void *user;
};

static void set_problem(struct item *item, fov_status status, const char *sentence)
{
    item->status = status;
    snprintf(item->problem, sizeof item->problem, "%s", sentence);
}

/* ---- a row of scores --------------------------------------------------------------------------------------------- */

static json_t *json_from_row(const struct item *item, const struct answer_form *form, const float *scores, int *order)
{
    json_t *object = json_object();
    int top = job_number(item->job, "top", TOP);
    answer_set_note(object, fov_model_note(form->model, &item->image));
    top = top < form->count ? top : form->count;
    answer_rank(form, scores, top, order);
    answer_set_scores(object, form, scores, order, top);
    return object;
}

static void answer_rows(struct group *g, fov_model *model)
{
    struct answer_form form;
    fov_image images[SERVE_BATCH];
    fov_context *context = g->worker->cli.context;
    answer_form_of(model, &form);
    float *scores = take_memory((size_t)g->count * (size_t)form.count, sizeof *scores);
    int *order = take_memory((size_t)form.count, sizeof *order);
    for (int i = 0; i < g->count; i++) {
        images[i] = g->items[i].image;
    }
    bool all = g->count > 1 && fov_predict_images(model, images, g->count, scores, form.count) == FOV_OK;
    fov_error_clear(context); /* after a failed batch each picture runs by itself: one cannot spoil the others */
    for (int i = 0; i < g->count; i++) {
        struct item *item = &g->items[i];
        float *row = scores + (size_t)i * (size_t)form.count;
        if (all || fov_predict_image(model, &item->image, row, form.count) == FOV_OK) {
            item->answer = json_from_row(item, &form, row, order);
        } else {
            set_problem(item, fov_error_status(context), fov_error(context));
            fov_error_clear(context);
        }
    }
    free(scores);
    free(order);
}

/* ---- the answer of a task ---------------------------------------------------------------------------------------- */

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

static void answer_tasks(struct group *g, fov_session *session)
{
    fov_answer answers[SERVE_BATCH];
    fov_image images[SERVE_BATCH];
    for (int i = 0; i < g->count; i++) {
        images[i] = g->items[i].image;
    }
    bool all = g->together && g->count > 1 && fov_session_answers(session, images, g->count, answers) == FOV_OK;
    for (int i = 0; i < g->count; i++) {
        struct item *item = &g->items[i];
        int status = all ? FOV_OK : fov_session_answer(session, &item->image, &answers[i]);
        if (status != FOV_OK) {
            set_problem(item, (fov_status)status, fov_session_error(session));
            continue;
        }
        item->answer = json_from_answer(item->job, &answers[i]);
        fov_answer_free(&answers[i]);
    }
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

/* Runs the waiting pictures and delivers the answers in order. */
static void flush(struct group *g)
{
    struct worker *worker = g->worker;
    double begun = server_now();
    if (g->count == 0) {
        return;
    }
    if (worker->forms[g->model] == FORM_SESSION) {
        answer_tasks(g, worker->sessions[g->model]);
    } else {
        answer_rows(g, worker->models[g->model]);
    }
    g->computing += server_now() - begun;
    for (int i = 0; i < g->count; i++) {
        struct item *item = &g->items[i];
        g->deliver(item, g->user);
        json_decref(item->answer);
        fov_image_free(&item->image);
    }
    pthread_mutex_lock(&worker->lock);
    worker->batches++;
    worker->batched += (uint64_t)g->count;
    pthread_mutex_unlock(&worker->lock);
    g->count = 0;
    g->bytes = 0;
}

/* The slot of the next picture. */
static struct item *next_item(struct group *g, struct job *job)
{
    struct item *item = &g->items[g->count];
    item->job = job;
    item->answer = NULL;
    item->file[0] = '\0';
    item->status = FOV_OK;
    return item;
}

static void take_item(struct group *g, struct item *item, int most)
{
    item->decoded = server_now();
    g->count++;
    g->bytes += (size_t)item->image.height * (size_t)item->image.width * (size_t)item->image.channels;
    if (g->count == most || g->bytes >= GROUP_BYTES) {
        flush(g);
    }
}

/* ---- one picture ------------------------------------------------------------------------------------------------- */

static void reply_one(struct item *item, void *user)
{
    const struct group *g = user;
    struct job *job = item->job;
    if (item->answer == NULL) {
        job_fail_status(job, item->status, item->problem);
        return;
    }
    snprintf(job->reply.timing, sizeof job->reply.timing, "queue;dur=%.2f, decode;dur=%.2f, network;dur=%.2f",
             1e3 * (g->begun - job->arrived), 1e3 * (item->decoded - g->begun), 1e3 * (server_now() - item->decoded));
    job_reply(job, json_incref(item->answer), 9);
}

/* Adds a request's picture. If it cannot be decoded, job_picture has set the reply already. */
static void add_one(struct group *g, struct job *job)
{
    struct item *item = next_item(g, job);
    if (job_picture(job, &item->image)) {
        take_item(g, item, SERVE_BATCH);
    }
}

/* ---- an archive of pictures -------------------------------------------------------------------------------------- */

struct archive_answers {
    struct group *group;
    struct job *job;
    json_t *list;
    int pictures;
    size_t bytes;
    char refusal[160]; /* why the whole request is refused; "": it is not */
    int answered;
    fov_status broken; /* status of a picture that failed by the model's fault; FOV_OK: none did */
    char problem[600]; /* its sentence */
};

static void add_answer(struct item *item, void *user)
{
    struct archive_answers *a = user;
    json_t *object = json_object();
    json_set_text(object, "file", item->file);
    if (item->answer != NULL) {
        json_object_update(object, item->answer);
        a->answered++;
    } else {
        if (item->status == FOV_E_NUMERIC || item->status == FOV_E_MEMORY) {
            a->broken = item->status;
            snprintf(a->problem, sizeof a->problem, "%s", item->problem);
        }
        json_set_text(object, "error", item->problem);
    }
    json_add(a->list, object);
}

/* Hidden files that file managers leave in archives. */
static bool is_hidden(const char *name)
{
    const char *slash = strrchr(name, '/');
    return (slash != NULL ? slash[1] : name[0]) == '.' || strncmp(name, "__MACOSX/", 9) == 0;
}

static int take_file(void *user, const fov_archived *file)
{
    struct archive_answers *a = user;
    struct group *g = a->group;
    if (is_hidden(file->name)) {
        return 0;
    }
    a->pictures++;
    a->bytes += file->size;
    size_t most = g->worker->server->unpacked;
    if (a->pictures > ARCHIVE_PICTURES || a->bytes > most) {
        char size[NUMBER_SIZE];
        if (a->pictures > ARCHIVE_PICTURES) {
            snprintf(a->refusal, sizeof a->refusal, "an archive may hold 256 pictures, this one has more");
        } else {
            snprintf(a->refusal, sizeof a->refusal,
                     "an archive may hold %s when unpacked, this one has more (--max-unpacked)",
                     show_bytes(size, (double)most));
        }
        return 1;
    }
    double begun = server_now();
    struct item *item = next_item(g, a->job);
    snprintf(item->file, sizeof item->file, "%s", file->name);
    int code = 0;
    if (file->problem != NULL) {
        snprintf(item->problem, sizeof item->problem, "%s", file->problem);
    } else {
        code = picture_decode(g->worker, file->bytes, file->size, &item->image, item->problem, sizeof item->problem);
    }
    g->decoding += server_now() - begun;
    if (file->problem == NULL && code == 0) {
        take_item(g, item, ARCHIVE_GROUP);
    } else { /* flush first, so that answers keep the order of the files */
        struct item bad = *item;
        flush(g);
        add_answer(&bad, a);
    }
    return 0;
}

static void answer_archive(struct group *g, struct job *job)
{
    struct archive_answers a = {.group = g, .job = job, .list = json_array()};
    fov_context *context = g->worker->cli.context;
    g->deliver = add_answer;
    g->user = &a;
    bool masks = job_number(job, "mask", 0) != 0;
    int status = masks ? FOV_OK : fov_archive_each(context, job->body, job->size, g->worker->server->upload, take_file, &a);
    if (status == FOV_OK && a.refusal[0] == '\0') {
        flush(g);
    }
    if (masks) {
        job_fail(job, 400, "?mask=1 is for one picture, not for an archive of them");
    } else if (status != FOV_OK) {
        job_fail_library(job);
    } else if (a.refusal[0] != '\0') {
        job_fail(job, 413, "%s", a.refusal);
    } else if (a.pictures == 0) {
        job_fail(job, 422, "there is no picture in this archive");
    } else if (a.answered == 0 && a.broken != FOV_OK) {
        job_fail_status(job, a.broken, a.problem);
    } else {
        json_t *object = json_object();
        json_set(object, "pictures", json_incref(a.list));
        snprintf(job->reply.timing, sizeof job->reply.timing, "queue;dur=%.2f, decode;dur=%.2f, network;dur=%.2f",
                 1e3 * (g->begun - job->arrived), 1e3 * g->decoding, 1e3 * g->computing);
        job_reply(job, object, 9);
    }
    for (int i = 0; i < g->count; i++) { /* pictures left when an archive was refused half-way */
        fov_image_free(&g->items[i].image);
    }
    g->count = 0;
    json_decref(a.list);
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static void answer_job(struct group *g, struct job *job)
{
    if (job_model(job, &g->model) == NULL) {
        return;
    }
    if (!fov_archive_is(job->body, job->size)) {
        add_one(g, job);
        return;
    }
    flush(g);
    answer_archive(g, job);
    g->deliver = reply_one;
    g->user = g;
}

void predict_work(struct job *job)
{
    struct worker *worker = job->worker;
    struct group *g = take_memory(1, sizeof *g);
    struct job *more[SERVE_BATCH];
    int count = worker_take_more(job, more, worker->server->batch - 1);
    *g = (struct group){.worker = worker, .begun = server_now(), .deliver = reply_one, .user = g};
    g->together = worker->server->batch > 1;
    answer_job(g, job);
    for (int i = 0; i < count; i++) { /* all of them about the same model */
        answer_job(g, more[i]);
    }
    flush(g);
    for (int i = 0; i < count; i++) {
        worker_finish(worker, more[i]);
    }
    free(g);
}
