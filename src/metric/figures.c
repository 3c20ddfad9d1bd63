/* SPDX-License-Identifier: MIT */
/* The list of figures, and the quotients that all kinds of metrics share. */
#include "metric/figures.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

fov_metrics *figures_create(fov_context *context)
{
    fov_metrics *metrics;

    if (context->error.status) {
        return NULL;
    }
    metrics = memory_allocate(context->memory, 1, sizeof *metrics, "metrics", &context->error);
    if (metrics) {
        metrics->context = context;
    }
    return metrics;
}

fov_metrics *figures_finish(fov_metrics *metrics)
{
    if (metrics && metrics->context->error.status) {
        fov_metrics_free(metrics);
        return NULL;
    }
    return metrics;
}

double *figures_add(fov_metrics *metrics, const char *name, int64_t rows, int64_t columns, bool whole)
{
    struct error *error = &metrics->context->error;
    fov_figure   *figure = &metrics->at[metrics->count].figure;
    size_t        cells;
    double       *values;

    if (error->status) {
        return NULL;
    }
    if (metrics->count == MOST_FIGURES) {
        error_set(error, FOV_E_INTERNAL, "metrics: more than %d figures", MOST_FIGURES);
        return NULL;
    }
    if (!size_multiply((size_t)(rows ? rows : 1), (size_t)columns, &cells)) {
        error_set(error, FOV_E_MEMORY, "metrics: %s of %lld x %lld does not fit memory", name, (long long)rows,
                  (long long)columns);
        return NULL;
    }
    values = memory_allocate(metrics->context->memory, cells, sizeof *values, "metrics", error);
    if (!values) {
        return NULL;
    }
    snprintf(metrics->at[metrics->count].name, FIGURE_NAME_SIZE, "%s", name);
    *figure = (fov_figure){.name    = metrics->at[metrics->count].name,
                           .rank    = rows ? 2 : 1,
                           .rows    = rows ? rows : 1,
                           .columns = columns,
                           .values  = values,
                           .whole   = whole,
                           .layers  = 1};
    metrics->count++;
    return values;
}

double *figures_add_layers(fov_metrics *metrics, const char *name, int64_t layers, int64_t rows, int64_t columns)
{
    double *values = figures_add(metrics, name, layers * rows, columns, false);

    if (values) {
        fov_figure *figure = &metrics->at[metrics->count - 1].figure;
        figure->rank       = 3;
        figure->rows       = rows;
        figure->layers     = layers;
    }
    return values;
}

void figures_number(fov_metrics *metrics, const char *name, double value)
{
    double *at = figures_add(metrics, name, 0, 1, false);

    if (at) {
        *at = value;
        metrics->at[metrics->count - 1].figure.rank = 0;
    }
}

void figures_whole(fov_metrics *metrics, const char *name, int64_t value)
{
    figures_number(metrics, name, (double)value);
    if (metrics->count > 0) {
        metrics->at[metrics->count - 1].figure.whole = true;
    }
}

double *figures_workspace(const fov_metrics *metrics, int64_t count)
{
    return memory_allocate(metrics->context->memory, (size_t)count, sizeof(double), "metrics",
                           &metrics->context->error);
}

/* ---- quotients --------------------------------------------------------------------------------------------------- */

double ratio_or_zero(double part, double whole)
{
    return whole != 0.0 ? part / whole : 0.0;
}

double ratio_or_undefined(double part, double whole)
{
    return whole != 0.0 ? part / whole : (double)NAN;
}

double mean_of_defined(const double *values, int64_t count)
{
    double  sum     = 0.0;
    int64_t defined = 0;

    for (int64_t i = 0; i < count; i++) {
        if (!isnan(values[i])) {
            sum += values[i];
            defined++;
        }
    }
    return ratio_or_undefined(sum, (double)defined);
}

double f1_score(double precision, double recall)
{
    return ratio_or_zero(2.0 * precision * recall, precision + recall);
}

/* ---- public ------------------------------------------------------------------------------------------------------ */

int fov_metrics_count(const fov_metrics *metrics)
{
    if (metrics == NULL) {
        return 0;
    }
    return metrics->count;
}

fov_figure fov_metrics_at(const fov_metrics *metrics, int index)
{
    if (metrics == NULL) {
        return (fov_figure){0};
    }
    return index >= 0 && index < fov_metrics_count(metrics) ? metrics->at[index].figure : (fov_figure){.name = ""};
}

double fov_metrics_number(const fov_metrics *metrics, const char *name)
{
    if (metrics == NULL || name == NULL) {
        return (double)NAN;
    }
    for (int i = 0; i < fov_metrics_count(metrics); i++) {
        if (metrics->at[i].figure.rank == 0 && strcmp(metrics->at[i].name, name) == 0) {
            return *metrics->at[i].figure.values;
        }
    }
    return (double)NAN;
}

void fov_metrics_free(fov_metrics *metrics)
{
    struct memory *memory;

    if (!metrics) {
        return;
    }
    memory = metrics->context->memory;
    for (int i = 0; i < metrics->count; i++) {
        memory_free(memory, (void *)(uintptr_t)metrics->at[i].figure.values);
    }
    memory_free(memory, metrics);
}
