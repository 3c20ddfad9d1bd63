/* SPDX-License-Identifier: MIT */
/* How well scores rank: areas under two curves, from the order of the scores alone. */
#ifndef METRIC_RANKING_H
#define METRIC_RANKING_H

#include <stdbool.h>
#include <stdint.h>

/** A score and whether it belongs to a positive. */
struct ranked {
    double score;
    bool   positive;
};

/** Sorts by falling score, for the two below. */
void ranking_sort(struct ranked *items, int64_t count);
/** Area under the ROC curve: the share of pairs (positive, negative) whose positive has the larger score, equal scores
 *  counting one half (Hanley & McNeil 1982). Undefined (NaN) without positives or without negatives. Sorted. */
double ranking_roc_area(const struct ranked *items, int64_t count);
/** Average precision: sum over distinct scores, falling, of (R_n - R_n-1) P_n; equal scores are one step, nothing is
 *  interpolated. Undefined without positives. Sorted. */
double ranking_average_precision(const struct ranked *items, int64_t count);

#endif
