/* SPDX-License-Identifier: MIT */
/* Optimisers: how a parameter is renewed from its gradient. One file per optimiser holds its descriptor; the arithmetic
 * is an operator (op/sgd, op/adam), so that an update is a node like any other and a training step is one plan. */
#ifndef TRAIN_OPTIMIZER_H
#define TRAIN_OPTIMIZER_H

#include "graph/graph.h"

enum { OPTIMIZER_MAX_STATE = 4 };

/** All numbers any optimiser takes, resolved. */
struct optimizer_options {
    double momentum, weight_decay, beta1, beta2, epsilon;
    bool nesterov;
};

/** One parameter's update, to be written as nodes. */
struct optimizer_update {
    fov_graph *graph;
    const struct optimizer_options *options;
    fov_value parameter, gradient;
    fov_value state[OPTIMIZER_MAX_STATE]; /**< of the parameter's shape, zeros at the beginning */
    fov_value learning_rate;              /**< f32 scalar */
    fov_value step;                       /**< f32 scalar: 1 at the first update */
};

struct optimizer {
    const char *name;  /**< "adam" */
    float standard_lr; /**< what lr 0 means */
    /** Names of what is remembered per parameter with these options; ended by NULL. */
    const char *const *(*state)(const struct optimizer_options *options);
    /** Adds the update's nodes and assigns parameter and state. Failures are sticky on the graph. */
    void (*update)(const struct optimizer_update *update);
};
extern const struct optimizer *const optimizers[];
extern const size_t optimizer_count;
extern const struct optimizer optimizer_sgd, optimizer_adam;

const struct optimizer *optimizer_find(const char *name); /**< NULL when there is none */

/** Adds a node of operator `op` with defaults, then the `count` numbers given by option name; returns its first
 *  output. */
struct optimizer_number {
    const char *name;
    double value;
};
fov_value optimizer_node(fov_graph *graph, const char *op, const fov_value *in, int in_count,
                         const struct optimizer_number *numbers, int count);

#endif
