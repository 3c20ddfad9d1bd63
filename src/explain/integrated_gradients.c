/* SPDX-License-Identifier: MIT */
/* Integrated gradients: the gradient of the score, averaged along the straight path from a baseline to the picture,
 * times the difference of the two. The numbers add up to what the score gained (completeness), which says whether there
 * were enough points. Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", ICML 2017, equations 1 and 3.
 * The average is the trapezoid rule's over equal parts; the parts are halved until the sum is right, and earlier points
 * are used again. */
#include "explain/explain.h"
#include <math.h>
#include <string.h>

enum { FIRST_STEPS = 32, MOST_STEPS = 1024 };
static const double good_enough = 0.005; /* of the difference of the two scores */

/* Equally spaced points of the path, as fractions of it. */
struct points {
    double first, apart;
    int count;
};

/* Adds `weight` times the gradients at these points to `sum`. */
static int walk(struct explain_job *job, struct points points, double weight, double *sum)
{
    fov_explainer *e = job->explainer;
    fov_plan *plan = explain_plan(e, true, EXPLAIN_BATCH);
    int status = plan != NULL ? FOV_OK : (int)job->error->status;
    int rows = plan != NULL ? explain_rows(e, plan) : 1;
    for (int done = 0; done < points.count && status == FOV_OK; done += rows) {
        int take = points.count - done < rows ? points.count - done : rows;
        for (int row = 0; row < take; row++) {
            float *in = explain_input(e, plan, row);
            double share = points.first + (done + row) * points.apart;
            for (size_t i = 0; i < e->pixels; i++) {
                double from = (double)job->baseline[i];
                in[i] = (float)(from + ((double)e->input[i] - from) * share);
            }
        }
        status = explain_run(e, plan, take, job->error);
        for (int row = 0; row < take && status == FOV_OK; row++) {
            const float *slope = explain_row(plan, e->input_gradient, row);
            for (size_t i = 0; i < e->pixels; i++) {
                sum[i] += weight * (double)slope[i];
            }
        }
        job->result->runs += take;
    }
    return status;
}

/* Computes the attributions; returns by how much their sum misses the score's gain. */
static double finish(const struct explain_job *job, int steps, const double *sum, float *values)
{
    const fov_explainer *e = job->explainer;
    double total = 0.0;
    for (size_t i = 0; i < e->pixels; i++) {
        double part = ((double)e->input[i] - (double)job->baseline[i]) * sum[i] / steps;
        values[i] = (float)part;
        total += part;
    }
    return fabs(total - (e->score - job->result->baseline));
}

static int integrate(struct explain_job *job, double *sum, float *values)
{
    const fov_explainer *e = job->explainer;
    bool doubles = job->options->steps <= 0;
    int steps = doubles ? FIRST_STEPS : job->options->steps;
    int status = walk(job, (struct points){0.0, 1.0, 2}, 0.5, sum);
    status = status == FOV_OK ? walk(job, (struct points){1.0 / steps, 1.0 / steps, steps - 1}, 1.0, sum) : status;
    while (status == FOV_OK) {
        double missed = finish(job, steps, sum, values), gain = fabs(e->score - job->result->baseline);
        job->result->steps = steps;
        if (!doubles || steps >= MOST_STEPS || missed <= good_enough * gain) {
            break;
        }
        status = walk(job, (struct points){0.5 / steps, 1.0 / steps, steps}, 1.0, sum); /* the parts' midpoints */
        steps *= 2;
    }
    return status;
}

static int run(struct explain_job *job)
{
    fov_explainer *e = job->explainer;
    struct memory *memory = e->model->context->memory;
    int status = explain_baseline(job, &job->result->baseline);
    double *sum = memory_allocate(memory, e->pixels, sizeof *sum, "integrated gradients", job->error);
    float *values = memory_allocate(memory, e->pixels, sizeof *values, "integrated gradients", job->error);
    status = status == FOV_OK ? (int)job->error->status : status;
    status = status == FOV_OK ? integrate(job, sum, values) : status;
    if (status == FOV_OK) {
        explain_to_plain(e, values, job->result->values);
    }
    memory_free(memory, sum);
    memory_free(memory, values);
    return status;
}

const struct explain_method explain_integrated_gradients = {
    .text = {.name = "integrated_gradients",
             .title = "Integrated gradients",
             .summary =
                 "each number's part in what the score gained on the way from an empty picture; the parts add up "
                 "to the gain",
             .source = "Sundararajan, Taly and Yan, Axiomatic attribution for deep networks, ICML 2017"},
    .per_number = true,
    .run = run,
};
