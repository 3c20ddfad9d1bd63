/* SPDX-License-Identifier: MIT */
/* Boxes around objects: their overlap, suppression of overlapping detections, letterboxing. All in double and on plain
 * arrays, so that boxes from any program can be used, not only those of this library's models. Boxes are x1, y1, x2, y2
 * in pixels, continuous: pixel k spans k to k + 1. Next: metrics.h (fov_metrics_boxes, how good detections are). */
#ifndef FOVEA_BOXES_H
#define FOVEA_BOXES_H

#include <fovea/context.h>
#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A measure of how far two boxes agree. i and u are the areas of intersection and union, C the area of the smallest
 *  box around both, c its diagonal, d the distance of the centres; a division by 0 gives 0. */
typedef enum fov_overlap {
    FOV_OVERLAP_IOU,  /**< i / u */
    FOV_OVERLAP_GIOU, /**< IoU - (C - u) / C (Rezatofighi et al. 2019) */
    FOV_OVERLAP_DIOU, /**< IoU - d^2 / c^2 (Zheng et al. 2020) */
    FOV_OVERLAP_CIOU  /**< DIoU - a v, v = 4 / pi^2 (atan(wb / hb) - atan(wa / ha))^2, a = v / (1 - IoU + v)
                           (the same) */
} fov_overlap;

FOV_API double fov_box_overlap(fov_overlap kind, const double a[4], const double b[4]);

/** What happens to a detection that overlaps one of a higher score. */
typedef enum fov_suppression {
    FOV_SUPPRESS_HARD,    /**< it is removed, where IoU > .overlap */
    FOV_SUPPRESS_LINEAR,  /**< its score is multiplied by 1 - IoU, where IoU >= .overlap (Bodla et al. 2017) */
    FOV_SUPPRESS_GAUSSIAN /**< its score is multiplied by exp(-IoU^2 / .sigma) (the same) */
} fov_suppression;

typedef struct fov_suppress_options {
    fov_suppression kind;
    double overlap; /**< HARD, LINEAR: the threshold; 0 means 0: any overlap counts */
    double sigma;   /**< GAUSSIAN; 0 means 0.5 */
    double least;   /**< LINEAR, GAUSSIAN: boxes whose score falls below this are removed */
    bool agnostic;  /**< false; true: boxes of different classes suppress each other, too */
    int64_t most;   /**< at most this many boxes are kept; 0: all */
} fov_suppress_options;

/** Non-maximum suppression. boxes [count][4], scores [count], classes [count] (NULL: all of one class). Writes to kept
 *  [count] the indices of the boxes that are kept, by falling score, of equal scores the lower index first; to
 *  final_scores [count] (or NULL) their scores afterwards. Returns how many are kept; -1 and a sentence on the context:
 *  E_MEMORY, E_USAGE (a box, score or option that is not finite). `options` NULL: hard, class by class, at 0.65. */
FOV_API int64_t fov_boxes_suppress(fov_context *context, int64_t count, const double *boxes, const double *scores,
                                   const int32_t *classes, const fov_suppress_options *options, int64_t *kept,
                                   double *final_scores);

/** A picture scaled into an area without distortion: one scale for both axes, and borders that fill the rest. */
typedef struct fov_letterbox {
    double scale;                 /**< pixels of the area per pixel of the picture; 0: a size was below 1 */
    int width, height;            /**< of the resized picture */
    int left, top, right, bottom; /**< widths of the borders */
} fov_letterbox;

/** `centred`: equal borders on either side, and sizes rounded; else borders at right and bottom only, and sizes rounded
 *  down (in integers, since floor(v x (S / L)) in floating point is one pixel too small now and then). */
FOV_API fov_letterbox fov_letterbox_of(int width, int height, int target_width, int target_height, bool centred);
/** A point of the picture, in pixels, to a point of the area; fov_letterbox_back: the inverse, (0, 0) where the scale
 *  is 0. */
FOV_API void fov_letterbox_map(const fov_letterbox *letterbox, const double point[2], double mapped[2]);
FOV_API void fov_letterbox_back(const fov_letterbox *letterbox, const double mapped[2], double point[2]);

/** Makes another tool's detector usable: converts the model's outputs to one output of boxes. `detector` names the
 *  format of its outputs: "yolox", "yolov5", "yolov8", "darknet", "yolox-decoded" (one output), "ssd" (offsets to
 *  default boxes, and scores whose first class is the background), "raw" (corners x1, y1, x2, y2 in pixels or as
 *  fractions of the input, and scores), "kept" (the results of a suppression in the network: corners, scores, classes).
 *  NULL: the format is inferred from the shapes and the last layers; a model without boxes is then left as it is.
 *  Several outputs are joined by nodes added to the same graph. `said` [size] receives a sentence on what was
 *  recognised, "" where nothing was. E_USAGE: no such detector; E_SHAPE, E_UNSUPPORTED: the outputs do not have this
 *  format. */
FOV_API FOV_MUST_CHECK int fov_model_read_boxes(fov_model *model, const char *detector, char *said, size_t size);
/** Appends suppression to a detector's graph: its output becomes [N, most, 6], x1, y1, x2, y2 in the input's pixels,
 *  score and class, best first, then rows of 0. In ONNX it is written as NonMaxSuppression and the nodes that make
 *  these rows of its result, for any runtime; when fovea reads the file, it takes boxes and scores from before the
 *  suppression. `options` NULL: hard, at 0.65, scores above 0.25; .most 0: 300. E_UNSUPPORTED: a kind other than hard,
 *  .agnostic, or an output that is no detector's. */
FOV_API FOV_MUST_CHECK int fov_model_add_suppression(fov_model *model, const fov_suppress_options *options);

#ifdef __cplusplus
}
#endif
#endif
