/* SPDX-License-Identifier: MIT */
/* Teach: a person shows pictures of 2 to 20 classes, and a classifier learns them from a trained network's features:
 * its last layer is replaced and trained, the others are frozen. Pictures and model stay in memory (and on disk with
 * --keep). Every fifth picture of a class is held back for validation. The teach worker handles the requests one after
 * another; the lock guards what the event loop reads. */
#include "cli/output.h"
#include "cli/serve/keep.h"
#include "cli/serve/serve.h"
#include "cli/source.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 20, NAME = 64, SAMPLES = 4000, EPOCHS = 6, MOST_EPOCHS = SERVE_EPOCHS, HELD = 5, TOP = 20 };
static const size_t most_bytes = (size_t)1 << 30; /* decoded pictures; no more are taken beyond this size */

struct taught {
    int class;
    fov_image image;
};

struct curve_point {
    double loss, accuracy, val_accuracy;
};

struct teach {
    struct server *server;
    pthread_mutex_t lock;
    char names[CLASSES][NAME];
    int counts[CLASSES], class_count;
    struct taught *samples;
    int sample_count;
    size_t bytes;
    int last_kept; /* largest number of a file in the --keep folder */
    bool ends;     /* the server stops: no training goes on or begins */
    bool training, stops, ready;
    int epoch, epochs;
    double share, seconds;
    struct curve_point curve[MOST_EPOCHS];
    int curve_count;
    int64_t confusion[CLASSES * CLASSES];
    int confusion_classes; /* 0: no picture was held back */
    double accuracy;
    char problem[512];
    fov_model *model; /* used by the worker only */
};

struct teach *teach_create(struct server *server)
{
    struct teach *teach = take_memory(1, sizeof *teach);
    teach->server = server;
    teach->samples = take_memory(SAMPLES, sizeof *teach->samples);
    pthread_mutex_init(&teach->lock, NULL);
    return teach;
}

static void forget(struct teach *teach)
{
    for (int i = 0; i < teach->sample_count; i++) {
        fov_image_free(&teach->samples[i].image);
    }
    fov_model_free(teach->model);
    teach->model = NULL;
    teach->sample_count = teach->class_count = teach->curve_count = teach->confusion_classes = 0;
    teach->bytes = 0;
    teach->ready = false;
    teach->problem[0] = '\0';
    memset(teach->counts, 0, sizeof teach->counts);
}

void teach_free(struct teach *teach)
{
    if (teach != NULL) {
        forget(teach);
        pthread_mutex_destroy(&teach->lock);
        free(teach->samples);
        free(teach);
    }
}

void teach_stop(struct teach *teach)
{
    pthread_mutex_lock(&teach->lock);
    teach->stops = true;
    pthread_mutex_unlock(&teach->lock);
}

void teach_end(struct teach *teach)
{
    pthread_mutex_lock(&teach->lock);
    teach->ends = true;
    pthread_mutex_unlock(&teach->lock);
}

/* ---- what the page sees ------------------------------------------------------------------------------------------ */

static json_t *json_from_curve(const struct teach *teach)
{
    json_t *curve = json_array();
    for (int i = 0; i < teach->curve_count; i++) {
        json_t *point = json_object();
        json_set_number(point, "loss", teach->curve[i].loss);
        json_set_number(point, "accuracy", teach->curve[i].accuracy);
        json_set_number(point, "val_accuracy", teach->curve[i].val_accuracy);
        json_add(curve, point);
    }
    return curve;
}

json_t *teach_state(struct teach *teach)
{
    json_t *object = json_object(), *classes = json_array(), *rows = json_array();
    pthread_mutex_lock(&teach->lock);
    json_set(object, "backbone",
             teach->server->backbone != NULL ? json_from_text(teach->server->backbone) : json_null());
    for (int i = 0; i < teach->class_count; i++) {
        json_t *one = json_object();
        json_set_text(one, "name", teach->names[i]);
        json_set_integer(one, "pictures", teach->counts[i]);
        json_add(classes, one);
    }
    json_set(object, "classes", classes);
    json_set_flag(object, "training", teach->training);
    json_set_flag(object, "ready", teach->ready);
    json_set_integer(object, "epoch", teach->epoch);
    json_set_integer(object, "epochs", teach->epochs);
    json_set_number(object, "share", teach->share);
    json_set_number(object, "seconds", teach->seconds);
    json_set(object, "curve", json_from_curve(teach));
    for (int i = 0; i < teach->confusion_classes; i++) {
        json_t *row = json_array();
        for (int j = 0; j < teach->confusion_classes; j++) {
            json_add(row, json_integer(teach->confusion[i * teach->confusion_classes + j]));
        }
        json_add(rows, row);
    }
    json_set(object, "confusion", rows);
    json_set_number(object, "accuracy", teach->accuracy);
    json_set(object, "error", teach->problem[0] != '\0' ? json_from_text(teach->problem) : json_null());
    pthread_mutex_unlock(&teach->lock);
    return object;
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

static int class_of(struct teach *teach, const char *name)
{
    for (int i = 0; i < teach->class_count; i++) {
        if (strcmp(teach->names[i], name) == 0) {
            return i;
        }
    }
    if (teach->class_count == CLASSES) {
        return -1;
    }
    snprintf(teach->names[teach->class_count], NAME, "%s", name);
    return teach->class_count++;
}

/* Owns the image from here on. False: too many classes or pictures; the image stays the caller's. */
static bool take_picture(struct teach *teach, const char *name, const fov_image *image)
{
    bool room = teach->sample_count < SAMPLES && teach->bytes <= most_bytes;
    pthread_mutex_lock(&teach->lock);
    int class = room ? class_of(teach, name) : -1;
    if (class >= 0) {
        teach->samples[teach->sample_count++] = (struct taught){class, *image};
        teach->bytes += (size_t)image->height * (size_t)image->width * (size_t)image->channels;
        teach->counts[class]++;
    }
    pthread_mutex_unlock(&teach->lock);
    return class >= 0;
}

/* Forgets the picture that was taken last, and its class if it was the first of that. */
static void give_back(struct teach *teach)
{
    pthread_mutex_lock(&teach->lock);
    struct taught *last = &teach->samples[--teach->sample_count];
    teach->bytes -= (size_t)last->image.height * (size_t)last->image.width * (size_t)last->image.channels;
    teach->counts[last->class]--;
    teach->class_count -= teach->counts[last->class] == 0 && last->class == teach->class_count - 1;
    fov_image_free(&last->image);
    pthread_mutex_unlock(&teach->lock);
}

void teach_add_work(struct job *job)
{
    struct teach *teach = job->worker->server->teach;
    const char *keep = job->worker->server->keep;
    char name[NAME];
    fov_image image;
    if (!guard_query(job->query, "class", name, sizeof name) || !guard_is_name(name)) {
        job_fail(job, 400, "which class? ?class=NAME, at most %d bytes, without / and not beginning with a dot",
                 NAME - 1);
        return;
    }
    if (!job_picture(job, &image)) {
        return;
    }
    if (!take_picture(teach, name, &image)) {
        fov_image_free(&image);
        job_fail(job, 413, "at most %d classes and %d pictures are kept at once", CLASSES, SAMPLES);
        return;
    }
    if (keep != NULL && keep_picture(keep, name, teach->last_kept + 1, job->body, job->size) != 0) {
        job_fail(job, 500, "the picture cannot be kept in %s: %s", keep, strerror(errno));
        give_back(teach);
        return;
    }
    teach->last_kept += keep != NULL;
    job_reply(job, teach_state(teach), 9);
}

struct reading {
    struct teach *teach;
    struct cli *cli;
};

static bool read_picture(void *user, const char *class, const char *path)
{
    struct reading *reading = user;
    fov_image image;
    if (fov_image_load(reading->cli->context, path, 0, &image) != FOV_OK) {
        remark(reading->teach->server->cli, "%s", fov_error(reading->cli->context));
        fov_error_clear(reading->cli->context);
        return true;
    }
    if (strlen(class) < NAME && take_picture(reading->teach, class, &image)) {
        return true;
    }
    fov_image_free(&image);
    return false;
}

void teach_read_kept(struct teach *teach, struct cli *cli)
{
    struct reading reading = {teach, cli};
    if (teach->server->keep != NULL) {
        teach->last_kept = keep_each(teach->server->keep, read_picture, &reading);
    }
}

void teach_clear_work(struct job *job)
{
    struct teach *teach = job->worker->server->teach;
    if (teach->server->keep != NULL) {
        job_fail(job, 409, "the pictures are kept in %s: to begin anew, start fovea serve with another --keep",
                 teach->server->keep);
        return;
    }
    pthread_mutex_lock(&teach->lock);
    forget(teach);
    pthread_mutex_unlock(&teach->lock);
    job_reply(job, teach_state(teach), 9);
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

/* The pictures for training, or those held back. */
struct part {
    const struct teach *teach;
    int index[SAMPLES];
    int32_t labels[SAMPLES];
    int count;
};

static struct part *part_of(const struct teach *teach, bool held)
{
    int seen[CLASSES] = {0};
    struct part *part = take_memory(1, sizeof *part);
    part->teach = teach;
    for (int i = 0; i < teach->sample_count; i++) {
        int class = teach->samples[i].class;
        if ((++seen[class] % HELD == 0) == held) {
            part->labels[part->count] = class;
            part->index[part->count++] = i;
        }
    }
    return part;
}

static int read_sample(void *user, int64_t index, fov_sample *sample)
{
    const struct part *part = user;
    const struct taught *taught = &part->teach->samples[part->index[index]];
    sample->height = taught->image.height;
    sample->width = taught->image.width;
    sample->channels = taught->image.channels;
    sample->pixels = taught->image.pixels;
    sample->label = taught->class;
    return FOV_OK;
}

static fov_dataset *dataset_of(struct teach *teach, struct part *part, fov_context *context)
{
    const char *names[CLASSES];
    for (int i = 0; i < teach->class_count; i++) {
        names[i] = teach->names[i];
    }
    const fov_dataset_program program = {.name = "taught",
                                         .count = part->count,
                                         .target = FOV_TARGET_CLASS,
                                         .classes = teach->class_count,
                                         .class_names = names,
                                         .read = read_sample,
                                         .user = part,
                                         .labels = part->labels};
    return part->count > 0 ? fov_dataset_create(context, &program) : NULL;
}

static int on_step(const fov_progress *progress, void *user)
{
    struct teach *teach = user;
    pthread_mutex_lock(&teach->lock);
    teach->share = progress->share;
    bool stops = teach->stops || teach->ends;
    pthread_mutex_unlock(&teach->lock);
    return stops;
}

static int on_epoch(const fov_progress *progress, void *user)
{
    struct teach *teach = user;
    pthread_mutex_lock(&teach->lock);
    teach->epoch = progress->epoch;
    teach->share = progress->share;
    if (teach->curve_count < MOST_EPOCHS) {
        teach->curve[teach->curve_count++] =
            (struct curve_point){progress->loss, progress->accuracy, progress->val_accuracy};
    }
    pthread_mutex_unlock(&teach->lock);
    return 0;
}

/* The trained network with a new last layer; all other layers are frozen. */
static fov_model *open_student(struct teach *teach, struct cli *cli)
{
    const char *weight = NULL, *names[CLASSES];
    char pattern[300];
    fov_model *model = source_model(cli, teach->server->backbone, NULL, NULL);
    for (int i = 0; i < teach->class_count; i++) {
        names[i] = teach->names[i];
    }
    if (model == NULL || fov_model_replace_head(model, teach->class_count, &weight) != FOV_OK) {
        fov_model_free(model);
        return NULL;
    }
    snprintf(pattern, sizeof pattern, "%.250s", weight != NULL ? weight : "");
    char *end = strrchr(pattern, '.'); /* "classifier.1.weight": all of "classifier.1.*", and not "classifier.10.weight" */
    end = end != NULL ? end : strrchr(pattern, '_');
    end = end != NULL ? end + 1 : pattern + strlen(pattern);
    snprintf(end, sizeof pattern - (size_t)(end - pattern), "*");
    fov_model_freeze(model, "*", true);
    fov_model_freeze(model, pattern, false);
    fov_model_set_task(model, "classify");
    if (fov_model_set_classes(model, names, teach->class_count) != FOV_OK) {
        fov_model_free(model);
        return NULL;
    }
    return model;
}

static void judge(struct teach *teach, fov_dataset *held)
{
    fov_report report = {.count = 0};
    if (held != NULL && fov_evaluate(teach->model, held, 16, &report) == FOV_OK) {
        pthread_mutex_lock(&teach->lock);
        teach->accuracy = report.accuracy;
        teach->confusion_classes = report.classes <= CLASSES ? report.classes : 0;
        memcpy(teach->confusion, report.confusion,
               (size_t)teach->confusion_classes * (size_t)teach->confusion_classes * sizeof *teach->confusion);
        pthread_mutex_unlock(&teach->lock);
    }
    fov_report_free(&report);
}

/* With --keep it trains in a run folder: a killed or stopped training resumes if its settings and pictures are the
 * same. */
static int run_training(struct teach *teach, struct cli *cli, fov_dataset *data, fov_dataset *held, int epochs)
{
    const char *keep = teach->server->keep;
    char folder[KEEP_PATH];
    fov_train_options options = {.epochs = epochs,
                                 .batch = 16,
                                 .optimizer = "adam",
                                 .lr = 0.002F,
                                 .validate = held,
                                 .on_step = on_step,
                                 .on_epoch = on_epoch,
                                 .user = teach,
                                 .directory = keep != NULL ? keep_run(keep, folder) : NULL,
                                 .overwrite = keep != NULL && !keep_is_unfinished(keep),
                                 .resume = keep != NULL && keep_is_unfinished(keep)};
    if (keep != NULL) {
        keep_mark(keep, true);
    }
    int status = fov_train_opt(teach->model, data, &options);
    if (options.resume && status != FOV_OK &&
        status != FOV_E_INTERRUPTED) { /* the pictures or the number of epochs are different now */
        remark(teach->server->cli, "teaching begins anew: %s", fov_error(cli->context));
        fov_error_clear(cli->context);
        fov_model_free(teach->model);
        teach->model = open_student(teach, cli);
        options.resume = false;
        options.overwrite = true;
        status =
            teach->model != NULL ? fov_train_opt(teach->model, data, &options) : (int)fov_error_status(cli->context);
    }
    if (keep != NULL && status != FOV_E_INTERRUPTED) {
        keep_mark(keep, false);
    }
    return status;
}

static int train(struct teach *teach, struct cli *cli, int epochs)
{
    fov_context *context = cli->context;
    struct part *learned = part_of(teach, false), *kept = part_of(teach, true);
    fov_dataset *data = dataset_of(teach, learned, context);
    fov_dataset *held = data != NULL ? dataset_of(teach, kept, context) : NULL;
    teach->model = data != NULL ? open_student(teach, cli) : NULL;
    int status = teach->model != NULL ? run_training(teach, cli, data, held, epochs) : (int)fov_error_status(context);
    if (status == FOV_OK) {
        judge(teach, held);
    } else {
        fov_model_free(teach->model);
        teach->model = NULL;
    }
    fov_dataset_free(data);
    fov_dataset_free(held);
    free(learned);
    free(kept);
    return status;
}

static bool may_train(struct job *job, const struct teach *teach)
{
    if (teach->server->backbone == NULL) {
        job_fail(job, 409, "Teach begins with a trained network: start fovea serve with --backbone FILE");
        return false;
    }
    for (int i = 0; i < teach->class_count; i++) {
        if (teach->counts[i] == 0) {
            job_fail(job, 409, "class \"%s\" has no picture yet", teach->names[i]);
            return false;
        }
    }
    if (teach->class_count < 2) {
        job_fail(job, 409, "at least two classes are needed, each with some pictures");
        return false;
    }
    return true;
}

void teach_train_work(struct job *job)
{
    struct teach *teach = job->worker->server->teach;
    struct cli *cli = &job->worker->cli;
    int epochs = job_number(job, "epochs", EPOCHS);
    epochs = epochs < 1 ? 1 : epochs < MOST_EPOCHS ? epochs : MOST_EPOCHS;
    if (!may_train(job, teach)) {
        return;
    }
    double begun = server_now();
    pthread_mutex_lock(&teach->lock);
    if (teach->ends) {
        pthread_mutex_unlock(&teach->lock);
        job_fail(job, 503, "the server stops");
        return;
    }
    fov_model_free(teach->model);
    teach->model = NULL;
    teach->training = true;
    teach->stops = teach->ready = false;
    teach->curve_count = teach->confusion_classes = teach->epoch = 0;
    teach->epochs = epochs;
    teach->share = teach->seconds = 0.0;
    teach->problem[0] = '\0';
    pthread_mutex_unlock(&teach->lock);
    int status = train(teach, cli, epochs);
    pthread_mutex_lock(&teach->lock);
    teach->training = false;
    teach->ready = status == FOV_OK;
    teach->seconds = server_now() - begun;
    if (status != FOV_OK) {
        snprintf(teach->problem, sizeof teach->problem, "%.500s", fov_error(cli->context));
    }
    pthread_mutex_unlock(&teach->lock);
    fov_error_clear(cli->context);
    job_reply(job, teach_state(teach), 9);
}

/* ---- what was taught --------------------------------------------------------------------------------------------- */

static bool is_ready(struct job *job, const struct teach *teach)
{
    if (teach->model == NULL) {
        job_fail(job, 409, "nothing was taught yet: POST pictures to /api/teach/picture, then POST /api/teach/train");
    }
    return teach->model != NULL;
}

void teach_predict_work(struct job *job)
{
    struct teach *teach = job->worker->server->teach;
    fov_image image;
    float scores[TOP];
    if (!is_ready(job, teach) || !job_picture(job, &image)) {
        return;
    }
    int count = fov_model_scores(teach->model);
    int status = fov_predict_image(teach->model, &image, scores, count);
    fov_image_free(&image);
    if (status != FOV_OK) {
        job_fail_library(job);
        return;
    }
    json_t *object = json_object(), *list = json_array();
    for (int i = 0; i < count; i++) {
        json_t *one = json_object();
        json_set_integer(one, "class", i);
        json_set_text(one, "name", fov_model_class(teach->model, i));
        json_set_number(one, "probability", (double)scores[i]);
        json_add(list, one);
    }
    json_set(object, "classes", list);
    job_reply(job, object, 9);
}

void teach_model_work(struct job *job)
{
    struct teach *teach = job->worker->server->teach;
    fov_buffer buffer = {.size = 0};
    if (!is_ready(job, teach)) {
        return;
    }
    if (fov_model_save_memory(teach->model, 0, &buffer) != FOV_OK) {
        job_fail_library(job);
        return;
    }
    job->reply = (struct reply){.code = 200, .type = "application/octet-stream", .size = buffer.size};
    job->reply.body = take_memory(buffer.size + 1, 1);
    memcpy(job->reply.body, buffer.bytes, buffer.size);
    snprintf(job->reply.file, sizeof job->reply.file, "taught.onnx");
    fov_buffer_free(&buffer);
}
