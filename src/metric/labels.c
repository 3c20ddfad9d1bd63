/* SPDX-License-Identifier: MIT */
/* Metrics of multi-label classification: each label is an independent binary decision, positive where its score reaches
 * the threshold. A sample that has neither true nor predicted labels scores 0, not 1. */
#include "metric/figures.h"
#include "metric/ranking.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum measure { PRECISION, RECALL, F1, JACCARD, MEASURES };
static const char *const measure_names[] = {"precision", "recall", "f1", "jaccard"};

struct labels {
    int64_t        count;
    int            labels;
    const int32_t *truth;
    const double  *scores;
    double         threshold;
};

/* True and false positives, false and true negatives. */
struct counts {
    double tp, fp, fn, tn;
};

static int check(const struct labels *l, struct error *error)
{
    if (l->count < 1 || l->labels < 1 || !l->truth || !l->scores) {
        return error_set(error, FOV_E_USAGE, "metrics of labels: %" PRId64 " samples of %d labels%s", l->count,
                         l->labels, l->truth && l->scores ? "" : ", and no truth or no scores");
    }
    for (int64_t i = 0; i < l->count * l->labels; i++) {
        if (l->truth[i] != 0 && l->truth[i] != 1) {
            return error_set(error, FOV_E_USAGE,
                             "metrics: the truth of sample %" PRId64 ", label %" PRId64 " is %" PRId32 ", not 0 or 1",
                             i / l->labels, i % l->labels, l->truth[i]);
        }
        if (!isfinite(l->scores[i])) {
            return error_set(error, FOV_E_NUMERIC,
                             "metrics: the score of sample %" PRId64 " for label %" PRId64 " is not finite",
                             i / l->labels, i % l->labels);
        }
    }
    return FOV_OK;
}

static void count_cell(const struct labels *l, int64_t cell, struct counts *counts)
{
    bool yes = l->scores[cell] >= l->threshold, truth = l->truth[cell] == 1;

    counts->tp += yes && truth;
    counts->fp += yes && !truth;
    counts->fn += !yes && truth;
    counts->tn += !yes && !truth;
}

static double measure(const struct counts *c, enum measure which)
{
    switch (which) {
    case PRECISION:
        return ratio_or_zero(c->tp, c->tp + c->fp);
    case RECALL:
        return ratio_or_zero(c->tp, c->tp + c->fn);
    case F1:
        return ratio_or_zero(2.0 * c->tp, 2.0 * c->tp + c->fp + c->fn);
    default:
        return ratio_or_zero(c->tp, c->tp + c->fp + c->fn);
    }
}

static void add_group(fov_metrics *metrics, const char *group, const double sums[MEASURES], double weight)
{
    char name[FIGURE_NAME_SIZE];

    for (int m = 0; m < MEASURES; m++) {
        snprintf(name, sizeof name, "%s.%s", group, measure_names[m]);
        figures_number(metrics, name, ratio_or_zero(sums[m], weight));
    }
}

/* Averages over samples: of the figures of each sample, and of whether all of its labels are right. */
static void measure_samples(fov_metrics *metrics, const struct labels *l)
{
    double sums[MEASURES] = {0}, whole = 0.0, wrong = 0.0;

    for (int64_t i = 0; i < l->count; i++) {
        struct counts of = {0};

        for (int64_t k = 0; k < l->labels; k++) {
            count_cell(l, i * l->labels + k, &of);
        }
        for (int m = 0; m < MEASURES; m++) {
            sums[m] += measure(&of, (enum measure)m);
        }
        whole += of.fp + of.fn == 0.0;
        wrong += of.fp + of.fn;
    }
    figures_number(metrics, "subset_accuracy", whole / (double)l->count);
    figures_number(metrics, "hamming_loss", wrong / ((double)l->count * (double)l->labels));
    add_group(metrics, "samples", sums, (double)l->count);
}

static void measure_each_label(fov_metrics *metrics, const struct labels *l)
{
    static const char *const count_names[] = {"counts.tp", "counts.fp", "counts.fn", "counts.tn"};
    double  plain[MEASURES] = {0}, weighted[MEASURES] = {0}, all[MEASURES], support_sum = 0.0;
    double *per[MEASURES], *counts[4], *support = figures_add(metrics, "per_label.support", 0, l->labels, true);
    struct counts together = {0};
    char          name[FIGURE_NAME_SIZE];

    for (int m = 0; m < MEASURES; m++) {
        snprintf(name, sizeof name, "per_label.%s", measure_names[m]);
        per[m] = figures_add(metrics, name, 0, l->labels, false);
    }
    for (int k = 0; k < 4; k++) {
        counts[k] = figures_add(metrics, count_names[k], 0, l->labels, true);
    }
    if (metrics->context->error.status) {
        return;
    }
    for (int k = 0; k < l->labels; k++) {
        struct counts of = {0};

        for (int64_t i = 0; i < l->count; i++) {
            count_cell(l, i * l->labels + k, &of);
        }
        counts[0][k] = of.tp, counts[1][k] = of.fp, counts[2][k] = of.fn, counts[3][k] = of.tn;
        together.tp += of.tp, together.fp += of.fp, together.fn += of.fn;
        support[k]   = of.tp + of.fn;
        support_sum += support[k];
        for (int m = 0; m < MEASURES; m++) {
            per[m][k]    = measure(&of, (enum measure)m);
            plain[m]    += per[m][k];
            weighted[m] += per[m][k] * support[k];
        }
    }
    for (int m = 0; m < MEASURES; m++) {
        all[m] = measure(&together, (enum measure)m);
    }
    add_group(metrics, "micro", all, 1.0);
    add_group(metrics, "macro", plain, l->labels);
    add_group(metrics, "weighted", weighted, support_sum);
}

static void measure_ranking(fov_metrics *metrics, const struct labels *l)
{
    struct memory *memory = metrics->context->memory;
    struct error  *error = &metrics->context->error;
    double        *area = figures_add(metrics, "roc_auc_per_label", 0, l->labels, false);
    double        *average = figures_add(metrics, "average_precision_per_label", 0, l->labels, false);
    int64_t        cells = l->count * l->labels;
    struct ranked *items = memory_allocate(memory, (size_t)cells, sizeof *items, "scores in order", error);

    if (error->status) {
        memory_free(memory, items);
        return;
    }
    for (int k = 0; k < l->labels; k++) {
        for (int64_t i = 0; i < l->count; i++) {
            items[i] = (struct ranked){l->scores[i * l->labels + k], l->truth[i * l->labels + k] == 1};
        }
        ranking_sort(items, l->count);
        area[k]    = ranking_roc_area(items, l->count);
        average[k] = ranking_average_precision(items, l->count);
    }
    for (int64_t i = 0; i < cells; i++) {
        items[i] = (struct ranked){l->scores[i], l->truth[i] == 1};
    }
    ranking_sort(items, cells);
    figures_number(metrics, "roc_auc_macro_defined", mean_of_defined(area, l->labels));
    figures_number(metrics, "roc_auc_micro", ranking_roc_area(items, cells));
    figures_number(metrics, "average_precision_macro_defined", mean_of_defined(average, l->labels));
    figures_number(metrics, "average_precision_micro", ranking_average_precision(items, cells));
    memory_free(memory, items);
}

fov_metrics *fov_metrics_labels(fov_context *context, int64_t count, int labels, const int32_t *truth,
                                const double *scores, double threshold)
{
    if (context == NULL) {
        return NULL;
    }
    call_fresh(context);
    if (truth == NULL || scores == NULL) {
        call_refuse(context, "fov_metrics_labels: truth or scores is NULL");
        return NULL;
    }
    struct labels l       = {count, labels, truth, scores, threshold};
    fov_metrics  *metrics = figures_create(context);

    if (metrics && check(&l, &context->error) == FOV_OK) {
        measure_samples(metrics, &l);
        measure_each_label(metrics, &l);
        measure_ranking(metrics, &l);
    }
    return figures_finish(metrics);
}
