/* SPDX-License-Identifier: MIT */
/* A lesson's function on the engine that networks run on: a graph is built, compiled as a plan, run once. */
#ifndef LEARN_ENGINE_H
#define LEARN_ENGINE_H

#include <fovea/graph.h>

enum { ENGINE_TENSORS = 24 };

struct engine_input {
    fov_shape shape;
    const double *numbers;
};

/** Describes the computation: from `inputs` (float32), `outputs[ENGINE_TENSORS]`; answers how many, below 0 where
 *  fov_gradient or a split failed. Other failures stay with the graph. */
typedef int (*engine_build)(fov_graph *graph, const fov_value *inputs, const void *with, fov_value *outputs);

/** Runs it; the outputs' numbers follow each other in `out`. FOV_OK or a status. */
int engine_run(fov_context *context, const struct engine_input *inputs, int count, engine_build build, const void *with,
               double *out);

#endif
