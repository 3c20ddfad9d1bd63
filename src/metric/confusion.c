/* SPDX-License-Identifier: MIT */
/* Precision, recall and F1 from a confusion matrix. */
#include "metric/confusion.h"
#include "metric/figures.h"

struct class_counts confusion_class(const double *confusion, int classes, int index)
{
    struct class_counts counts = {.hits = (int64_t)confusion[(int64_t)index * classes + index]};

    for (int64_t other = 0; other < classes; other++) {
        counts.support   += (int64_t)confusion[(int64_t)index * classes + other];
        counts.predicted += (int64_t)confusion[other * classes + index];
    }
    counts.precision = ratio_or_zero((double)counts.hits, (double)counts.predicted);
    counts.recall    = ratio_or_zero((double)counts.hits, (double)counts.support);
    counts.f1        = f1_score(counts.precision, counts.recall);
    return counts;
}
