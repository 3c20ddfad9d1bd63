/* SPDX-License-Identifier: MIT */
/* Optimisers: how a parameter is renewed from its gradient. An optimiser is an operator that states a rate of its own
 * (op.standard_rate): its folder in src/op is all there is to add. Its options, by which it is called
 * ("rmsprop:alpha=0.9:momentum=0.9"), are the operator's; so an update is a node like any other, and a training step is
 * one plan. Next: op/optimiser.h, which most of them are made with. */
#ifndef TRAIN_OPTIMIZER_H
#define TRAIN_OPTIMIZER_H

#include "graph/graph.h"

enum { OPTIMIZER_TEXT_SIZE = 512 };

/** An optimiser with its options. */
struct optimizer {
    const struct op *op;
    _Alignas(16) unsigned char options[OP_MAX_OPTIONS];
};

size_t      optimizer_count(void);
const char *optimizer_name_at(const void *list, size_t index); /**< in order of name; `list` is not looked at */

/** NAME with its defaults; E_USAGE naming the nearest one. `name` may go on with ":OPTION=VALUE...", which is not read
 *  yet. */
int optimizer_find(struct optimizer *optimizer, const char *name, struct error *error);
/** Sets one option; E_USAGE where it has none of that name, or the value is out of its limits. */
int optimizer_set(struct optimizer *optimizer, const char *option, double value, struct error *error);
/** A number or a flag of its options; `otherwise` where it has none of that name. */
double optimizer_get(const struct optimizer *optimizer, const char *option, double otherwise);
/** Sets what stands behind the name in "NAME:OPTION=VALUE:OPTION=VALUE". */
int optimizer_set_all(struct optimizer *optimizer, const char *text, struct error *error);
/** The name with all options, as the above read it. */
void optimizer_text(const struct optimizer *optimizer, char text[OPTIMIZER_TEXT_SIZE]);

/** One parameter's update, to be written as nodes. */
struct optimizer_update {
    fov_graph *graph;
    fov_value parameter, gradient;
    fov_value learning_rate; /**< f32 scalar */
    fov_value step;          /**< f32 scalar: 1 at the first update */
};
/** Adds what is remembered ("optimizer.PARAMETER.STATE", zeros) and the node that renews it and the parameter, and
 *  assigns both. Failures are sticky on the graph. Answers the parameter's new value. */
fov_value optimizer_add(const struct optimizer *optimizer, const struct optimizer_update *update);

#endif
