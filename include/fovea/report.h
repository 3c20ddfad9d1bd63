/* SPDX-License-Identifier: MIT */
/* What became of a training run, as one page for people: a single HTML file with curves, figures, confusion, calibration,
 * and the samples that the model got most wrong. It needs neither server nor script nor network to be read. */
#ifndef FOVEA_REPORT_H
#define FOVEA_REPORT_H

#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fov_run_report_options {
    /** The data to measure the run's best model with; NULL: what the run itself was checked with, as args.json and
     *  config.json have it, where it can still be found; "none": nothing is measured, the page tells what the run's files
     *  say. */
    const char *data;
    fov_split   split; /**< FOV_VALIDATION in place of FOV_TRAIN, which no model should be measured with */
    const fov_dataset_options *held_back; /**< of .data, where it is given; NULL: as the run had it */
    int         samples; /**< 24: how many of the worst are shown; -1: none */
} fov_run_report_options;

/** Writes the page of a run folder (history.csv, config.json, best.onnx). `options` may be NULL. E_INPUT: no run folder,
 *  or files of it that cannot be read. What cannot be measured (data that is not there, say) is said on the page. */
FOV_API FOV_MUST_CHECK int fov_run_report(fov_context *context, const char *directory, const char *html,
                                          const fov_run_report_options *options);
/** Writes a page that puts 2 to 6 runs side by side: their curves in one chart each, their last figures, and the settings
 *  in which they differ. */
FOV_API FOV_MUST_CHECK int fov_run_comparison(fov_context *context, const char *const *directories, int count,
                                              const char *html);

#ifdef __cplusplus
}
#endif
#endif
