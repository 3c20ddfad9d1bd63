/* SPDX-License-Identifier: MIT */
/* Grad-CAM: the feature maps of a late layer are summed, each weighted by the mean of the score's gradient over it;
 * negative sums, which speak against the answer, become 0, and the result is enlarged to the picture (equations 1 and
 * 2). Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", ICCV
 * 2017. */
#include "explain/explain.h"
#include <math.h>
#include <string.h>

static int run(struct explain_job *job)
{
    fov_explainer *e = job->explainer;
    struct memory *memory = e->model->context->memory;
    fov_plan *plan = explain_plan(e, true, 1);
    if (plan == NULL) {
        return (int)job->error->status;
    }
    if (e->layer_gradient.id == 0) {
        return error_set(job->error, FOV_E_UNSUPPORTED, "the score does not depend on layer \"%s\"",
                         fov_explainer_layer(e));
    }
    for (int row = 0; row < explain_rows(e, plan); row++) {
        memcpy(explain_input(e, plan, row), e->input, e->pixels * sizeof(float));
    }
    int status = explain_run(e, plan, 1, job->error);
    if (status != FOV_OK) {
        return status;
    }
    fov_shape shape = fov_plan_shape(plan, e->layer);
    size_t channels = (size_t)shape.dim[1], area = (size_t)(shape.dim[2] * shape.dim[3]);
    const float *maps = explain_row(plan, e->layer, 0), *slopes = explain_row(plan, e->layer_gradient, 0);
    double *sum = memory_allocate(memory, area, sizeof *sum, "Grad-CAM", job->error);
    float *small = memory_allocate(memory, area, sizeof *small, "Grad-CAM", job->error);
    for (size_t c = 0; sum != NULL && small != NULL && c < channels; c++) {
        double weight = 0.0;
        for (size_t i = 0; i < area; i++) {
            weight += (double)slopes[c * area + i];
        }
        weight /= (double)area;
        for (size_t i = 0; i < area; i++) {
            sum[i] += weight * (double)maps[c * area + i];
        }
    }
    if (sum != NULL && small != NULL) {
        for (size_t i = 0; i < area; i++) {
            small[i] = (float)fmax(sum[i], 0.0);
        }
        explain_enlarge(small, (int)shape.dim[2], (int)shape.dim[3], job->result->values, e->picture.height,
                        e->picture.width);
    }
    job->result->runs++;
    memory_free(memory, sum);
    memory_free(memory, small);
    return (int)job->error->status;
}

const struct explain_method explain_gradcam = {
    .text = {.name = "gradcam",
             .title = "Grad-CAM",
             .summary = "where a late layer found what raises the score: its feature maps, weighed by their gradients",
             .source = "Selvaraju et al., Grad-CAM, ICCV 2017"},
    .needs_layer = true,
    .run = run,
};
