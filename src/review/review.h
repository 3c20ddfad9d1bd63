/* SPDX-License-Identifier: MIT */
/* A finished run, looked at: its files read, its best model measured once more, sample by sample. run.c puts the page
 * together; curves.c, classes.c, boxes.c and samples.c each write a part of it. */
#ifndef REVIEW_REVIEW_H
#define REVIEW_REVIEW_H

#include "report/page.h"
#include "train/history.h"
#include <fovea/report.h>
#include <jansson.h>

/** A sample that a page may show. */
struct review_sample {
    int64_t index;
    double  loss, probability;
    int     truth, answer;
};

/** Calibration and rankings are made of each sample's scores. */
enum { REVIEW_BINS = 15, REVIEW_RANKED_CLASSES = 6, REVIEW_MOST_SAMPLES = 200 };

struct review {
    fov_context *context;
    struct memory *memory;
    const char *directory;
    struct history history;
    json_t *config, *words;   /**< config.json; args.json, or NULL */
    fov_model *model;         /**< best.onnx, else last.onnx; NULL: neither is there */
    fov_dataset *data;        /**< NULL: not found, or not wanted */
    char why[600];            /**< why nothing was measured; "" where something was */
    fov_report report;        /**< count 0: nothing was measured */

    struct review_sample *worst; /**< [worst_count], the greatest loss first */
    int worst_count, worst_room;
    double bin_right[REVIEW_BINS], bin_sum[REVIEW_BINS], bin_count[REVIEW_BINS]; /**< by probability of the answer */
    float   *ranked;          /**< [report.count][ranked_classes]: the class's probability; NULL: not kept */
    int32_t *truths;          /**< [report.count] */
    int      ranked_classes;
    int64_t  ranked_count, ranked_room;
};

/** Reads the folder's files; E_INPUT. The caller closes, after failures too. */
int  review_open(struct review *review, fov_context *context, const char *directory);
void review_close(struct review *review);
/** Measures the model; what stands in the way is in .why. Fails for memory. */
int review_measure(struct review *review, const fov_run_report_options *options);

/** A setting as text, "" where the run has none of that name. */
const char *review_setting(const struct review *review, const char *name, char out[512]);
/** A figure as people read it. */
const char *review_figure(const fov_task_figure *figure, char out[64]);

void review_curves(struct text *html, const struct review *const *reviews, int count);
void review_classes(struct text *html, const struct review *review);
/** Of a detector: average precision of each class, precision over recall. Nothing of others. */
void review_boxes(struct text *html, const struct review *review);
int  review_samples(struct text *html, struct review *review);

#endif
