/* SPDX-License-Identifier: MIT */
/* The list of figures that a kind of metric fills. Next: classes.c, labels.c, values.c, masks.c, pictures.c, boxes.c (a
 * kind each), ranking.h (areas under curves), docs/metrics.md (the definitions). */
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
        fov_figure figure; /**< .values belong to the list */
    } at[MOST_FIGURES];
};

/** An empty list; NULL and an error where the context has failed already or memory is short. */
fov_metrics *figures_create(fov_context *context);
/** `metrics`, or NULL (and it is freed) where the context has an error by now. */
fov_metrics *figures_finish(fov_metrics *metrics);

/** Adds a list or matrix of zeros, to fill; NULL after a failure. `rows` 0: a list. `whole`: counts. */
double *figures_add(fov_metrics *metrics, const char *name, int64_t rows, int64_t columns, bool whole);
/** Adds a list of matrices, whose sizes are small enough to be multiplied. */
double *figures_add_layers(fov_metrics *metrics, const char *name, int64_t layers, int64_t rows, int64_t columns);
/** Adds a number. */
void figures_number(fov_metrics *metrics, const char *name, double value);
void figures_whole(fov_metrics *metrics, const char *name, int64_t value);

/** Working memory for `count` doubles, freed by the caller; NULL and an error when it cannot be had. */
double *figures_room(const fov_metrics *metrics, int64_t count);

/** What fov_metrics_masks gives, from pixels that are counted already: counts [classes (true)][classes (answered)]. */
fov_metrics *figures_of_masks(fov_context *context, int classes, const int64_t *counts);

/** 0 where the divisor is 0. */
double ratio_or_zero(double part, double whole);
/** Not a number, "undefined", where the divisor is 0. */
double ratio_or_undefined(double part, double whole);
/** Mean of those that are defined; undefined where none is. */
double mean_of_defined(const double *values, int64_t count);
/** 2 p r / (p + r), 0 where both are 0. */
double f1_score(double precision, double recall);

#endif
