/* SPDX-License-Identifier: MIT */
/* Quality of a classifier: loss, accuracy, top-5, the confusion matrix, and precision, recall and F1 per class.
 * Everything is counted in integers or summed in double in the order of samples, so that results do not depend on the
 * batch size. */
#ifndef TASK_CLASS_TALLY_H
#define TASK_CLASS_TALLY_H

#include "model/model.h"
#include <fovea/train.h>
#include <stdint.h>

struct class_tally {
    struct model_scores scores; /**< how to interpret a row of the output */
    int classes;
    int64_t count, correct, correct5;
    double loss;        /**< sum over samples of the cross-entropy; independent scores: of the mean binary one */
    int64_t *confusion; /**< [classes (true)][classes (predicted)]; NULL: not counted, or taken over by a report */
};

/** `confusion`: the confusion matrix is counted, too. */
int class_tally_create(struct class_tally *tally, const struct model_scores *scores, bool confusion,
                       struct memory *memory, struct error *error);
void class_tally_free(struct class_tally *tally, struct memory *memory);
void class_tally_reset(struct class_tally *tally);
/** rows [count, scores.count]: logits, or probabilities where scores.is_probable; labels [count] in
 *  0 .. classes - 1. Returns `count`, or the index of the first sample whose loss is not finite: that sample and the
 *  following ones are not counted. */
size_t class_tally_add(struct class_tally *tally, const float *rows, const int32_t *labels, size_t count);

/** The predicted class: the one with the largest score, among equal scores the first. With a single score for two
 *  classes: the second class from probability 0.5 on. */
int class_predicted(const struct model_scores *scores, const float *row);
/** 1 / (1 + exp(-logit)), without overflow. */
double class_sigmoid(double logit);
/** Converts a row of scores to probabilities [classes]: softmax of logits, or the sigmoid of each independent logit. A
 *  single score for two classes gives the probabilities of both. */
void class_probabilities(const struct model_scores *scores, const float *row, double *probabilities);

/** The probability that a row of scores gives to a class. */
double class_probability(const struct model_scores *scores, const float *row, int label);

/** Metrics of one class, from a confusion matrix. 0 / 0 counts as 0: a class that was never predicted, or has no
 *  samples. */
struct class_metrics {
    double precision, recall, f1;
    int64_t support; /**< samples of the class */
};
struct class_metrics class_metrics_of(const int64_t *confusion, int classes, int index);

/** Fills the report's per-class arrays, and their means over the classes that the data have according to `match`. Takes
 *  ownership of *confusion (and sets it to NULL) where it succeeds. */
int class_report_fill(fov_report *report, int64_t **confusion, int classes, const fov_class_match *match,
                      struct memory *memory, struct error *error);
void class_report_free(fov_report *report); /**< accepts a report without arrays */

#endif
