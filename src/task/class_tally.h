/* SPDX-License-Identifier: MIT */
/* What a classifier is worth: loss, accuracy, top-5, the confusion matrix, and precision, recall and F1 per class.
 * Everything is counted in integers or summed in double in the order of samples, so it is the same for any batch. */
#ifndef TASK_CLASS_TALLY_H
#define TASK_CLASS_TALLY_H

#include "model/model.h"
#include <fovea/train.h>
#include <stdint.h>

struct class_tally {
    struct model_scores scores; /**< how a row is read */
    int classes;
    int64_t count, correct, correct5;
    double loss;        /**< sum of cross-entropies; of independent scores, of the mean binary one over the scores */
    int64_t *confusion; /**< [classes (true)][classes (predicted)]; NULL: not wanted */
};

int class_tally_create(struct class_tally *tally, const struct model_scores *scores, struct memory *memory,
                   struct error *error);
void class_tally_free(struct class_tally *tally, struct memory *memory);
void class_tally_reset(struct class_tally *tally);
/** rows [count, scores.count]: logits, or probabilities where scores.is_probable; labels [count] in
 *  0 .. classes - 1. Returns `count`, or the first sample whose loss is not finite: it and those behind it are not
 *  counted, for no number can be made of them. */
size_t class_tally_add(struct class_tally *tally, const float *rows, const int32_t *labels, size_t count);

/** What the classifier says: the first of the largest; of a single score the second class from one half on. */
int class_predicted(const struct model_scores *scores, const float *row);
/** The row as probabilities [classes]: softmax of logits, a sigmoid for each independent one; of a single score, of
 *  both classes. */
void class_probabilities(const struct model_scores *scores, const float *row, double *probabilities);

/** The probability that a row of scores gives to a class. */
double class_probability(const struct model_scores *scores, const float *row, int label);

/** Of one class, from a confusion matrix. 0 / 0 is 0: a class never predicted, or never there, has earned nothing. */
struct class_metrics {
    double precision, recall, f1;
    int64_t support; /**< samples of the class */
};
struct class_metrics class_metrics_of(const int64_t *confusion, int classes, int index);

/** The report's arrays per class and their means over the classes that `match` says are in the data. Takes over
 *  `confusion` where it succeeds. */
int class_report_fill(fov_report *report, int64_t **confusion, int classes, const fov_class_match *match,
                      struct memory *memory, struct error *error);
void class_report_free(fov_report *report); /**< accepts one without arrays */

#endif
