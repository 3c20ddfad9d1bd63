/* SPDX-License-Identifier: MIT */
/* Metrics of detected boxes: checks and sorts objects and detections, then computes the figures of COCO and of Pascal
 * VOC and the confusion matrix. Read next: boxes_coco.c, boxes_voc.c. */
#include "metric/boxes.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- sorting ----------------------------------------------------------------------------------------------------- */

/* Sort key of an object or detection: class, picture, index in the caller's list. */
struct box_key {
    int class;
    int64_t image, place;
};

static int by_key(const void *first, const void *second)
{
    const struct box_key *a = first, *b = second;
    if (a->class != b->class) {
        return a->class < b->class ? -1 : 1;
    }
    if (a->image != b->image) {
        return a->image < b->image ? -1 : 1;
    }
    return a->place < b->place ? -1 : a->place > b->place;
}

static int by_number(const void *first, const void *second)
{
    const int64_t *a = first, *b = second;
    return *a < *b ? -1 : *a > *b;
}

/* The index of a category; -1: it is not in the list of categories. */
static int class_of(const struct box_set *set, int64_t category)
{
    const int64_t *found = bsearch(&category, set->categories, (size_t)set->classes, sizeof category, by_number);
    return found != NULL ? (int)(found - set->categories) : -1;
}

/* Sorts keys; from[c] becomes the index of the first key of class c. */
static void sort_keys(struct box_key *keys, int64_t count, int classes, int64_t *from)
{
    int class = 0;
    qsort(keys, (size_t)count, sizeof *keys, by_key);
    for (int64_t i = 0; i < count; i++) {
        while (class <= keys[i].class) {
            from[class ++] = i;
        }
    }
    while (class <= classes) {
        from[class ++] = count;
    }
}

static bool are_finite(const double *numbers, int count)
{
    bool finite = true;
    for (int i = 0; i < count; i++) {
        finite = finite && isfinite(numbers[i]);
    }
    return finite;
}

static int sort_objects(struct box_set *set, int64_t count, const fov_object *objects, struct box_key *keys)
{
    int64_t used = 0;
    for (int64_t i = 0; i < count; i++) {
        const fov_object *is = &objects[i];
        int class = class_of(set, is->category);
        if (!are_finite((double[]){is->x, is->y, is->width, is->height, is->area}, 5)) {
            return error_set(&set->context->error, FOV_E_USAGE, "metrics: a number of object %" PRId64 " is not finite",
                             i);
        }
        if (class >= 0) {
            keys[used++] = (struct box_key){class, is->image, i};
        }
    }
    sort_keys(keys, used, set->classes, set->object_from);
    for (int64_t i = 0; i < used; i++) {
        set->objects[i] = objects[keys[i].place];
    }
    return FOV_OK;
}

static int sort_detections(struct box_set *set, int64_t count, const fov_detection *detections, struct box_key *keys)
{
    int64_t used = 0;
    for (int64_t i = 0; i < count; i++) {
        const fov_detection *is = &detections[i];
        int class = class_of(set, is->category);
        if (!are_finite((double[]){is->x, is->y, is->width, is->height, is->score}, 5)) {
            return error_set(&set->context->error, FOV_E_USAGE,
                             "metrics: a number of detection %" PRId64 " is not finite", i);
        }
        if (class >= 0) {
            keys[used++] = (struct box_key){class, is->image, i};
        }
    }
    sort_keys(keys, used, set->classes, set->detection_from);
    for (int64_t i = 0; i < used; i++) {
        set->detections[i] = detections[keys[i].place];
        set->places[i] = keys[i].place;
    }
    return FOV_OK;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct box_class box_class_of(const struct box_set *set, int class)
{
    int64_t object = set->object_from[class], detection = set->detection_from[class];
    return (struct box_class){.objects = set->objects + object,
                              .detections = set->detections + detection,
                              .places = set->places + detection,
                              .object_count = set->object_from[class + 1] - object,
                              .detection_count = set->detection_from[class + 1] - detection};
}

bool box_next_picture(const struct box_class *of, struct box_picture *picture)
{
    bool has_object = picture->object_end < of->object_count;
    bool has_detection = picture->detection_end < of->detection_count;
    int64_t object = has_object ? of->objects[picture->object_end].image : INT64_MAX;
    int64_t detection = has_detection ? of->detections[picture->detection_end].image : INT64_MAX;
    if (!has_object && !has_detection) {
        return false;
    }
    picture->image = object < detection ? object : detection;
    picture->object = picture->object_end;
    picture->detection = picture->detection_end;
    while (picture->object_end < of->object_count && of->objects[picture->object_end].image == picture->image) {
        picture->object_end++;
    }
    while (picture->detection_end < of->detection_count &&
           of->detections[picture->detection_end].image == picture->image) {
        picture->detection_end++;
    }
    return true;
}

/* ---- measuring --------------------------------------------------------------------------------------------------- */

static int check(struct error *error, int classes, const int64_t *rising)
{
    for (int i = 1; i < classes; i++) {
        if (rising[i] == rising[i - 1]) {
            return error_set(error, FOV_E_USAGE, "metrics of boxes: category %" PRId64 " is there twice", rising[i]);
        }
    }
    return FOV_OK;
}

fov_metrics *fov_metrics_boxes(fov_context *context, int classes, const int64_t *categories, int64_t object_count,
                               const fov_object *objects, int64_t detection_count, const fov_detection *detections)
{
    if (context == NULL) {
        return NULL;
    }
    call_fresh(context);
    fov_metrics *metrics = figures_create(context);
    struct error *error = &context->error;
    struct memory *memory = context->memory;
    if (metrics == NULL) {
        return NULL;
    }
    if (classes < 0 || object_count < 0 || detection_count < 0 || (classes > 0 && categories == NULL) ||
        (object_count > 0 && objects == NULL) || (detection_count > 0 && detections == NULL)) {
        error_set(error, FOV_E_USAGE,
                  "metrics of boxes: %d classes, %" PRId64 " objects, %" PRId64 " detections, or none of them given",
                  classes, object_count, detection_count);
        return figures_finish(metrics);
    }
    struct box_set set = {.context = context, .classes = classes};
    size_t most = (size_t)(object_count > detection_count ? object_count : detection_count), all = (size_t)classes + 1;
    int64_t *rising = memory_allocate(memory, all, sizeof *rising, "metrics", error);
    struct box_key *keys = memory_allocate_raw(memory, most, sizeof *keys, "metrics", error);
    set.object_from = memory_allocate(memory, all, sizeof *set.object_from, "metrics", error);
    set.detection_from = memory_allocate(memory, all, sizeof *set.detection_from, "metrics", error);
    set.objects = memory_allocate_raw(memory, (size_t)object_count, sizeof *set.objects, "metrics", error);
    set.detections = memory_allocate_raw(memory, (size_t)detection_count, sizeof *set.detections, "metrics", error);
    set.places = memory_allocate_raw(memory, (size_t)detection_count, sizeof *set.places, "metrics", error);
    if (error->status == FOV_OK) {
        memcpy(rising, classes > 0 ? categories : rising, (size_t)classes * sizeof *rising);
        qsort(rising, (size_t)classes, sizeof *rising, by_number);
        set.categories = rising;
        if (check(error, classes, rising) == FOV_OK && sort_objects(&set, object_count, objects, keys) == FOV_OK &&
            sort_detections(&set, detection_count, detections, keys) == FOV_OK) {
            box_figures_coco(&set, metrics);
            box_figures_voc(&set, metrics);
            box_figures_confusion(&set, metrics);
        }
    }
    memory_free(memory, set.places);
    memory_free(memory, set.detections);
    memory_free(memory, set.objects);
    memory_free(memory, set.detection_from);
    memory_free(memory, set.object_from);
    memory_free(memory, keys);
    memory_free(memory, rising);
    return figures_finish(metrics);
}
