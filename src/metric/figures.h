/* SPDX-License-Identifier: MIT */
/* The list of figures that each kind of metric fills. Read next: classes.c, labels.c, values.c, masks.c, pictures.c,
 * boxes.c (one kind each), ranking.h (areas under curves), docs/metrics.md (the definitions). */
#ifndef METRIC_FIGURES_H
#define METRIC_FIGURES_H

#include "device/context.h"
#include <fovea/metrics.h>

enum { FIGURE_NAME_SIZE = 64, MOST_FIGURES = 64 };

struct fov_metrics {
    fov_context *context;
    int          count;
    struct {
        char       name[FIGURE_NAME_SIZE];
        fov_figure figure; /**< the list owns .values */
    } at[MOST_FIGURES];
};

/** Creates an empty list; NULL where the context has an error already, or, with an error, where memory is short. */
fov_metrics *figures_create(fov_context *context);
/** Returns `metrics`; where the context has an error by now, frees it and returns NULL. */
fov_metrics *figures_finish(fov_metrics *metrics);

/** Adds a list (`rows` 0) or matrix of zeros and returns it, for the caller to fill; NULL after a failure. `whole`: the
 *  values are counts. */
double *figures_add(fov_metrics *metrics, const char *name, int64_t rows, int64_t columns, bool whole);
/** Adds a list of matrices; layers x rows must not overflow. */
double *figures_add_layers(fov_metrics *metrics, const char *name, int64_t layers, int64_t rows, int64_t columns);
void figures_number(fov_metrics *metrics, const char *name, double value);
void figures_whole(fov_metrics *metrics, const char *name, int64_t value);

/** Allocates a workspace of `count` doubles, which the caller frees; NULL and an error where memory is short. */
double *figures_workspace(const fov_metrics *metrics, int64_t count);

/** The figures of fov_metrics_masks from counts of pixels, [classes (true)][classes (predicted)]. */
fov_metrics *figures_of_masks(fov_context *context, int classes, const int64_t *counts);

/** part / whole; 0 where `whole` is 0. */
double ratio_or_zero(double part, double whole);
/** part / whole; NaN ("undefined") where `whole` is 0. */
double ratio_or_undefined(double part, double whole);
/** Mean of the values that are not NaN; NaN where all are. */
double mean_of_defined(const double *values, int64_t count);
/** 2 p r / (p + r), 0 where both are 0. */
double f1_score(double precision, double recall);

#endif
