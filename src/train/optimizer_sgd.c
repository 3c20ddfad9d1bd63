/* SPDX-License-Identifier: MIT */
/* Stochastic gradient descent (Robbins, Monro 1951) with momentum (Polyak 1964) or Nesterov's form of it; the
 * arithmetic is op/sgd. */
#include "train/optimizer.h"

static const char *const *sgd_state(const struct optimizer_options *options)
{
    static const char *const names[] = {"velocity", NULL};
    return options->momentum != 0.0 ? names : names + 1; /* without momentum nothing is remembered */
}

static void sgd_update(const struct optimizer_update *u)
{
    const fov_value in[] = {u->parameter, u->gradient, u->state[0], u->learning_rate};
    const struct optimizer_number numbers[] = {{"momentum", u->options->momentum},
                                               {"weight_decay", u->options->weight_decay},
                                               {"nesterov", (double)u->options->nesterov}};
    fov_value renewed = optimizer_node(u->graph, "sgd", in, 4, numbers, 3);
    if (renewed.id != 0) {
        fov_assign(u->graph, u->parameter, renewed);
    }
    if (renewed.id != 0 && u->state[0].id != 0) {
        fov_assign(u->graph, u->state[0], op_emit_output(fov_graph_emitter(u->graph), renewed, 1));
    }
}

const struct optimizer optimizer_sgd = {
    .name = "sgd",
    .standard_lr = 0.01f,
    .state = sgd_state,
    .update = sgd_update,
};
