/* SPDX-License-Identifier: MIT */
/* Pascal VOC's evaluation of boxes (Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge", 2010; the
 * devkit's VOCevaldet and VOCap): IoU 0.5, average precision by 11 points (2007) and by all points (2010 on), difficult
 * objects. VOC has no crowds: here they count as difficult objects. A class without objects, or with difficult ones
 * only, has average precision NaN. */
#include "metric/boxes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double least_overlap = 0.5;

/* A detection, with the range of objects in its picture. */
struct found {
    const fov_detection *is;
    int64_t place;              /* index in the caller's list: decides among equal scores */
    int64_t object, object_end; /* objects of its picture and class */
};

/* Counts and the precision-recall curve of one class. Detections of difficult objects are .ignored: they count as
 * neither right nor wrong. */
struct voc_class {
    int64_t positives, right, wrong, ignored;
    double *precision, *recall; /* after each detection */
};

static int by_score(const void *first, const void *second)
{
    const struct found *a = first, *b = second;
    if (a->is->score != b->is->score) {
        return a->is->score > b->is->score ? -1 : 1;
    }
    return a->place < b->place ? -1 : a->place > b->place;
}

static double overlap_of(const fov_detection *d, const fov_object *g)
{
    double w = fmin(d->x + d->width, g->x + g->width) - fmax(d->x, g->x);
    double h = fmin(d->y + d->height, g->y + g->height) - fmax(d->y, g->y);
    return w > 0 && h > 0 ? w * h / (d->width * d->height + g->width * g->height - w * h) : 0;
}

static bool is_difficult(const fov_object *object)
{
    return object->difficult || object->crowd;
}

/* Judges detections by descending score. `taken` has to be all false. */
static void judge(const struct box_class *of, const struct found *found, bool *taken, struct voc_class *result)
{
    for (int64_t i = 0; i < of->detection_count; i++) {
        double best = -1;
        int64_t object = -1;
        for (int64_t k = found[i].object; k < found[i].object_end; k++) {
            double overlap = overlap_of(found[i].is, &of->objects[k]);
            if (overlap > best) {
                best = overlap;
                object = k;
            }
        }
        if (!(best >= least_overlap)) {
            result->wrong++;
        } else if (is_difficult(&of->objects[object])) {
            result->ignored++;
        } else if (taken[object]) {
            result->wrong++;
        } else {
            taken[object] = true;
            result->right++;
        }
        int64_t counted = result->right + result->wrong;
        result->precision[i] = counted > 0 ? (double)result->right / (double)counted : 0;
        result->recall[i] = result->positives > 0 ? (double)result->right / (double)result->positives : 0;
    }
}

/* The mean, over the recalls 0, 0.1, ..., 1, of the largest precision at that recall or a higher one. */
static double eleven_points(const struct voc_class *of, int64_t count)
{
    double sum = 0;
    for (int k = 0; k <= 10; k++) {
        double best = 0;
        for (int64_t i = 0; i < count; i++) {
            best = of->recall[i] >= k / 10.0 ? fmax(best, of->precision[i]) : best;
        }
        sum += best;
    }
    return sum / 11;
}

/* The area below the precision-recall curve after precision is made non-increasing. Overwrites .precision. */
static double all_points(struct voc_class *of, int64_t count)
{
    double area = 0;
    for (int64_t i = count - 1; i > 0; i--) {
        of->precision[i - 1] = fmax(of->precision[i - 1], of->precision[i]);
    }
    for (int64_t i = 0; i < count; i++) {
        area += (of->recall[i] - (i > 0 ? of->recall[i - 1] : 0)) * of->precision[i];
    }
    return area;
}

static void list_class(const struct box_class *of, struct found *found, struct voc_class *result)
{
    struct box_picture at = {0};
    int64_t count = 0;
    while (box_next_picture(of, &at)) {
        for (int64_t i = at.detection; i < at.detection_end; i++) {
            found[count++] = (struct found){&of->detections[i], of->places[i], at.object, at.object_end};
        }
        for (int64_t i = at.object; i < at.object_end; i++) {
            result->positives += !is_difficult(&of->objects[i]);
        }
    }
    qsort(found, (size_t)count, sizeof *found, by_score);
}

/* Workspace, large enough for the class with the most entries. */
struct workspace {
    struct found *found;
    bool *taken;
    double *precision, *recall;
};

static int workspace_make(struct workspace *workspace, const struct box_set *set)
{
    struct memory *memory = set->context->memory;
    struct error *error = &set->context->error;
    size_t detections = 1, objects = 1;
    for (int c = 0; c < set->classes; c++) {
        struct box_class of = box_class_of(set, c);
        detections = (size_t)of.detection_count > detections ? (size_t)of.detection_count : detections;
        objects = (size_t)of.object_count > objects ? (size_t)of.object_count : objects;
    }
    workspace->found = memory_allocate_raw(memory, detections, sizeof *workspace->found, "metrics", error);
    workspace->taken = memory_allocate_raw(memory, objects, sizeof *workspace->taken, "metrics", error);
    workspace->precision = memory_allocate_raw(memory, detections, sizeof *workspace->precision, "metrics", error);
    workspace->recall = memory_allocate_raw(memory, detections, sizeof *workspace->recall, "metrics", error);
    return error->status;
}

void box_figures_voc(const struct box_set *set, fov_metrics *metrics)
{
    struct memory *memory = set->context->memory;
    struct workspace workspace = {0};
    int status = workspace_make(&workspace, set), classes = set->classes;
    figures_number(metrics, "voc.iou", least_overlap);
    double *ids = figures_add(metrics, "voc.category_ids", 0, classes, true);
    double *ap11 = figures_add(metrics, "voc.ap11", 0, classes, false);
    double *ap_all = figures_add(metrics, "voc.ap_all", 0, classes, false);
    double *positives = figures_add(metrics, "voc.positives", 0, classes, true);
    double *right = figures_add(metrics, "voc.true_positives", 0, classes, true);
    double *wrong = figures_add(metrics, "voc.false_positives", 0, classes, true);
    double *ignored = figures_add(metrics, "voc.ignored", 0, classes, true);
    for (int c = 0; c < classes && ignored != NULL && status == FOV_OK; c++) {
        struct box_class of = box_class_of(set, c);
        struct voc_class result = {.precision = workspace.precision, .recall = workspace.recall};
        memset(workspace.taken, 0, (size_t)of.object_count * sizeof *workspace.taken);
        list_class(&of, workspace.found, &result);
        judge(&of, workspace.found, workspace.taken, &result);
        ids[c] = (double)set->categories[c];
        positives[c] = (double)result.positives;
        right[c] = (double)result.right;
        wrong[c] = (double)result.wrong;
        ignored[c] = (double)result.ignored;
        ap11[c] = result.positives > 0 ? eleven_points(&result, of.detection_count) : (double)NAN;
        ap_all[c] = result.positives > 0 ? all_points(&result, of.detection_count) : (double)NAN;
    }
    if (ignored != NULL && status == FOV_OK) {
        figures_number(metrics, "voc.map11", mean_of_defined(ap11, classes));
        figures_number(metrics, "voc.map_all", mean_of_defined(ap_all, classes));
    }
    memory_free(memory, workspace.recall);
    memory_free(memory, workspace.precision);
    memory_free(memory, workspace.taken);
    memory_free(memory, workspace.found);
}
