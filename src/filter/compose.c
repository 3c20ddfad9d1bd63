/* SPDX-License-Identifier: MIT */
/* Filters that are not a single convolution: gradient magnitudes and unsharp masking, composed of other filters; the
 * median, which sorts; and the bilateral filter, whose weights depend on the pixels. */
#include "base/pool.h"
#include "filter/filter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static float *take_values(const struct filter_job *job)
{
    return memory_allocate_raw(job->context->memory, filter_values(job), sizeof(float), "a filtered picture",
                               &job->context->error);
}

/* The gradient's magnitude, sqrt(x^2 + y^2), from the filters of both directions. */
static int magnitude(const struct filter_job *job, const char *across, const char *down)
{
    float *x = take_values(job);
    int    status = x == NULL ? FOV_E_MEMORY : filter_by_name(job, across, x);

    status = status != FOV_OK ? status : filter_by_name(job, down, job->result);
    for (size_t i = 0; status == FOV_OK && i < filter_values(job); i++) {
        double dx = (double)x[i], dy = (double)job->result[i];

        job->result[i] = (float)sqrt(dx * dx + dy * dy);
    }
    memory_free(job->context->memory, x);
    return status;
}

static int sobel_magnitude(const struct filter_job *job)
{
    return magnitude(job, "sobel-x", "sobel-y");
}

static int prewitt_magnitude(const struct filter_job *job)
{
    return magnitude(job, "prewitt-x", "prewitt-y");
}

static int scharr_magnitude(const struct filter_job *job)
{
    return magnitude(job, "scharr-x", "scharr-y");
}

/* Unsharp masking: adds the difference between the picture and its blurred version. */
static int unsharp(const struct filter_job *job)
{
    int status = filter_by_name(job, "gauss-sigma1", job->result);

    for (size_t i = 0; status == FOV_OK && i < filter_values(job); i++) {
        job->result[i] = job->picture[i] + (job->picture[i] - job->result[i]);
    }
    return status;
}

/* ---- by rows, with all threads ----------------------------------------------------------------------------------- */

enum { MOST_SIDE = 15 };

struct rows {
    const struct filter_job *job;
    float (*pixel)(const struct filter_job *job, float *patch, int side);
    int side;
};

static void filter_row(void *context, size_t row, int worker)
{
    const struct rows       *rows = context;
    const struct filter_job *job  = rows->job;
    float                    patch[MOST_SIDE * MOST_SIDE];
    float                   *to = job->result + row * (size_t)job->width * (size_t)job->channels;

    (void)worker;
    for (int x = 0; x < job->width; x++) {
        for (int c = 0; c < job->channels; c++) {
            fov_filter_patch(job->picture, job->height, job->width, job->channels, (int)row, x, c, rows->side,
                             rows->side, job->border, patch);
            *to++ = rows->pixel(job, patch, rows->side);
        }
    }
}

static int by_rows(const struct filter_job *job, int side,
                   float (*pixel)(const struct filter_job *job, float *patch, int side))
{
    struct rows rows = {job, pixel, side};

    pool_run(job->context->pool, filter_row, &rows, (size_t)job->height);
    return FOV_OK;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static float middle(const struct filter_job *job, float *patch, int side)
{
    (void)job;
    qsort(patch, (size_t)(side * side), sizeof *patch, by_value);
    return patch[side * side / 2];
}

static int median(const struct filter_job *job)
{
    return by_rows(job, (int)job->size, middle);
}

enum { BILATERAL_SIDE = 13 };

/* A mean of nearby pixels of similar value, with weights exp(-d^2 / (2 2^2)) exp(-v^2 / (2 30^2)), where d is the
 * distance in pixels and v the difference in levels. */
static float alike(const struct filter_job *job, float *patch, int side)
{
    const double space = 2.0, range = 30.0;
    double       centre = (double)patch[side * side / 2], sum = 0.0, weights = 0.0;

    (void)job;
    for (int i = 0; i < side * side; i++) {
        double y = i / side - side / 2, x = i % side - side / 2, v = (double)patch[i] - centre;
        double weight = exp(-(x * x + y * y) / (2.0 * space * space) - v * v / (2.0 * range * range));

        sum     += weight * (double)patch[i];
        weights += weight;
    }
    return (float)(sum / weights);
}

static int bilateral(const struct filter_job *job)
{
    return by_rows(job, BILATERAL_SIDE, alike);
}

const struct filter filter_compositions[] = {
    {.name = "sobel-magnitude", .summary = "length of the gradient: root of sobel-x^2 + sobel-y^2",
     .apply = sobel_magnitude},
    {.name = "prewitt-magnitude", .summary = "the same of Prewitt's", .apply = prewitt_magnitude},
    {.name = "scharr-magnitude", .summary = "the same of Scharr's", .apply = scharr_magnitude},
    {.name = "unsharp", .summary = "the picture and once more what gauss-sigma1 takes away", .apply = unsharp},
    {.name = "median-", .summary = "the middle one of N x N pixels in order: removes specks, keeps edges",
     .size = "N, pixels, odd, 3 to 15", .minimum = 3, .maximum = MOST_SIDE, .odd = true, .example = "median-3",
     .apply = median},
    {.name = "bilateral", .summary = "mean of near pixels of like brightness (Tomasi & Manduchi 1998)",
     .apply = bilateral},
    {.name = NULL},
};
