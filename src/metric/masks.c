/* SPDX-License-Identifier: MIT */
/* Metrics of segmentation, a class for each pixel. Counts are summed over all pictures before they are divided, so that
 * each pixel has the same weight. Figures of classes that occur neither in the truth nor in the answers are undefined
 * and left out of means. */
#include "metric/confusion.h"
#include "metric/figures.h"

#include <inttypes.h>
#include <math.h>

static int fill_confusion(double *confusion, int64_t pixels, int classes, const int32_t *truth, const int32_t *answers,
                          int ignore, struct error *error)
{
    for (int64_t i = 0; i < pixels; i++) {
        bool outside = truth[i] < 0 || truth[i] >= classes;

        if (ignore >= 0 && truth[i] == ignore) {
            continue;
        }
        if (outside || answers[i] < 0 || answers[i] >= classes) {
            return error_set(error, FOV_E_USAGE,
                             "metrics: the %s of pixel %" PRId64 " is class %" PRId32 ", there are %d",
                             outside ? "truth" : "answer", i, outside ? truth[i] : answers[i], classes);
        }
        confusion[(int64_t)truth[i] * classes + answers[i]]++;
    }
    return FOV_OK;
}

static void measure(fov_metrics *metrics, const double *confusion, int classes)
{
    double *iou  = figures_add(metrics, "iou_per_class", 0, classes, false);
    double *dice = figures_add(metrics, "dice_per_class", 0, classes, false);
    double  hits = 0.0, pixels = 0.0, recalls = 0.0, there = 0.0;

    if (!dice) {
        return;
    }
    for (int c = 0; c < classes; c++) {
        struct class_counts of = confusion_class(confusion, classes, c);
        double              either = (double)(of.support + of.predicted);

        iou[c]   = ratio_or_undefined((double)of.hits, either - (double)of.hits);
        dice[c]  = ratio_or_undefined(2.0 * (double)of.hits, either);
        hits    += (double)of.hits;
        pixels  += (double)of.support;
        recalls += of.support ? of.recall : 0.0;
        there   += of.support ? 1.0 : 0.0;
    }
    figures_number(metrics, "mean_iou", mean_of_defined(iou, classes));
    figures_number(metrics, "mean_dice", mean_of_defined(dice, classes));
    figures_number(metrics, "pixel_accuracy", ratio_or_undefined(hits, pixels));
    figures_number(metrics, "mean_class_accuracy", ratio_or_undefined(recalls, there));
    figures_whole(metrics, "pixels", (int64_t)pixels);
}

fov_metrics *figures_of_masks(fov_context *context, int classes, const int64_t *counts)
{
    fov_metrics *metrics   = figures_create(context);
    double      *confusion = metrics ? figures_add(metrics, "confusion", classes, classes, true) : NULL;

    for (int64_t i = 0; confusion && i < (int64_t)classes * classes; i++) {
        confusion[i] = (double)counts[i];
    }
    if (confusion) {
        measure(metrics, confusion, classes);
    }
    return figures_finish(metrics);
}

fov_metrics *fov_metrics_masks(fov_context *context, int64_t pixels, int classes, const int32_t *truth,
                               const int32_t *answers, int ignore)
{
    if (context == NULL) {
        return NULL;
    }
    call_fresh(context);
    if (truth == NULL || answers == NULL) {
        call_refuse(context, "fov_metrics_masks: truth or answers is NULL");
        return NULL;
    }
    fov_metrics *metrics   = figures_create(context);
    bool         usable    = pixels >= 1 && classes >= 1 && truth && answers;
    double      *confusion = metrics && usable ? figures_add(metrics, "confusion", classes, classes, true) : NULL;

    if (metrics && !usable) {
        error_set(&context->error, FOV_E_USAGE, "metrics of masks: %" PRId64 " pixels of %d classes%s", pixels, classes,
                  truth && answers ? "" : ", and no truth or no answers");
    }
    if (confusion && !fill_confusion(confusion, pixels, classes, truth, answers, ignore, &context->error)) {
        measure(metrics, confusion, classes);
    }
    return figures_finish(metrics);
}
