/* SPDX-License-Identifier: MIT */
/* Lists the picture sizes of multi-scale training, prepares a training step for each, and chooses the size of a batch.
 * As in YOLOX (Ge et al. 2021), sides are multiples of a step around the model's own size, and a size is kept for some
 * batches. */
#include "train/scales.h"
#include "base/attribute.h"
#include "base/random.h"
#include "train/training.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { DRAW = RANDOM_SHUFFLE + (1 << 8) /* random key of sizes, different from that of the samples' order */ };

struct scale_options {
    double spread;
    int64_t every, step;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct scale_options, spread), .kind = ATTRIBUTE_NUMBER, .standard = 0.25, .minimum = 0.001,
     .maximum = 0.9, .doc = "how much smaller and larger pictures may be, as a share of the own size"},
    {ATTRIBUTE(struct scale_options, every), .kind = ATTRIBUTE_INTEGER, .standard = 10, .minimum = 1, .maximum = 1e9,
     .doc = "batches of the same size"},
    {ATTRIBUTE(struct scale_options, step), .kind = ATTRIBUTE_INTEGER, .standard = 32, .minimum = 1, .maximum = 16384,
     .doc = "pixels of which sides are multiples"},
    {.name = NULL},
};

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

static fov_model *own_model(const struct training *t)
{
    return t->resized != NULL ? t->resized : t->model;
}

/* Lists the heights within the spread, each with the width that keeps the aspect ratio best. */
static int find_sizes(struct scales *scales, const struct scale_options *o, const struct model_picture *own,
                      struct memory *memory, struct error *error)
{
    int64_t step = o->step;
    int64_t first = (int64_t)ceil((1.0 - o->spread) * own->height / (double)step - 1e-9);
    int64_t last = (int64_t)floor((1.0 + o->spread) * own->height / (double)step + 1e-9);
    if (own->height % step != 0 || own->width % step != 0) {
        return error_set(error, FOV_E_USAGE, "sides of %d x %d pixels are no multiples of %" PRId64 " (step)",
                         own->height, own->width, step);
    }
    first = first > 1 ? first : 1;
    if (last - first < 1 || last - first > SCALES_MOST) {
        return error_set(error, FOV_E_USAGE,
                         "%" PRId64 " heights around %d are multiples of %" PRId64 "; 2 to %d are possible",
                         last - first + 1, own->height, step, SCALES_MOST + 1);
    }
    scales->list = memory_allocate(memory, (size_t)(last - first), sizeof *scales->list, "sizes of pictures", error);
    for (int64_t k = first; scales->list != NULL && k <= last; k++) {
        int64_t width = (int64_t)floor((double)(k * step) * own->width / own->height / (double)step + 0.5);
        if (k * step != own->height) {
            scales->smaller += k * step < own->height;
            scales->list[scales->count++] =
                (struct scale){.height = (int)(k * step), .width = (int)((width > 1 ? width : 1) * step)};
        }
    }
    return scales->list != NULL ? FOV_OK : FOV_E_MEMORY;
}

/* Creates the training step for one size; it shares the parameters of the run's step. */
static int open_scale(struct training *t, struct scale *scale)
{
    const struct task_use *own = &t->use;
    scale->model = model_borrow(own_model(t));
    int status =
        scale->model != NULL ? fov_model_resize(scale->model, scale->height, scale->width) : (int)t->error->status;
    if (status != FOV_OK) {
        return status;
    }
    scale->use = (struct task_use){.model = scale->model,
                                   .data = own->data,
                                   .classes_by_position = own->classes_by_position,
                                   .label_smoothing = own->label_smoothing,
                                   .mixes = own->mixes};
    status = task_choose(&scale->use, t->settings.task_text, t->data->target, t->error);
    status = status == FOV_OK ? task_fit(&scale->use, t->error) : status;
    if (status == FOV_OK && scale->use.task->learn != NULL) {
        status = scale->use.task->learn(&scale->use, t->error);
    }
    status = status == FOV_OK ? step_create(&scale->step, scale->model, &scale->use, &t->settings, t->error) : status;
    status = status == FOV_OK ? step_share(&scale->step, &t->step, t->error) : status;
    scale->step.arena = &t->scales.arena;
    return status;
}

static int open_all(struct training *t, const char *text)
{
    struct scales *scales = &t->scales;
    struct memory *memory = t->context->memory;
    struct scale_options options;
    struct model_picture own;
    if (t->step.turn_count > 1) {
        return error_set(t->error, FOV_E_UNSUPPORTED, "task %s brings several losses down in turn, at one size",
                         t->use.task->name);
    }
    attribute_defaults(attributes, &options, sizeof options);
    int status = attribute_read(attributes, &options, "sizes", text, t->error);
    if (status == FOV_OK && !model_picture(own_model(t), &own)) {
        status = error_set(t->error, FOV_E_SHAPE, "the model reads no pictures");
    }
    status = status == FOV_OK ? find_sizes(scales, &options, &own, memory, t->error) : status;
    scales->every = options.every;
    scales->arena.memory = memory;
    t->step.arena = &scales->arena;
    for (int i = 0; status == FOV_OK && i < scales->count; i++) {
        status = open_scale(t, &scales->list[i]);
    }
    if (status == FOV_OK) {
        scales->forms = memory_allocate(memory, (size_t)t->settings.steps, 1, "sizes of batches", t->error);
        status = scales->forms != NULL ? FOV_OK : FOV_E_MEMORY;
    }
    return status;
}

int scales_open(struct training *t)
{
    const char *text = t->settings.given.multi_scale;
    if (text == NULL || strcmp(text, "none") == 0) {
        return FOV_OK;
    }
    int status = open_all(t, text);
    if (status != FOV_OK) {
        error_prefix(t->error, "training option multi_scale");
    }
    return status;
}

void scales_close(struct training *t)
{
    struct scales *scales = &t->scales;
    struct memory *memory = t->context->memory;
    for (int i = 0; i < scales->count; i++) {
        step_free(&scales->list[i].step);
        task_close(&scales->list[i].use);
        fov_model_free(scales->list[i].model);
    }
    memory_free(memory, scales->list);
    memory_free(memory, scales->forms);
    plan_arena_close(&scales->arena);
    *scales = (struct scales){.list = NULL};
}

/* ---- plans and samples ------------------------------------------------------------------------------------------- */

/* The step of the n-th size in ascending order, the run's own size included. */
static struct training_step *by_size(struct training *t, int n)
{
    struct scales *scales = &t->scales;
    return n == scales->smaller ? &t->step : &scales->list[n < scales->smaller ? n : n - 1].step;
}

/* Compiles the largest size last: it may use all memory that is left. */
int scales_compile(struct training *t)
{
    struct scales *scales = &t->scales;
    int status = FOV_OK;
    for (int n = 0; status == FOV_OK && n <= scales->count; n++) {
        status = step_compile(by_size(t, n), &t->settings, t->count, t->error);
    }
    status = status == FOV_OK && scales->list != NULL ? plan_arena_open(&scales->arena, t->error) : status;
    for (int n = 0; status == FOV_OK && scales->list != NULL && n <= scales->count; n++) {
        status = step_bind(by_size(t, n), t->error);
        t->step.rest_left_out = t->step.rest_left_out || by_size(t, n)->rest_left_out;
    }
    if (status == FOV_OK && scales->list != NULL) {
        const struct scale *first = scales->list, *last = &scales->list[scales->count - 1];
        context_log(t->context, FOV_LOG_INFO,
                    "%d sizes of pictures, of them besides its own %d x %d to %d x %d, for %" PRId64 " batches each",
                    scales->count + 1, first->height, first->width, last->height, last->width, scales->every);
    }
    return status;
}

const fov_plan *scales_largest_plan(struct training *t)
{
    const struct training_step *step = by_size(t, t->scales.count);
    return step->whole[0].plan != NULL ? step->whole[0].plan : step->rest[0].plan;
}

/* The loader's options for each further size, otherwise like `own`. */
int scales_forms(const struct training *t, const struct prepare_options *own, struct loader_form forms[])
{
    for (int i = 0; i < t->scales.count; i++) {
        const struct task_use *use = &t->scales.list[i].use;
        struct prepare_options prepare = task_loader(use, own->augment).prepare;
        prepare.preprocessing = own->preprocessing;
        prepare.augment_epochs = own->augment_epochs;
        forms[i] = (struct loader_form){.prepare = prepare, .user = use, .target_bytes = task_target_bytes(use)};
    }
    return t->scales.count;
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

/* Size of batch `step`: 0 is the own size, i + 1 is list[i]. Epochs without augmentation (plain_epochs) use the own
 * size. */
static int form_of(const struct training *t, int64_t step)
{
    const struct scales *scales = &t->scales;
    const fov_train_options *o = &t->settings.given;
    bool plain = o->plain_epochs > 0 && t->state.epoch >= o->epochs - o->plain_epochs;
    if (scales->list == NULL || plain) {
        return 0;
    }
    const struct random_key key = {t->context->seed, DRAW, (uint64_t)t->state.epoch};
    int n = (int)random_below(key, (uint64_t)(step / scales->every), (uint64_t)scales->count + 1);
    return n < scales->smaller ? n + 1 : n == scales->smaller ? 0 : n;
}

void scales_begin_batch(struct training *t, int64_t step, size_t place)
{
    if (t->scales.forms != NULL) {
        t->scales.forms[place] = (uint8_t)form_of(t, step);
    }
}

struct sized scales_of_batch(const struct training *t, int64_t step)
{
    int form = form_of(t, step);
    const struct scale *scale = form > 0 ? &t->scales.list[form - 1] : NULL;
    return scale != NULL ? (struct sized){&scale->use, &scale->step} : (struct sized){&t->use, &t->step};
}

void scales_turn_to(struct training *t, const struct training_step *step)
{
    if (t->scales.list != NULL && t->scales.last != step) {
        step->graph->version++; /* its plans may hold packed weights that another size's step has updated since */
        t->scales.last = step;
    }
}
