/* SPDX-License-Identifier: MIT */
/* A report on a finished training run: its files are read, and its best model is evaluated once more, sample by sample.
 * run.c assembles the page; curves.c, classes.c, boxes.c and samples.c each write a part of it. */
#ifndef REVIEW_REVIEW_H
#define REVIEW_REVIEW_H

#include "report/page.h"
#include "train/history.h"
#include <fovea/report.h>
#include <jansson.h>

/** A sample that the page may show. */
struct review_sample {
    int64_t index;
    double  loss, probability;
    int     truth, answer;
};

/** Bins of the calibration; classes whose scores are kept for ranking curves; most samples that are shown. */
enum { REVIEW_BINS = 15, REVIEW_RANKED_CLASSES = 6, REVIEW_MOST_SAMPLES = 200 };

struct review {
    fov_context *context;
    struct memory *memory;
    const char *directory;
    struct history history;
    json_t *config, *words;   /**< config.json; args.json, or NULL */
    fov_model *model;         /**< best.onnx, else last.onnx; NULL: neither is there */
    fov_dataset *data;        /**< NULL: not found, or not wanted */
    char why[600];            /**< why the model was not evaluated; "" where it was */
    fov_report report;        /**< count 0: the model was not evaluated */

    struct review_sample *worst; /**< [worst_count], the greatest loss first */
    int worst_count, worst_capacity;
    double bin_right[REVIEW_BINS], bin_sum[REVIEW_BINS], bin_count[REVIEW_BINS]; /**< by probability of the answer */
    float   *ranked;          /**< [report.count][ranked_classes]: the class's probability; NULL: not kept */
    int32_t *truths;          /**< [report.count] */
    int      ranked_classes;
    int64_t  ranked_count, ranked_capacity;
};

/** Reads the folder's files. E_IO, E_INPUT: no run's folder, or a malformed file. Call review_close afterwards, also
 *  after a failure. */
int  review_open(struct review *review, fov_context *context, const char *directory);
void review_close(struct review *review);
/** Evaluates the model on the run's data. Fails for lack of memory only; .why describes any other obstacle. */
int review_measure(struct review *review, const fov_run_report_options *options);

/** A setting as text, "" where the run has none of that name. */
const char *review_setting(const struct review *review, const char *name, char out[512]);
/** A figure as text: a share in per cent, another number with 4 digits. */
const char *review_figure(const fov_task_figure *figure, char out[64]);

void review_curves(struct text *html, const struct review *const *reviews, int count);
void review_classes(struct text *html, const struct review *review);
/** For a detector: average precision of each class, confusions, precision by recall. For other tasks nothing. */
void review_boxes(struct text *html, const struct review *review);
int  review_samples(struct text *html, struct review *review);

#endif
