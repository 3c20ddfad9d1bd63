/* SPDX-License-Identifier: MIT */
/* Objects and detections in the order in which they are measured: by class, then picture, then the caller's order. Read
 * next: boxes.c (sorts and calls the others), boxes_coco.c and boxes_voc.c (the two definitions), boxes_confusion.c. */
#ifndef METRIC_BOXES_H
#define METRIC_BOXES_H

#include "metric/figures.h"

/** The objects and detections of one class, sorted by picture number: those of one picture are contiguous. */
struct box_class {
    const fov_object *objects;
    const fov_detection *detections;
    const int64_t *places; /**< index of each detection in the caller's list */
    int64_t object_count, detection_count;
};

struct box_set {
    fov_context *context;
    int classes;
    const int64_t *categories; /**< [classes], ascending */
    fov_object *objects;       /**< sorted */
    fov_detection *detections;
    int64_t *places;                       /**< index of each detection in the caller's list */
    int64_t *object_from, *detection_from; /**< [classes + 1]: where each class begins */
};

struct box_class box_class_of(const struct box_set *set, int class);
/** Advances `picture` to the next picture of a class, whose objects are [.object, .object_end) and detections
 *  [.detection, .detection_end). Zero it before the first call. Returns false after the last picture. */
struct box_picture {
    int64_t image, object, object_end, detection, detection_end;
};
bool box_next_picture(const struct box_class *of, struct box_picture *picture);

/** Adds the figures "coco.*", and "map", "map50", "map75". */
void box_figures_coco(const struct box_set *set, fov_metrics *metrics);
/** Adds the figure "confusion", [classes + 1][classes + 1]: the last row and column are the background. */
void box_figures_confusion(const struct box_set *set, fov_metrics *metrics);
/** Adds the figures "voc.*". */
void box_figures_voc(const struct box_set *set, fov_metrics *metrics);

#endif
