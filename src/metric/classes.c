/* SPDX-License-Identifier: MIT */
/* Metrics of classification, one class of several: correctness and confidence. Figures that need scores are left out
 * where only the answers are known. Definitions with their sources: docs/metrics.md. */
#include "metric/confusion.h"
#include "metric/figures.h"
#include "metric/ranking.h"

#include <inttypes.h>
#include <float.h>
#include <math.h>
#include <stdio.h>

enum { CALIBRATION_BINS = 15 };
static const int top_k[] = {1, 3, 5};

struct answers {
    int64_t        count;
    int            classes;
    const int32_t *truth;
    const double  *scores;  /* NULL: unknown */
    const int32_t *answers; /* NULL: the largest score's class */
};

static const double *scores_of(const struct answers *a, int64_t sample)
{
    return a->scores + sample * a->classes;
}

/* The class of the largest score, among equal scores the lowest class. */
static int largest(const double *scores, int classes)
{
    int best = 0;

    for (int c = 1; c < classes; c++) {
        best = scores[c] > scores[best] ? c : best;
    }
    return best;
}

static int answer_of(const struct answers *a, int64_t sample)
{
    return a->answers ? a->answers[sample] : largest(scores_of(a, sample), a->classes);
}

static bool is_class(const struct answers *a, int32_t index)
{
    return index >= 0 && index < a->classes;
}

static int check(const struct answers *a, struct error *error)
{
    if (a->count < 1 || a->classes < 1 || !a->truth || (!a->scores && !a->answers)) {
        return error_set(error, FOV_E_USAGE, "metrics of classes: %" PRId64 " samples of %d classes%s", a->count,
                         a->classes,
                         !a->truth                   ? ", and no truth"
                         : !a->scores && !a->answers ? ", and neither scores nor answers"
                                                     : "");
    }
    for (int64_t i = 0; i < a->count; i++) {
        const int32_t *wrong = is_class(a, a->truth[i]) ? NULL : &a->truth[i];

        wrong = !wrong && a->answers && !is_class(a, a->answers[i]) ? &a->answers[i] : wrong;
        if (wrong) {
            return error_set(error, FOV_E_USAGE, "metrics: sample %" PRId64 " has class %" PRId32 ", there are %d", i,
                             *wrong, a->classes);
        }
        for (int c = 0; a->scores && c < a->classes; c++) {
            if (!isfinite(scores_of(a, i)[c])) {
                return error_set(error, FOV_E_NUMERIC,
                                 "metrics: the score of sample %" PRId64 " for class %d is not finite", i, c);
            }
        }
    }
    return FOV_OK;
}

/* ---- from the confusion matrix ----------------------------------------------------------------------------------- */

struct average {
    double precision, recall, f1, weight;
};

static void add_to(struct average *average, const struct class_counts *of, double weight)
{
    average->precision += weight * of->precision;
    average->recall    += weight * of->recall;
    average->f1        += weight * of->f1;
    average->weight    += weight;
}

static void add_average(fov_metrics *metrics, const char *group, const struct average *average)
{
    const double values[] = {average->precision, average->recall, average->f1};
    const char  *names[]  = {"precision", "recall", "f1"};
    char         name[FIGURE_NAME_SIZE];

    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s.%s", group, names[i]);
        figures_number(metrics, name, ratio_or_zero(values[i], average->weight));
    }
}

/* Cohen's kappa: agreement beyond the agreement that the two distributions of classes give by chance (Cohen 1960). */
static double kappa(const double *confusion, const struct answers *a, double accuracy)
{
    double expected = 0.0, count = (double)a->count;

    for (int c = 0; c < a->classes; c++) {
        struct class_counts of = confusion_class(confusion, a->classes, c);

        expected += (double)of.support / count * ((double)of.predicted / count);
    }
    return ratio_or_undefined(accuracy - expected, 1.0 - expected);
}

static void measure_confusion(fov_metrics *metrics, const struct answers *a)
{
    struct average plain = {0}, present = {0}, weighted = {0};
    double         hits = 0.0, recalls = 0.0, there = 0.0;
    double        *confusion = figures_add(metrics, "confusion", a->classes, a->classes, true);
    double        *precision = figures_add(metrics, "per_class.precision", 0, a->classes, false);
    double        *recall    = figures_add(metrics, "per_class.recall", 0, a->classes, false);
    double        *f1        = figures_add(metrics, "per_class.f1", 0, a->classes, false);
    double        *support   = figures_add(metrics, "per_class.support", 0, a->classes, true);

    if (!support) {
        return;
    }
    for (int64_t i = 0; i < a->count; i++) {
        confusion[(int64_t)a->truth[i] * a->classes + answer_of(a, i)]++;
    }
    for (int c = 0; c < a->classes; c++) {
        struct class_counts of = confusion_class(confusion, a->classes, c);

        precision[c] = of.precision;
        recall[c]    = of.recall;
        f1[c]        = of.f1;
        support[c]   = (double)of.support;
        hits        += (double)of.hits;
        add_to(&plain, &of, 1.0);
        add_to(&present, &of, of.support || of.predicted ? 1.0 : 0.0);
        add_to(&weighted, &of, (double)of.support);
        recalls += of.support ? of.recall : 0.0;
        there   += of.support ? 1.0 : 0.0;
    }
    hits /= (double)a->count;
    figures_number(metrics, "accuracy", hits);
    figures_number(metrics, "balanced_accuracy", ratio_or_undefined(recalls, there));
    /* Each sample has one answer, so each false negative of a class is a false positive of another one: micro
     * precision, recall and F1 all equal the accuracy. */
    add_average(metrics, "micro", &(struct average){hits, hits, hits, 1.0});
    add_average(metrics, "macro", &plain);
    add_average(metrics, "macro_over_present", &present);
    add_average(metrics, "weighted", &weighted);
    figures_number(metrics, "cohen_kappa", kappa(confusion, a, hits));
}

/* ---- from the scores --------------------------------------------------------------------------------------------- */

/* Top-k accuracy. Among equal scores the higher class ranks first, as in scikit-learn's top_k_accuracy_score, or, with
 * `lower_first`, the lower one, as where the answer is chosen: then top 1 equals the accuracy. */
static double share_in_top(const struct answers *a, int k, bool lower_first)
{
    int64_t found = 0;

    for (int64_t i = 0; i < a->count; i++) {
        const double *scores = scores_of(a, i);
        int           label  = a->truth[i], ahead = 0;

        for (int c = 0; c < a->classes; c++) {
            bool before = lower_first ? c < label : c > label;

            ahead += scores[c] > scores[label] || (scores[c] == scores[label] && before);
        }
        found += ahead < k;
    }
    return (double)found / (double)a->count;
}

/* The mean of -log p(truth), where p is clipped to [e, 1 - e], e = 2^-52, and then divided by the row's sum. */
static double log_loss(const struct answers *a)
{
    double sum = 0.0;

    for (int64_t i = 0; i < a->count; i++) {
        double whole = 0.0, truth = 0.0;

        for (int c = 0; c < a->classes; c++) {
            double p = fmin(fmax(scores_of(a, i)[c], DBL_EPSILON), 1.0 - DBL_EPSILON);

            whole += p;
            truth  = c == a->truth[i] ? p : truth;
        }
        sum -= log(truth / whole);
    }
    return sum / (double)a->count;
}

/* Expected calibration error: the gap between confidence and accuracy in bins of confidence (Guo, Pleiss, Sun &
 * Weinberger, "On calibration of modern neural networks", 2017). Bin b is (b / 15, (b + 1) / 15]. */
static void measure_calibration(fov_metrics *metrics, const struct answers *a)
{
    double  right[CALIBRATION_BINS] = {0}, confidence[CALIBRATION_BINS] = {0}, error = 0.0;
    double *bins = figures_add(metrics, "ece_bins", 0, CALIBRATION_BINS, true);

    for (int64_t i = 0; bins && i < a->count; i++) {
        int    best = largest(scores_of(a, i), a->classes);
        double sure = scores_of(a, i)[best], place = ceil(sure * CALIBRATION_BINS) - 1.0;
        int    bin  = (int)fmin(fmax(place, 0.0), CALIBRATION_BINS - 1.0);

        bins[bin]++;
        right[bin]      += answer_of(a, i) == a->truth[i];
        confidence[bin] += sure;
    }
    for (int b = 0; bins && b < CALIBRATION_BINS; b++) {
        error += fabs(right[b] - confidence[b]) / (double)a->count;
    }
    figures_number(metrics, "ece_15", error);
}

/* Areas under the ROC and the precision-recall curve of each class against the rest. */
static void measure_ranking(fov_metrics *metrics, const struct answers *a)
{
    struct memory *memory = metrics->context->memory;
    double        *area = figures_add(metrics, "roc_auc_per_class", 0, a->classes, false);
    double        *average = figures_add(metrics, "average_precision_per_class", 0, a->classes, false);
    struct ranked *items =
        memory_allocate(memory, (size_t)a->count, sizeof *items, "scores in order", &metrics->context->error);
    double undefined = 0.0;

    if (!average || !items) {
        memory_free(memory, items);
        return;
    }
    for (int c = 0; c < a->classes; c++) {
        for (int64_t i = 0; i < a->count; i++) {
            items[i] = (struct ranked){scores_of(a, i)[c], a->truth[i] == c};
        }
        ranking_sort(items, a->count);
        area[c]    = ranking_roc_area(items, a->count);
        average[c] = ranking_average_precision(items, a->count);
        undefined += isnan(area[c]) ? 1.0 : 0.0;
    }
    memory_free(memory, items);
    if (a->classes == 2) {
        figures_number(metrics, "roc_auc_binary", area[1]);
        figures_number(metrics, "average_precision_binary", average[1]);
    } else {
        double mean = mean_of_defined(area, a->classes);

        figures_number(metrics, "roc_auc_ovr_macro", undefined > 0.0 ? (double)NAN : mean);
        figures_number(metrics, "roc_auc_ovr_macro_defined", mean);
    }
    figures_number(metrics, "average_precision_macro_defined", mean_of_defined(average, a->classes));
}

static void measure_scores(fov_metrics *metrics, const struct answers *a)
{
    char name[FIGURE_NAME_SIZE];

    for (int lower_first = 0; lower_first < 2; lower_first++) {
        for (size_t k = 0; k < sizeof top_k / sizeof *top_k; k++) {
            snprintf(name, sizeof name, "%s.%d", lower_first ? "top_k_lower_index_first" : "top_k", top_k[k]);
            figures_number(metrics, name, share_in_top(a, top_k[k], lower_first));
        }
    }
    figures_number(metrics, "log_loss", log_loss(a));
    measure_ranking(metrics, a);
    measure_calibration(metrics, a);
}

fov_metrics *fov_metrics_classes(fov_context *context, int64_t count, int classes, const int32_t *truth,
                                 const double *scores, const int32_t *answers)
{
    if (context == NULL) {
        return NULL;
    }
    call_fresh(context);
    if (truth == NULL) {
        call_refuse(context, "fov_metrics_classes: truth is NULL");
        return NULL;
    }
    struct answers a       = {count, classes, truth, scores, answers};
    fov_metrics   *metrics = figures_create(context);

    if (metrics && check(&a, &context->error) == FOV_OK) {
        measure_confusion(metrics, &a);
        if (scores) {
            measure_scores(metrics, &a);
        }
    }
    return figures_finish(metrics);
}
