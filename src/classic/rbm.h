/* SPDX-License-Identifier: MIT */
/* Internals of a restricted Boltzmann machine. Its maps are in rbm.c, its training in rbm_train.c, exact quantities in
 * rbm_exact.c, stacks of it in dbn.c. */
#ifndef CLASSIC_RBM_H
#define CLASSIC_RBM_H

#include "device/context.h"
#include <fovea/classic.h>
#include <fovea/operators.h>
#include <fovea/plan.h>

struct fov_rbm {
    fov_context *context;
    int visible, hidden;
    float *weight;       /* [hidden][visible] */
    float *visible_bias; /* [visible] */
    float *hidden_bias;  /* [hidden] */
};

/** Adds nodes to a graph: upwards sigmoid(x weight^T + bias), downwards sigmoid(x weight + bias). */
fov_value rbm_up(fov_graph *graph, fov_value visible, fov_value weight, fov_value bias);
fov_value rbm_down(fov_graph *graph, fov_value hidden, fov_value weight, fov_value bias);

/** Copies the machine's numbers into parameters of a graph, and back. */
struct rbm_parameters {
    fov_value weight, visible_bias, hidden_bias;
};
int rbm_to_graph(const struct fov_rbm *rbm, fov_graph *graph, struct rbm_parameters *parameters);
int rbm_from_graph(struct fov_rbm *rbm, fov_graph *graph, const struct rbm_parameters *parameters);

#endif
