/* SPDX-License-Identifier: MIT */
/* Metrics: what answers are worth beside the truth. They come from arrays, so that any program's answers can be
 * measured, not only those of a model here; `fovea eval --answers` does it for a file. Each definition, with its source
 * and what it gives where a quotient is 0 / 0, stands in docs/metrics.md. */
#ifndef FOVEA_METRICS_H
#define FOVEA_METRICS_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One figure: a number, a list (one number per class, say) or a matrix. */
typedef struct fov_figure {
    const char   *name;          /**< "accuracy"; of a group: "macro.f1" */
    int           rank;          /**< 0: a number; 1: a list of `columns`; 2: `rows` x `columns`; 3: `layers` of those */
    int64_t       rows, columns; /**< 1 where there is no such dimension */
    const double *values;        /**< [layers][rows][columns]; NaN: undefined; infinite: PSNR of equal pictures */
    bool          whole;         /**< counts of samples or pixels */
    int64_t       layers;        /**< 1 below rank 3 */
} fov_figure;

/** Figures of one set of answers, in the order in which docs/metrics.md explains them. */
typedef struct fov_metrics fov_metrics;

FOV_API int         fov_metrics_count(const fov_metrics *metrics);
FOV_API fov_figure  fov_metrics_at(const fov_metrics *metrics, int index); /**< values belong to `metrics` */
/** A number by its name; NaN where there is none of that name or it is undefined. */
FOV_API double      fov_metrics_number(const fov_metrics *metrics, const char *name);
FOV_API void        fov_metrics_free(fov_metrics *metrics); /**< accepts NULL; before the context */

/* The calls below answer NULL and leave a sentence on the context: E_USAGE (a NULL array, no samples, a class outside
 * 0 .. classes - 1, a score that is not finite, each with its place), E_MEMORY. */

/** One class of several. truth [count]; scores [count, classes], or NULL where only the answers are known; answers
 *  [count], or NULL: the class of the largest score, of equal ones the lowest. */
FOV_API fov_metrics *fov_metrics_classes(fov_context *context, int64_t count, int classes, const int32_t *truth,
                                         const double *scores, const int32_t *answers);
/** Any number of labels at once. truth [count, labels] of 0 and 1; scores [count, labels]: yes from `threshold` on. */
FOV_API fov_metrics *fov_metrics_labels(fov_context *context, int64_t count, int labels, const int32_t *truth,
                                        const double *scores, double threshold);
/** Numbers. truth and answers [count, outputs]. */
FOV_API fov_metrics *fov_metrics_values(fov_context *context, int64_t count, int outputs, const double *truth,
                                        const double *answers);
/** A class for each pixel, of any number of pictures together. truth and answers [pixels]; pixels whose truth is
 *  `ignore` (255 mostly; negative: none) do not count, whatever was answered. */
FOV_API fov_metrics *fov_metrics_masks(fov_context *context, int64_t pixels, int classes, const int32_t *truth,
                                       const int32_t *answers, int ignore);
/** Two pictures [height, width, channels]; `range` is the distance of black and white: 255 or 1. */
FOV_API fov_metrics *fov_metrics_pictures(fov_context *context, int height, int width, int channels, const double *a,
                                          const double *b, double range);

/** An object that is there: box and area in pixels, its class by the number that the data gives it. */
typedef struct fov_object {
    int64_t image, category;
    double  x, y, width, height;
    double  area;      /**< decides which range of sizes it belongs to; COCO's is that of the outline */
    bool    crowd;     /**< COCO: several objects in one box */
    bool    difficult; /**< Pascal VOC: not asked for */
} fov_object;

/** A box that was found. */
typedef struct fov_detection {
    int64_t image, category;
    double  x, y, width, height;
    double  score;
} fov_detection;

/** Boxes. categories [classes], no number twice; objects and detections of other categories do not count. Orders
 *  decide between equal scores, as in COCO's and VOC's programs. E_USAGE: a number that is not finite. */
FOV_API fov_metrics *fov_metrics_boxes(fov_context *context, int classes, const int64_t *categories,
                                       int64_t object_count, const fov_object *objects, int64_t detection_count,
                                       const fov_detection *detections);

#ifdef __cplusplus
}
#endif
#endif
