/* SPDX-License-Identifier: MIT */
/* SmoothGrad: the gradient of the score, averaged over copies of the picture with Gaussian noise. Smilkov et al.,
 * "SmoothGrad: removing noise by adding noise", 2017, equation 2. The noise is a function of the context's seed. */
#include "base/random.h"
#include "explain/explain.h"
#include <math.h>

enum { SAMPLES = 32 };
static const float standard_noise = 0.15F; /* of the input's range */

static void add_noise(const struct explain_job *job, int sample, double deviation, float *out)
{
    const fov_explainer *e = job->explainer;
    const struct random_key key = {e->model->context->seed, RANDOM_GENERATE, (uint64_t)sample};
    for (size_t i = 0; i < e->pixels; i++) {
        out[i] = (float)((double)e->input[i] + deviation * random_normal(key, i));
    }
}

static int run(struct explain_job *job)
{
    fov_explainer *e = job->explainer;
    struct memory *memory = e->model->context->memory;
    int samples = job->options->samples > 0 ? job->options->samples : SAMPLES;
    float least = e->input[0], most = e->input[0];
    for (size_t i = 0; i < e->pixels; i++) {
        least = fminf(least, e->input[i]);
        most = fmaxf(most, e->input[i]);
    }
    double deviation =
        (double)(most - least) * (double)(job->options->noise > 0.0F ? job->options->noise : standard_noise);
    fov_plan *plan = explain_plan(e, true, samples);
    double *sum = memory_allocate(memory, e->pixels, sizeof *sum, "SmoothGrad", job->error);
    float *values = memory_allocate(memory, e->pixels, sizeof *values, "SmoothGrad", job->error);
    int status = (int)job->error->status, rows = status == FOV_OK ? explain_rows(e, plan) : 1;
    for (int done = 0; done < samples && status == FOV_OK; done += rows) {
        int take = samples - done < rows ? samples - done : rows;
        for (int row = 0; row < take; row++) {
            add_noise(job, done + row, deviation, explain_input(e, plan, row));
        }
        status = explain_run(e, plan, take, job->error);
        for (int row = 0; row < take && status == FOV_OK; row++) {
            const float *slope = explain_row(plan, e->input_gradient, row);
            for (size_t i = 0; i < e->pixels; i++) {
                sum[i] += (double)slope[i];
            }
        }
    }
    if (status == FOV_OK) {
        for (size_t i = 0; i < e->pixels; i++) {
            values[i] = (float)(sum[i] / samples);
        }
        explain_to_plain(e, values, job->result->values);
    }
    job->result->runs = samples;
    memory_free(memory, sum);
    memory_free(memory, values);
    return status;
}

const struct explain_method explain_smoothgrad = {
    .text = {.name = "smoothgrad",
             .title = "SmoothGrad",
             .summary = "how the score would change with each number, averaged over noisy copies of the picture",
             .source = "Smilkov et al., SmoothGrad, 2017"},
    .per_number = true,
    .run = run,
};
