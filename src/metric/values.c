/* SPDX-License-Identifier: MIT */
/* Metrics of regression: how far answers are from the truth, and how much of its variance they explain. Means are
 * computed in a first pass of their own, so that large values near each other lose no precision. */
#include "metric/figures.h"

#include <inttypes.h>
#include <math.h>

/* One output's sums over all samples. */
struct sums {
    double square, absolute, largest; /* of y - p, truth minus answer; .largest: maximum of |y - p| */
    double variance;                  /* sum of (y - mean)^2 */
};

static struct sums sum_output(int64_t count, int64_t outputs, const double *truth, const double *answers)
{
    struct sums sums = {0};
    double      mean = 0.0;

    for (int64_t i = 0; i < count; i++) {
        mean += truth[i * outputs] / (double)count;
    }
    for (int64_t i = 0; i < count; i++) {
        double difference = truth[i * outputs] - answers[i * outputs], apart = truth[i * outputs] - mean;

        sums.square   += difference * difference;
        sums.absolute += fabs(difference);
        sums.largest   = fmax(sums.largest, fabs(difference));
        sums.variance += apart * apart;
    }
    return sums;
}

static bool is_constant(int64_t count, int64_t outputs, const double *truth)
{
    for (int64_t i = 1; i < count; i++) {
        if (truth[i * outputs] != truth[0]) {
            return false;
        }
    }
    return true;
}

/* R2, 1 - squared error / variance. For a constant truth: 1 where the answers equal it exactly, else 0. NaN for a
 * single sample. */
static double r2(const struct sums *sums, int64_t count, bool constant)
{
    if (count < 2) {
        return (double)NAN;
    }
    return constant ? (sums->square == 0.0 ? 1.0 : 0.0) : 1.0 - sums->square / sums->variance;
}

static int check(int64_t count, int outputs, const double *truth, const double *answers, struct error *error)
{
    if (count < 1 || outputs < 1 || !truth || !answers) {
        return error_set(error, FOV_E_USAGE, "metrics of values: %" PRId64 " samples of %d outputs%s", count, outputs,
                         truth && answers ? "" : ", and no truth or no answers");
    }
    for (int64_t i = 0; i < count * outputs; i++) {
        if (!isfinite(truth[i]) || !isfinite(answers[i])) {
            return error_set(error, FOV_E_NUMERIC, "metrics: the %s of sample %" PRId64 " is not finite",
                             isfinite(truth[i]) ? "answer" : "truth", i / outputs);
        }
    }
    return FOV_OK;
}

static void measure(fov_metrics *metrics, int64_t count, int outputs, const double *truth, const double *answers)
{
    double  square = 0.0, absolute = 0.0, largest = 0.0, roots = 0.0, explained = 0.0, weighted = 0.0, weight = 0.0;
    double *each[3] = {figures_add(metrics, "per_output.mse", 0, outputs, false),
                       figures_add(metrics, "per_output.mae", 0, outputs, false),
                       figures_add(metrics, "per_output.r2", 0, outputs, false)};

    if (!each[2]) {
        return;
    }
    for (int o = 0; o < outputs; o++) {
        struct sums of = sum_output(count, outputs, truth + o, answers + o);
        bool        constant = is_constant(count, outputs, truth + o);
        double      variance = constant ? 0.0 : of.variance;

        each[0][o] = of.square / (double)count;
        each[1][o] = of.absolute / (double)count;
        each[2][o] = r2(&of, count, constant);
        square    += each[0][o] / outputs;
        absolute  += each[1][o] / outputs;
        roots     += sqrt(each[0][o]) / outputs;
        explained += each[2][o] / outputs;
        weighted  += each[2][o] * variance;
        weight    += variance;
        largest    = fmax(largest, of.largest);
    }
    figures_number(metrics, "mse", square);
    figures_number(metrics, "mae", absolute);
    figures_number(metrics, "rmse", sqrt(square));
    figures_number(metrics, "rmse_mean_of_outputs", roots);
    figures_number(metrics, "r2", explained);
    /* Where the truth of all outputs is constant, there is no variance to weight by: 1 if all R2 are 1, else 0. */
    figures_number(metrics, "r2_variance_weighted", weight > 0.0 ? weighted / weight : floor(explained));
    figures_number(metrics, "max_error", largest);
}

fov_metrics *fov_metrics_values(fov_context *context, int64_t count, int outputs, const double *truth,
                                const double *answers)
{
    if (context == NULL) {
        return NULL;
    }
    call_fresh(context);
    if (truth == NULL || answers == NULL) {
        call_refuse(context, "fov_metrics_values: truth or answers is NULL");
        return NULL;
    }
    fov_metrics *metrics = figures_create(context);

    if (metrics && check(count, outputs, truth, answers, &context->error) == FOV_OK) {
        measure(metrics, count, outputs, truth, answers);
    }
    return figures_finish(metrics);
}
