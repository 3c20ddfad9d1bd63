/* SPDX-License-Identifier: MIT */
/* COCO's evaluation of boxes (Lin et al., "Microsoft COCO", 2014, and the program of its authors, whose order among
 * equal scores and equal overlaps affects results and is kept here): 10 thresholds of IoU, 101 of recall, four ranges
 * of area, at most 1, 10 or 100 detections per picture and class; crowds. Figures without any objects are -1. */
#include "metric/boxes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { IOUS = 10, RECALLS = 101, AREAS = 4, CUTS = 3, MOST_DETECTIONS = 100 };

static const double iou_thresholds[IOUS] = {0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.8999999999999999, 0.95};
static const double area_ranges[AREAS][2] = {{0, 1e10}, {0, 1024}, {1024, 9216}, {9216, 1e10}};
static const int64_t cuts[CUTS] = {1, 10, MOST_DETECTIONS};

/* The result of matching a detection; .matched and .ignored have a bit for each threshold of IoU. */
struct verdict {
    double score;
    int64_t image;
    int rank; /* by score within its picture and class, from 0 */
    unsigned matched, ignored;
};

/* Workspace for one class; each buffer is large enough for the picture or class with the most entries. */
struct workspace {
    const fov_detection **ranked; /* detections of a picture, by descending score */
    const fov_object **objects;   /* objects of a picture, the ignored ones last */
    bool *ignored;                /* [objects] */
    unsigned *taken;              /* [objects], a bit for each threshold: matched already */
    double *overlap;              /* [ranked][objects], objects in the order of the picture's list */
    int64_t *place;               /* [objects]: index of .objects[i] in the picture's list */
    struct verdict *verdicts;     /* of the class, in order of pictures */
    struct verdict *sorted;       /* those within a cut, by descending score */
    double *precision, *recall; /* [verdicts] */
};

/* Results for all classes. */
struct tables {
    double *precision; /* [class][area][iou][recall], for the cut of 100 only */
    double *recall;    /* [class][area][cut][iou] */
};

/* ---- one picture ------------------------------------------------------------------------------------------------- */

static double box_iou(const fov_detection *d, const fov_object *g)
{
    double w = fmin(d->width + d->x, g->width + g->x) - fmax(d->x, g->x);
    double h = fmin(d->height + d->y, g->height + g->y) - fmax(d->y, g->y);
    if (w <= 0 || h <= 0) {
        return 0;
    }
    double common = w * h, area = d->width * d->height;
    return common / (g->crowd ? area : area + g->width * g->height - common);
}

static int by_falling_score(const void *first, const void *second)
{
    const fov_detection *a = *(const fov_detection *const *)first, *b = *(const fov_detection *const *)second;
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a < b ? -1 : a > b; // keeps the order of the array, so that the sort is stable
}

static bool outside(double area, const double range[2])
{
    return area < range[0] || area > range[1];
}

/* Sorts the detections of a picture, best first, and computes their overlaps with each object. Returns how many of them
 * are considered, at most 100. */
static int64_t rank_picture(const struct box_class *of, const struct box_picture *at, struct workspace *workspace)
{
    int64_t objects = at->object_end - at->object, count = at->detection_end - at->detection;
    for (int64_t i = 0; i < count; i++) {
        workspace->ranked[i] = &of->detections[at->detection + i];
    }
    qsort(workspace->ranked, (size_t)count, sizeof *workspace->ranked, by_falling_score);
    count = count < MOST_DETECTIONS ? count : MOST_DETECTIONS;
    for (int64_t i = 0; i < count; i++) {
        for (int64_t k = 0; k < objects; k++) {
            workspace->overlap[i * objects + k] = box_iou(workspace->ranked[i], &of->objects[at->object + k]);
        }
    }
    return count;
}

/* The object that a detection is matched to at one threshold of IoU; -1: none. */
static int64_t match(const struct workspace *workspace, const double *overlap, int64_t objects, double threshold,
                     unsigned bit)
{
    double best = fmin(threshold, 1 - 1e-10);
    int64_t found = -1;
    for (int64_t k = 0; k < objects; k++) {
        if ((workspace->taken[k] & bit) && !workspace->objects[k]->crowd) {
            continue;
        }
        if (found >= 0 && !workspace->ignored[found] && workspace->ignored[k]) {
            break;
        }
        double iou = overlap[workspace->place[k]];
        if (iou >= best) {
            best = iou;
            found = k;
        }
    }
    return found;
}

/* Matches a picture's detections to its objects for one range of areas. Returns how many objects are not ignored. */
static int64_t judge_picture(const struct box_class *of, const struct box_picture *at, const double range[2],
                             struct workspace *workspace, int64_t ranked, struct verdict *verdicts)
{
    int64_t objects = at->object_end - at->object, counting = 0, place = 0;
    for (int ignored = 0; ignored < 2; ignored++) {
        for (int64_t k = 0; k < objects; k++) {
            const fov_object *is = &of->objects[at->object + k];
            if ((is->crowd || outside(is->area, range)) == (ignored != 0)) {
                workspace->objects[place] = is;
                workspace->ignored[place] = ignored != 0;
                workspace->taken[place] = 0;
                workspace->place[place++] = k;
                counting += !ignored;
            }
        }
    }
    for (int64_t i = 0; i < ranked; i++) {
        const fov_detection *is = workspace->ranked[i];
        struct verdict *verdict = &verdicts[i];
        bool odd_size = outside(is->width * is->height, range);
        *verdict = (struct verdict){.score = is->score, .image = is->image, .rank = (int)i};
        for (int t = 0; t < IOUS; t++) {
            unsigned bit = 1U << t;
            int64_t found = match(workspace, workspace->overlap + i * objects, objects, iou_thresholds[t], bit);
            if (found >= 0) {
                workspace->taken[found] |= bit;
                verdict->matched |= bit;
            }
            verdict->ignored |= (found >= 0 ? workspace->ignored[found] : odd_size) ? bit : 0;
        }
    }
    return counting;
}

/* ---- one class --------------------------------------------------------------------------------------------------- */

static int by_score_and_picture(const void *first, const void *second)
{
    const struct verdict *a = first, *b = second;
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    if (a->image != b->image) {
        return a->image < b->image ? -1 : 1;
    }
    return a->rank < b->rank ? -1 : a->rank > b->rank;
}

/* The precision-recall curve at one threshold of IoU: writes the precision at each threshold of recall to `at` (NULL:
 * not wanted). Returns the last recall. */
static double measure_curve(struct workspace *workspace, int64_t count, int64_t objects, unsigned bit, double *at)
{
    double right = 0, wrong = 0;
    for (int64_t i = 0; i < count; i++) {
        const struct verdict *is = &workspace->sorted[i];
        bool counts = !(is->ignored & bit);
        right += counts && (is->matched & bit);
        wrong += counts && !(is->matched & bit);
        workspace->recall[i] = right / (double)objects;
        workspace->precision[i] = right / (wrong + right + 0x1p-52);
    }
    for (int64_t i = count - 1; i > 0; i--) {
        workspace->precision[i - 1] = fmax(workspace->precision[i - 1], workspace->precision[i]);
    }
    int64_t place = 0;
    for (int r = 0; at != NULL && r < RECALLS; r++) {
        while (place < count && workspace->recall[place] < r * 0.01) {
            place++;
        }
        at[r] = place < count ? workspace->precision[place] : 0;
    }
    return count > 0 ? workspace->recall[count - 1] : 0;
}

static void measure_class(const struct box_class *of, struct workspace *workspace, double *precision, double *recall)
{
    for (int area = 0; area < AREAS; area++) {
        struct box_picture at = {0};
        int64_t judged = 0, objects = 0;
        while (box_next_picture(of, &at)) {
            int64_t ranked = rank_picture(of, &at, workspace);
            objects += judge_picture(of, &at, area_ranges[area], workspace, ranked, workspace->verdicts + judged);
            judged += ranked;
        }
        for (int cut = 0; cut < CUTS; cut++) {
            int64_t count = 0;
            for (int64_t i = 0; i < judged; i++) {
                workspace->sorted[count] = workspace->verdicts[i];
                count += workspace->verdicts[i].rank < cuts[cut];
            }
            qsort(workspace->sorted, (size_t)count, sizeof *workspace->sorted, by_score_and_picture);
            for (int t = 0; t < IOUS; t++) {
                double *at_recall = cut == CUTS - 1 ? precision + (area * IOUS + t) * RECALLS : NULL;
                for (int r = 0; at_recall != NULL && r < RECALLS; r++) {
                    at_recall[r] = -1;
                }
                recall[(area * CUTS + cut) * IOUS + t] =
                    objects > 0 ? measure_curve(workspace, count, objects, 1U << t, at_recall) : -1;
            }
        }
    }
}

/* ---- all classes ------------------------------------------------------------------------------------------------- */

static void workspace_free(struct workspace *workspace, struct memory *memory)
{
    void *const blocks[] = {(void *)workspace->ranked, (void *)workspace->objects, workspace->ignored,
                            workspace->taken,          workspace->overlap,         workspace->place,
                            workspace->verdicts,       workspace->sorted,          workspace->recall,
                            workspace->precision};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        memory_free(memory, blocks[i]);
    }
}

static int workspace_make(struct workspace *workspace, const struct box_set *set)
{
    struct memory *memory = set->context->memory;
    struct error *error = &set->context->error;
    size_t detections = 1, objects = 1, overlaps = 1, of_class = 1;
    for (int c = 0; c < set->classes; c++) {
        struct box_class of = box_class_of(set, c);
        struct box_picture at = {0};
        of_class = (size_t)of.detection_count > of_class ? (size_t)of.detection_count : of_class;
        while (box_next_picture(&of, &at)) {
            size_t found = (size_t)(at.detection_end - at.detection), there = (size_t)(at.object_end - at.object);
            size_t pairs = (found < MOST_DETECTIONS ? found : MOST_DETECTIONS) * there;
            detections = found > detections ? found : detections;
            objects = there > objects ? there : objects;
            overlaps = pairs > overlaps ? pairs : overlaps;
        }
    }
    workspace->ranked = memory_allocate_raw(memory, detections, sizeof *workspace->ranked, "metrics", error);
    workspace->objects = memory_allocate_raw(memory, objects, sizeof *workspace->objects, "metrics", error);
    workspace->ignored = memory_allocate_raw(memory, objects, sizeof *workspace->ignored, "metrics", error);
    workspace->taken = memory_allocate_raw(memory, objects, sizeof *workspace->taken, "metrics", error);
    workspace->place = memory_allocate_raw(memory, objects, sizeof *workspace->place, "metrics", error);
    workspace->overlap = memory_allocate_raw(memory, overlaps, sizeof *workspace->overlap, "metrics", error);
    workspace->verdicts = memory_allocate_raw(memory, of_class, sizeof *workspace->verdicts, "metrics", error);
    workspace->sorted = memory_allocate_raw(memory, of_class + 1, sizeof *workspace->sorted, "metrics", error);
    workspace->recall = memory_allocate_raw(memory, of_class, sizeof *workspace->recall, "metrics", error);
    workspace->precision = memory_allocate_raw(memory, of_class, sizeof *workspace->precision, "metrics", error);
    return error->status;
}

/* A mean over values that leaves out those that are -1. */
struct mean {
    double sum;
    int64_t count;
};

static void mean_add(struct mean *mean, const double *values, int count)
{
    for (int i = 0; i < count; i++) {
        mean->sum += values[i] > -1 ? values[i] : 0;
        mean->count += values[i] > -1;
    }
}

static double mean_value(struct mean mean)
{
    return mean.count > 0 ? mean.sum / (double)mean.count : -1;
}

/* Mean precision over classes [from, to) and thresholds of IoU [first, last). */
static double mean_precision(const struct tables *all, int from, int to, int area, int first, int last)
{
    struct mean mean = {0};
    for (int c = from; c < to; c++) {
        mean_add(&mean, all->precision + ((int64_t)(c * AREAS + area) * IOUS + first) * RECALLS,
                 (last - first) * RECALLS);
    }
    return mean_value(mean);
}

static double mean_recall(const struct tables *all, int from, int to, int area, int cut)
{
    struct mean mean = {0};
    for (int c = from; c < to; c++) {
        mean_add(&mean, all->recall + ((int64_t)(c * AREAS + area) * CUTS + cut) * IOUS, IOUS);
    }
    return mean_value(mean);
}

static void add_summary(const struct tables *all, int classes, fov_metrics *metrics)
{
    static const char *const areas[AREAS] = {"", "_small", "_medium", "_large"};
    char name[FIGURE_NAME_SIZE];
    double map = mean_precision(all, 0, classes, 0, 0, IOUS), map50 = mean_precision(all, 0, classes, 0, 0, 1);
    double map75 = mean_precision(all, 0, classes, 0, 5, 6);
    figures_number(metrics, "map", map < 0 ? NAN : map);
    figures_number(metrics, "map50", map50 < 0 ? NAN : map50);
    figures_number(metrics, "map75", map75 < 0 ? NAN : map75);
    figures_number(metrics, "coco.stats.AP", map);
    figures_number(metrics, "coco.stats.AP50", map50);
    figures_number(metrics, "coco.stats.AP75", map75);
    for (int area = 1; area < AREAS; area++) {
        snprintf(name, sizeof name, "coco.stats.AP%s", areas[area]);
        figures_number(metrics, name, mean_precision(all, 0, classes, area, 0, IOUS));
    }
    for (int cut = 0; cut < CUTS; cut++) {
        snprintf(name, sizeof name, "coco.stats.AR_%d", (int)cuts[cut]);
        figures_number(metrics, name, mean_recall(all, 0, classes, 0, cut));
    }
    for (int area = 1; area < AREAS; area++) {
        snprintf(name, sizeof name, "coco.stats.AR%s", areas[area]);
        figures_number(metrics, name, mean_recall(all, 0, classes, area, CUTS - 1));
    }
}

static void add_lists(const struct box_set *set, const struct tables *all, fov_metrics *metrics)
{
    int classes = set->classes;
    double *ids = figures_add(metrics, "coco.category_ids", 0, classes, true);
    double *ap = figures_add(metrics, "coco.ap", 0, classes, false);
    double *ap_iou = figures_add(metrics, "coco.ap_per_iou", classes, IOUS, false);
    double *map_iou = figures_add(metrics, "coco.map_per_iou", 0, IOUS, false);
    double *ar = figures_add(metrics, "coco.ar", 0, classes, false);
    double *recall_iou = figures_add(metrics, "coco.recall_per_iou", classes, IOUS, false);
    double *ap_area = figures_add(metrics, "coco.ap_by_area", classes, AREAS, false);
    double *ar_area = figures_add_layers(metrics, "coco.ar_by_area_maxdets", classes, AREAS, CUTS);
    double *curve = figures_add(metrics, "coco.precision_at_iou50", classes, RECALLS, false);
    for (int t = 0; curve != NULL && t < IOUS; t++) {
        map_iou[t] = mean_precision(all, 0, classes, 0, t, t + 1);
    }
    for (int c = 0; curve != NULL && c < classes; c++) {
        ids[c] = (double)set->categories[c];
        ap[c] = mean_precision(all, c, c + 1, 0, 0, IOUS);
        ar[c] = mean_recall(all, c, c + 1, 0, CUTS - 1);
        for (int t = 0; t < IOUS; t++) {
            ap_iou[c * IOUS + t] = mean_precision(all, c, c + 1, 0, t, t + 1);
            recall_iou[c * IOUS + t] = all->recall[((int64_t)c * AREAS * CUTS + CUTS - 1) * IOUS + t];
        }
        for (int area = 0; area < AREAS; area++) {
            ap_area[c * AREAS + area] = mean_precision(all, c, c + 1, area, 0, IOUS);
            for (int cut = 0; cut < CUTS; cut++) {
                ar_area[(c * AREAS + area) * CUTS + cut] = mean_recall(all, c, c + 1, area, cut);
            }
        }
        for (int r = 0; r < RECALLS; r++) {
            curve[c * RECALLS + r] = all->precision[(int64_t)c * AREAS * IOUS * RECALLS + r];
        }
    }
}

void box_figures_coco(const struct box_set *set, fov_metrics *metrics)
{
    enum { OF_CLASS = AREAS * IOUS * RECALLS, RECALLS_OF_CLASS = AREAS * CUTS * IOUS };
    struct memory *memory = set->context->memory;
    struct error *error = &set->context->error;
    size_t classes = (size_t)set->classes;
    struct workspace workspace = {0};
    struct tables all = {.precision = memory_allocate_raw(memory, classes, OF_CLASS * sizeof(double), "metrics", error),
                         .recall =
                             memory_allocate_raw(memory, classes, RECALLS_OF_CLASS * sizeof(double), "metrics", error)};
    if (error->status == FOV_OK && workspace_make(&workspace, set) == FOV_OK) {
        for (int c = 0; c < set->classes; c++) {
            struct box_class of = box_class_of(set, c);
            measure_class(&of, &workspace, all.precision + (size_t)c * OF_CLASS,
                          all.recall + (size_t)c * RECALLS_OF_CLASS);
        }
        add_summary(&all, set->classes, metrics);
        add_lists(set, &all, metrics);
    }
    workspace_free(&workspace, memory);
    memory_free(memory, all.recall);
    memory_free(memory, all.precision);
}
