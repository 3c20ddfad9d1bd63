/* SPDX-License-Identifier: MIT */
/* Boxes around objects: how far two overlap, which of many detections stay, how a picture is laid into a square. All of
 * it in double and on plain arrays, so that any program's boxes can be treated, not only those of a model here. Boxes are
 * x1, y1, x2, y2 in pixels, continuous: pixel k spans k to k + 1. Next: metrics.h (fov_metrics_boxes, what detections
 * are worth). */
#ifndef FOVEA_BOXES_H
#define FOVEA_BOXES_H

#include <fovea/context.h>
#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How far two boxes agree. With i and u the areas of intersection and union, C the area of the smallest box around
 *  both, c its diagonal, d the distance of the centres; every 0 / 0 is 0. */
typedef enum fov_overlap {
    FOV_OVERLAP_IOU,  /**< i / u */
    FOV_OVERLAP_GIOU, /**< IoU - (C - u) / C (Rezatofighi et al. 2019) */
    FOV_OVERLAP_DIOU, /**< IoU - d^2 / c^2 (Zheng et al. 2020) */
    FOV_OVERLAP_CIOU /**< DIoU - a v, v = 4 / pi^2 (atan(wb / hb) - atan(wa / ha))^2, a = v / (1 - IoU + v) (the same) */
} fov_overlap;

FOV_API double fov_box_overlap(fov_overlap kind, const double a[4], const double b[4]);

/** What becomes of a detection that overlaps a better one. */
typedef enum fov_suppression {
    FOV_SUPPRESS_HARD,    /**< it goes, where IoU > .overlap */
    FOV_SUPPRESS_LINEAR,  /**< its score is multiplied by 1 - IoU, where IoU >= .overlap (Bodla et al. 2017) */
    FOV_SUPPRESS_GAUSSIAN /**< its score is multiplied by exp(-IoU^2 / .sigma) (the same) */
} fov_suppression;

typedef struct fov_suppress_options {
    fov_suppression kind;
    double overlap; /**< HARD, LINEAR: the threshold; 0 means 0: any overlap counts */
    double sigma;   /**< GAUSSIAN; 0: 0.5 */
    double least;   /**< LINEAR, GAUSSIAN: ends below this score */
    bool agnostic;  /**< boxes of different classes meet, too */
    int64_t most;   /**< so many stay at most; 0: all */
} fov_suppress_options;

/** Non-maximum suppression. boxes [count][4], scores [count], classes [count] (NULL: one class). kept [count] receives
 *  the places of those that stay, by falling score, equal ones by place; final (or NULL) [count] their scores afterwards.
 *  Answers how many stay; -1 and a sentence on the context: E_MEMORY, E_USAGE (a number, of an option too, that is not
 *  finite). `options` NULL: hard, class by class, at 0.65. */
FOV_API int64_t fov_boxes_suppress(fov_context *context, int64_t count, const double *boxes, const double *scores,
                                   const int32_t *classes, const fov_suppress_options *options, int64_t *kept,
                                   double *final_scores);

/** A picture laid into an area without distortion: the scale of its longer side for both axes, filled up around it. */
typedef struct fov_letterbox {
    double scale;                 /**< pixels of the area for one of the picture */
    int width, height;            /**< of the resized picture */
    int left, top, right, bottom; /**< filled up with one colour */
} fov_letterbox;

/** `centred`: as much on either side, and sizes rounded; else all at right and bottom, and sizes rounded down (in whole
 *  numbers, where floor(v x (S / L)) in floating point would give one pixel less now and then). */
FOV_API fov_letterbox fov_letterbox_of(int width, int height, int target_width, int target_height, bool centred);
FOV_API void fov_letterbox_map(const fov_letterbox *letterbox, const double point[2], double mapped[2]);
FOV_API void fov_letterbox_back(const fov_letterbox *letterbox, const double mapped[2], double point[2]);

/** Boxes from another tool's detector. `detector` says whose rows the model gives: "yolox", "yolov5", "yolov8", "darknet",
 *  "yolox-decoded" (one output), "ssd" (offsets to default boxes, and scores whose first class is "nothing"), "raw" (corners
 *  x1, y1, x2, y2 in the input's pixels or in parts of it, and scores), "kept" (what a suppression in the network has
 *  left: corners, scores, classes). NULL: what the shapes and the last layers tell; a model that gives no boxes then stays
 *  as it is. Several outputs become one, at the end of the same graph. `said` [size] receives what was taken for what, ""
 *  where nothing was. E_USAGE: no such detector; E_SHAPE, E_UNSUPPORTED: the outputs are not its. */
FOV_API FOV_MUST_CHECK int fov_model_read_boxes(fov_model *model, const char *detector, char *said, size_t size);
/** Puts suppression at the end of a detector's graph: its output becomes [N, most, 6], x1, y1, x2, y2 in the input's
 *  pixels, score and class, best first, then rows of 0. In ONNX it is NonMaxSuppression, with what makes such rows of it
 *  for any runtime; read again, the file's boxes and scores are taken from before it. `options` NULL: hard, at 0.65, above
 *  a score of 0.25; `most` 0: 300. E_UNSUPPORTED: another kind, agnostic; the output is no detector's. */
FOV_API FOV_MUST_CHECK int fov_model_add_suppression(fov_model *model, const fov_suppress_options *options);

#ifdef __cplusplus
}
#endif
#endif
