/* SPDX-License-Identifier: MIT */
/* Precision, recall and F1 of each class, from a confusion matrix. */
#ifndef METRIC_CONFUSION_H
#define METRIC_CONFUSION_H

#include <stdint.h>

/** Counts and metrics of one class. 0 / 0 counts as 0: a class that was never predicted, or has no samples. */
struct class_counts {
    int64_t hits, predicted, support; /**< support: samples of the class */
    double  precision, recall, f1;
};
/** confusion [classes (true)][classes (predicted)] */
struct class_counts confusion_class(const double *confusion, int classes, int index);

#endif
