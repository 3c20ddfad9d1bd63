/* SPDX-License-Identifier: MIT */
/* Metrics: how well answers agree with the truth. They are computed from arrays, so that answers from any program can
 * be measured, not only those of this library's models; `fovea eval --answers` does it for a file. docs/metrics.md has
 * each definition, with its source and its value where a quotient is 0 / 0. */
#ifndef FOVEA_METRICS_H
#define FOVEA_METRICS_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One figure: a number, a list (one number per class, say) or a matrix. */
typedef struct fov_figure {
    const char   *name;          /**< "accuracy"; of a group: "macro.f1" */
    int           rank;          /**< 0: a number; 1: a list of `columns`; 2: `rows` x `columns`; 3: `layers` of it */
    int64_t       rows, columns; /**< 1 where there is no such dimension */
    const double *values;        /**< [layers][rows][columns]; NaN: undefined; infinite: PSNR of equal pictures */
    bool          whole;         /**< whole numbers: counts of samples or pixels */
    int64_t       layers;        /**< 1 below rank 3 */
} fov_figure;

/** Figures of one set of answers, in the order in which docs/metrics.md explains them. */
typedef struct fov_metrics fov_metrics;

FOV_API int         fov_metrics_count(const fov_metrics *metrics);
FOV_API fov_figure  fov_metrics_at(const fov_metrics *metrics, int index); /**< values belong to `metrics` */
/** A number by its name; NaN where there is none of that name or it is undefined. */
FOV_API double      fov_metrics_number(const fov_metrics *metrics, const char *name);
FOV_API void        fov_metrics_free(fov_metrics *metrics); /**< accepts NULL; call it before freeing the context */

/* On failure the calls below return NULL and leave a sentence on the context: E_USAGE (a NULL array, no samples, a
 * class outside 0 .. classes - 1, a score that is not finite, each with its place), E_MEMORY. */

/** One class of several. truth [count]; scores [count, classes], or NULL where only the answers are known; answers
 *  [count], or NULL: the class of the largest score, of equal scores the lowest class. */
FOV_API fov_metrics *fov_metrics_classes(fov_context *context, int64_t count, int classes, const int32_t *truth,
                                         const double *scores, const int32_t *answers);
/** Any number of labels at once. truth [count, labels] of 0 and 1; scores [count, labels]: a label is answered where
 *  its score is at least `threshold`. */
FOV_API fov_metrics *fov_metrics_labels(fov_context *context, int64_t count, int labels, const int32_t *truth,
                                        const double *scores, double threshold);
/** Numbers. truth and answers [count, outputs]. */
FOV_API fov_metrics *fov_metrics_values(fov_context *context, int64_t count, int outputs, const double *truth,
                                        const double *answers);
/** A class for each pixel, of any number of pictures together. truth and answers [pixels]; pixels whose truth is
 *  `ignore` (usually 255; negative: none) are left out, whatever their answer. */
FOV_API fov_metrics *fov_metrics_masks(fov_context *context, int64_t pixels, int classes, const int32_t *truth,
                                       const int32_t *answers, int ignore);
/** Two pictures [height, width, channels]; `range` is the difference between white and black: 255 or 1. */
FOV_API fov_metrics *fov_metrics_pictures(fov_context *context, int height, int width, int channels, const double *a,
                                          const double *b, double range);

/** A true object: box and area in pixels; `category` is the dataset's number of its class. */
typedef struct fov_object {
    int64_t image, category;
    double  x, y, width, height;
    double  area;      /**< decides its size range (small, medium, large); COCO takes the area of the outline */
    bool    crowd;     /**< COCO: several objects in one box */
    bool    difficult; /**< Pascal VOC: ignored in evaluation, whether it is found or not */
} fov_object;

/** A detected box. */
typedef struct fov_detection {
    int64_t image, category;
    double  x, y, width, height;
    double  score;
} fov_detection;

/** Boxes. categories [classes], each number once; objects and detections of other categories are ignored. Detections of
 *  equal score are taken in the given order, as in COCO's and VOC's programs. E_USAGE: a number that is not finite. */
FOV_API fov_metrics *fov_metrics_boxes(fov_context *context, int classes, const int64_t *categories,
                                       int64_t object_count, const fov_object *objects, int64_t detection_count,
                                       const fov_detection *detections);

#ifdef __cplusplus
}
#endif
#endif
