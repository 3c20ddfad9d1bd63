/* SPDX-License-Identifier: MIT */
/* What a classifier is worth: loss, accuracy, top-5, the confusion matrix, and precision, recall and F1 per class.
 * Everything is counted in integers or summed in double in the order of samples, so it is the same for any batch. */
#ifndef TRAIN_METRICS_H
#define TRAIN_METRICS_H

#include "base/memory.h"
#include <stdint.h>

struct metrics {
    int classes;
    int64_t count, correct, correct5;
    double loss;        /**< sum of -log softmax(logits)[label] */
    int64_t *confusion; /**< [classes (true)][classes (predicted)]; NULL: not wanted */
};

int metrics_create(struct metrics *metrics, int classes, struct memory *memory, struct error *error);
void metrics_free(struct metrics *metrics, struct memory *memory);
void metrics_reset(struct metrics *metrics);
/** logits [count, classes], labels [count] in 0 .. classes - 1. */
void metrics_add(struct metrics *metrics, const float *logits, const int32_t *labels, size_t count);

/** The first of the largest: what the classifier says. */
int metrics_predicted(const float *logits, int classes);

/** Of one class, from a confusion matrix. 0 / 0 is 0: a class never predicted, or never there, has earned nothing. */
struct class_metrics {
    double precision, recall, f1;
    int64_t support; /**< samples of the class */
};
struct class_metrics metrics_of_class(const int64_t *confusion, int classes, int index);

#endif
