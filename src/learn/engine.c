/* SPDX-License-Identifier: MIT */
/* Doubles in, float32 through the engine, doubles out. */
#include "learn/engine.h"

#include <fovea/plan.h>

static void fill(fov_plan *plan, fov_value value, const double *numbers)
{
    float *data = fov_plan_data(plan, value);
    size_t count = fov_plan_bytes(plan, value) / sizeof *data;
    for (size_t i = 0; i < count && data != NULL; i++) {
        data[i] = (float)numbers[i];
    }
}

static size_t take(fov_plan *plan, fov_value value, double *out)
{
    const float *data = fov_plan_data(plan, value);
    size_t count = fov_plan_bytes(plan, value) / sizeof *data;
    for (size_t i = 0; i < count && data != NULL; i++) {
        out[i] = (double)data[i];
    }
    return count;
}

int engine_run(fov_context *context, const struct engine_input *inputs, int count, engine_build build, const void *with,
               double *out)
{
    fov_value in[ENGINE_TENSORS], outputs[ENGINE_TENSORS];
    static const char *const names[ENGINE_TENSORS] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    fov_graph *graph = fov_graph_create(context);
    if (graph == NULL) {
        return fov_error_status(context);
    }
    for (int i = 0; i < count; i++) {
        in[i] = fov_input_opt(graph, &(fov_input_options){.name = names[i], .shape = inputs[i].shape});
    }
    int made = build(graph, in, with, outputs);
    fov_plan *plan = made > 0 ? fov_plan_create(graph, outputs, made, NULL) : NULL;
    if (plan != NULL) {
        for (int i = 0; i < count; i++) {
            fill(plan, in[i], inputs[i].numbers);
        }
    }
    int status = plan != NULL ? fov_plan_run(plan, 0) : (int)fov_error_status(context);
    for (int i = 0; status == FOV_OK && i < made; i++) {
        out += take(plan, outputs[i], out);
    }
    fov_plan_free(plan);
    fov_graph_free(graph);
    return status;
}
