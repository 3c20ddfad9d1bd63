/* SPDX-License-Identifier: MIT */
/* Similarity of two pictures: mean squared error, peak signal-to-noise ratio, and structural similarity (Wang, Bovik,
 * Sheikh & Simoncelli, "Image quality assessment: from error visibility to structural similarity", 2004). The latter
 * uses means, variances and covariance in a Gaussian window of 11 x 11 pixels and averages over all windows that lie
 * within the picture, and over channels. */
#include "metric/pictures.h"
#include "metric/figures.h"

#include <math.h>

enum { RADIUS = 5, WINDOW = 2 * RADIUS + 1, MOMENTS = 5 };

static void fill_window(double weight[WINDOW])
{
    const double sigma = 1.5;
    double       sum = 0.0;

    for (int t = -RADIUS; t <= RADIUS; t++) {
        sum += weight[t + RADIUS] = exp(-t * t / (2.0 * sigma * sigma));
    }
    for (int t = 0; t < WINDOW; t++) {
        weight[t] /= sum;
    }
}

/* The terms at a pixel that a window averages: a, b, a^2, b^2, ab. */
static void moments_at(const struct picture_pair *p, int64_t y, int64_t x, int64_t channel, double moment[MOMENTS])
{
    int64_t at = (y * p->width + x) * p->channels + channel;
    double  a = p->a[at], b = p->b[at];

    moment[0] = a, moment[1] = b, moment[2] = a * a, moment[3] = b * b, moment[4] = a * b;
}

/* Weighted averages, down each column, of the terms in WINDOW rows from `top` on: [width][MOMENTS]. */
static void average_rows(const struct picture_pair *p, const double weight[WINDOW], int64_t top, int64_t channel,
                         double *row)
{
    for (int64_t x = 0; x < p->width; x++) {
        double *sum = row + x * MOMENTS;

        for (int k = 0; k < MOMENTS; k++) {
            sum[k] = 0.0;
        }
        for (int64_t t = 0; t < WINDOW; t++) {
            double moment[MOMENTS];

            moments_at(p, top + t, x, channel, moment);
            for (int k = 0; k < MOMENTS; k++) {
                sum[k] += weight[t] * moment[k];
            }
        }
    }
}

/* `normal` is the factor of the variances: 1, or n / (n - 1) for sample variances. */
static double similarity(const double m[MOMENTS], double range, double normal)
{
    double c1 = 0.01 * range * (0.01 * range), c2 = 0.03 * range * (0.03 * range);
    double variance_a = normal * (m[2] - m[0] * m[0]), variance_b = normal * (m[3] - m[1] * m[1]);
    double covariance = normal * (m[4] - m[0] * m[1]);

    return (2.0 * m[0] * m[1] + c1) * (2.0 * covariance + c2) /
           ((m[0] * m[0] + m[1] * m[1] + c1) * (variance_a + variance_b + c2));
}

/* Adds the similarity of each whole window whose first row is `top`, with both kinds of variance. */
static void add_windows(const struct picture_pair *p, const double weight[WINDOW], const double *row, double sum[2])
{
    const double sample = (double)(WINDOW * WINDOW) / (WINDOW * WINDOW - 1);

    for (int64_t left = 0; left + WINDOW <= p->width; left++) {
        double m[MOMENTS] = {0};

        for (int64_t t = 0; t < WINDOW; t++) {
            for (int k = 0; k < MOMENTS; k++) {
                m[k] += weight[t] * row[(left + t) * MOMENTS + k];
            }
        }
        sum[0] += similarity(m, p->range, 1.0);
        sum[1] += similarity(m, p->range, sample);
    }
}

int64_t pictures_workspace(const struct picture_pair *pair)
{
    return pair->width * MOMENTS;
}

void pictures_similarity(const struct picture_pair *p, double *workspace, double ssim[2])
{
    double weight[WINDOW], sum[2] = {0};
    double windows = p->height < WINDOW || p->width < WINDOW
                         ? 0.0
                         : (double)(p->height - WINDOW + 1) * (double)(p->width - WINDOW + 1) * (double)p->channels;

    fill_window(weight);
    for (int64_t channel = 0; channel < p->channels; channel++) {
        for (int64_t top = 0; top + WINDOW <= p->height; top++) {
            average_rows(p, weight, top, channel, workspace);
            add_windows(p, weight, workspace, sum);
        }
    }
    ssim[0] = ratio_or_undefined(sum[0], windows);
    ssim[1] = ratio_or_undefined(sum[1], windows);
}

static void measure_structure(fov_metrics *metrics, const struct picture_pair *p)
{
    double ssim[2], *workspace = figures_workspace(metrics, pictures_workspace(p));

    if (!workspace) {
        return;
    }
    pictures_similarity(p, workspace, ssim);
    memory_free(metrics->context->memory, workspace);
    figures_number(metrics, "ssim", ssim[0]);
    figures_number(metrics, "ssim_sample_covariance", ssim[1]);
}

static int check(const struct picture_pair *p, struct error *error)
{
    size_t count;

    if (p->height < 1 || p->width < 1 || p->channels < 1 || !p->a || !p->b || !(p->range > 0.0) ||
        !isfinite(p->range) || !size_multiply((size_t)p->height, (size_t)p->width, &count) ||
        !size_multiply(count, (size_t)p->channels, &count)) {
        return error_set(error, FOV_E_USAGE, "metrics of pictures: %lld x %lld pixels, %lld channels, range %g%s",
                         (long long)p->height, (long long)p->width, (long long)p->channels, p->range,
                         p->a && p->b ? "" : ", and one of the two is missing");
    }
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(p->a[i]) || !isfinite(p->b[i])) {
            return error_set(error, FOV_E_NUMERIC, "metrics: value %zu of the %s picture is not finite", i,
                             isfinite(p->a[i]) ? "second" : "first");
        }
    }
    return FOV_OK;
}

double pictures_square_error(const struct picture_pair *p)
{
    int64_t count = p->height * p->width * p->channels;
    double  square = 0.0;

    for (int64_t i = 0; i < count; i++) {
        square += (p->a[i] - p->b[i]) * (p->a[i] - p->b[i]);
    }
    return square / (double)count;
}

double pictures_psnr(double square_error, double range)
{
    return square_error > 0.0 ? 10.0 * log10(range * range / square_error) : (double)INFINITY;
}

static void measure_error(fov_metrics *metrics, const struct picture_pair *p)
{
    double square = pictures_square_error(p);

    figures_number(metrics, "mse", square);
    figures_number(metrics, "psnr", pictures_psnr(square, p->range));
}

fov_metrics *fov_metrics_pictures(fov_context *context, int height, int width, int channels, const double *a,
                                  const double *b, double range)
{
    if (context == NULL) {
        return NULL;
    }
    call_fresh(context);
    if (a == NULL || b == NULL) {
        call_refuse(context, "fov_metrics_pictures: a or b is NULL");
        return NULL;
    }
    struct picture_pair p       = {height, width, channels, a, b, range};
    fov_metrics    *metrics = figures_create(context);

    if (metrics && check(&p, &context->error) == FOV_OK) {
        measure_error(metrics, &p);
        measure_structure(metrics, &p);
    }
    return figures_finish(metrics);
}
