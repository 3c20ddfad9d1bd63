/* SPDX-License-Identifier: MIT */
/* The confusion matrix of detections, with the background as an additional class. Boxes with a score of at least 0.25,
 * best first, are each matched to the free object of their picture, of any class, that they overlap most, from IoU 0.5
 * on. Unmatched boxes count in the last row (background detected as an object), unmatched objects in the last column
 * (missed). */
#include "metric/boxes.h"

#include <fovea/boxes.h>
#include <stdlib.h>

static const double least_score = 0.25, least_overlap = 0.5;

/* An object or a box of one picture. */
struct entry {
    int64_t image, place; /* place: index in the set or list, which decides among equal scores */
    double score;         /* 0 for objects */
    double corner[4];
    int class;
    bool ignored, taken;
};

static int by_picture(const void *first, const void *second)
{
    const struct entry *a = first, *b = second;
    if (a->image != b->image) {
        return a->image < b->image ? -1 : 1;
    }
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a->place < b->place ? -1 : a->place > b->place;
}

static void put_corners(struct entry *entry, double x, double y, double width, double height)
{
    entry->corner[0] = x;
    entry->corner[1] = y;
    entry->corner[2] = x + width;
    entry->corner[3] = y + height;
}

static int64_t list_objects(const struct box_set *set, struct entry *out)
{
    int64_t count = 0;
    for (int c = 0; c < set->classes; c++) {
        for (int64_t i = set->object_from[c]; i < set->object_from[c + 1]; i++) {
            const fov_object *is = &set->objects[i];
            out[count] =
                (struct entry){.image = is->image, .place = i, .class = c, .ignored = is->crowd || is->difficult};
            put_corners(&out[count++], is->x, is->y, is->width, is->height);
        }
    }
    qsort(out, (size_t)count, sizeof *out, by_picture);
    return count;
}

static int64_t list_detections(const struct box_set *set, struct entry *out)
{
    int64_t count = 0;
    for (int c = 0; c < set->classes; c++) {
        for (int64_t i = set->detection_from[c]; i < set->detection_from[c + 1]; i++) {
            const fov_detection *is = &set->detections[i];
            if (is->score >= least_score) {
                out[count] =
                    (struct entry){.image = is->image, .place = set->places[i], .score = is->score, .class = c};
                put_corners(&out[count++], is->x, is->y, is->width, is->height);
            }
        }
    }
    qsort(out, (size_t)count, sizeof *out, by_picture);
    return count;
}

/* The object, among those of one picture, that a box is matched to; NULL: none. */
static struct entry *match(struct entry *objects, int64_t count, const struct entry *box)
{
    struct entry *found = NULL;
    double best = least_overlap;
    for (int64_t i = 0; i < count; i++) {
        double overlap = objects[i].taken ? 0 : fov_box_overlap(FOV_OVERLAP_IOU, objects[i].corner, box->corner);
        if (overlap >= best && (found == NULL || overlap > best)) {
            best = overlap;
            found = &objects[i];
        }
    }
    return found;
}

static void fill(double *confusion, int classes, struct entry *objects, int64_t object_count, const struct entry *boxes,
                 int64_t box_count)
{
    int64_t row = classes + 1, object = 0, end = 0;
    for (int64_t i = 0; i < box_count; i++) {
        while (object < object_count && objects[object].image < boxes[i].image) {
            object++;
        }
        end = end > object ? end : object;
        while (end < object_count && objects[end].image == boxes[i].image) {
            end++;
        }
        struct entry *found = match(objects + object, end - object, &boxes[i]);
        if (found == NULL) {
            confusion[classes * row + boxes[i].class]++;
        } else if (!found->ignored) { /* boxes on ignored objects do not count, however many there are */
            found->taken = true;
            confusion[found->class * row + boxes[i].class]++;
        }
    }
    for (int64_t i = 0; i < object_count; i++) {
        confusion[objects[i].class * row + classes] += !objects[i].taken && !objects[i].ignored;
    }
}

void box_figures_confusion(const struct box_set *set, fov_metrics *metrics)
{
    struct memory *memory = set->context->memory;
    struct error *error = &set->context->error;
    int64_t objects = set->object_from[set->classes], detections = set->detection_from[set->classes];
    double *confusion = figures_add(metrics, "confusion", set->classes + 1, set->classes + 1, true);
    struct entry *there = memory_allocate_raw(memory, (size_t)objects, sizeof *there, "metrics", error);
    struct entry *boxes = memory_allocate_raw(memory, (size_t)detections, sizeof *boxes, "metrics", error);
    if (confusion != NULL && there != NULL && boxes != NULL) {
        objects = list_objects(set, there);
        detections = list_detections(set, boxes);
        fill(confusion, set->classes, there, objects, boxes, detections);
    }
    memory_free(memory, boxes);
    memory_free(memory, there);
}
