/* SPDX-License-Identifier: MIT */
/* How well scores rank positives above negatives: areas under two curves, which depend on the order of the scores
 * only. */
#ifndef METRIC_RANKING_H
#define METRIC_RANKING_H

#include <stdbool.h>
#include <stdint.h>

/** The score of a sample, and whether the sample is a positive. */
struct ranked {
    double score;
    bool   positive;
};

/** Sorts by descending score, as the two functions below need it. */
void ranking_sort(struct ranked *items, int64_t count);
/** Area under the ROC curve: the share of pairs (positive, negative) whose positive has the larger score, equal scores
 *  counting one half (Hanley & McNeil 1982). NaN without positives or without negatives. `items` are sorted. */
double ranking_roc_area(const struct ranked *items, int64_t count);
/** Average precision: the sum over distinct scores, descending, of (R_n - R_n-1) P_n; equal scores are one step,
 *  nothing is interpolated. NaN without positives. `items` are sorted. */
double ranking_average_precision(const struct ranked *items, int64_t count);

#endif
