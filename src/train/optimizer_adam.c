/* SPDX-License-Identifier: MIT */
/* Adam (Kingma, Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1): a step per parameter by the
 * running mean of its gradient over the root of its running square; the arithmetic is op/adam. */
#include "train/optimizer.h"

static const char *const *adam_state(const struct optimizer_options *options)
{
    (void)options;
    static const char *const names[] = {"mean", "square", NULL};
    return names;
}

static void adam_update(const struct optimizer_update *u)
{
    const fov_value in[] = {u->parameter, u->gradient, u->state[0], u->state[1], u->learning_rate, u->step};
    const struct optimizer_number numbers[] = {{"beta1", u->options->beta1},
                                               {"beta2", u->options->beta2},
                                               {"epsilon", u->options->epsilon},
                                               {"weight_decay", u->options->weight_decay}};
    fov_value renewed = optimizer_node(u->graph, "adam", in, 6, numbers, 4);
    if (renewed.id != 0) {
        const struct op_emitter *emitter = fov_graph_emitter(u->graph);
        fov_assign(u->graph, u->parameter, renewed);
        fov_assign(u->graph, u->state[0], op_emit_output(emitter, renewed, 1));
        fov_assign(u->graph, u->state[1], op_emit_output(emitter, renewed, 2));
    }
}

const struct optimizer optimizer_adam = {
    .name = "adam",
    .standard_lr = 0.001f,
    .state = adam_state,
    .update = adam_update,
};
