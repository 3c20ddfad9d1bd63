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
    int           rank;          /**< 0: a number; 1: a list of `columns`; 2: a matrix of `rows` x `columns` */
    int64_t       rows, columns; /**< 1 where there is no such dimension */
    const double *values;        /**< [rows][columns]; NaN: undefined; infinite: PSNR of equal pictures */
    bool          whole;         /**< counts of samples or pixels */
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

#ifdef __cplusplus
}
#endif
#endif
