/* SPDX-License-Identifier: MIT */
/* Computes a lesson's function with the library's own engine: builds a graph, compiles it into a plan, runs it once. */
#ifndef LEARN_ENGINE_H
#define LEARN_ENGINE_H

#include <fovea/graph.h>

enum { ENGINE_TENSORS = 24 };

struct engine_input {
    fov_shape shape;
    const double *numbers;
};

/** Builds the computation from `inputs` (float32) into `outputs[ENGINE_TENSORS]`; returns how many outputs there are,
 *  below 0 where a call that returns a status (fov_gradient, say) failed. Other failures make fov_plan_create fail. */
typedef int (*engine_build)(fov_graph *graph, const fov_value *inputs, const void *with, fov_value *outputs);

/** Builds, compiles and runs the computation on `inputs`; writes the numbers of all outputs to `out`, one output after
 *  the other. FOV_OK or a status. */
int engine_run(fov_context *context, const struct engine_input *inputs, int count, engine_build build, const void *with,
               double *out);

#endif
