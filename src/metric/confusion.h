/* SPDX-License-Identifier: MIT */
/* What follows from a confusion matrix: precision, recall and F1 of each class. */
#ifndef METRIC_CONFUSION_H
#define METRIC_CONFUSION_H

#include <stdint.h>

/** Of one class. 0 / 0 is 0: a class never predicted, or never there, has earned nothing. */
struct class_counts {
    int64_t hits, predicted, support; /**< support: samples of the class */
    double  precision, recall, f1;
};
/** confusion [classes (true)][classes (predicted)] */
struct class_counts confusion_class(const double *confusion, int classes, int index);

#endif
