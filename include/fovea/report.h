/* SPDX-License-Identifier: MIT */
/* The report of a training run: a single HTML page with curves, figures, confusion matrix, calibration, and the samples
 * that the model got most wrong. It needs neither server nor script nor network. */
#ifndef FOVEA_REPORT_H
#define FOVEA_REPORT_H

#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fov_run_report_options {
    /** The data to evaluate the run's best model on; NULL: the run's own validation data by its args.json and
     *  config.json, where it can still be found; "none": nothing is evaluated, the page shows what the run's files
     *  contain. */
    const char *data;
    fov_split   split; /**< FOV_TRAIN (0) means FOV_VALIDATION: a model should not be evaluated on its training data */
    const fov_dataset_options *held_back; /**< how .data, where it is given, is split; NULL: as the run split it */
    int         samples; /**< 24: how many of the worst samples are shown; -1: none */
} fov_run_report_options;

/** Writes the page of a run folder (history.csv, config.json, best.onnx). `options` may be NULL. E_INPUT: no run
 *  folder, or its files cannot be read. Where the evaluation is not possible (missing data, say), the page says so. */
FOV_API FOV_MUST_CHECK int fov_run_report(fov_context *context, const char *directory, const char *html,
                                          const fov_run_report_options *options);
/** Writes a page that puts 2 to 6 runs side by side: their curves in one chart each, their last figures, and the
 *  settings in which they differ. */
FOV_API FOV_MUST_CHECK int fov_run_comparison(fov_context *context, const char *const *directories, int count,
                                              const char *html);

#ifdef __cplusplus
}
#endif
#endif
