/* SPDX-License-Identifier: MIT */
/* Optimisers: how a parameter is updated from its gradient. An optimiser is an operator that states a default learning
 * rate (op.standard_rate); to add one, add its folder in src/op. Its options ("rmsprop:alpha=0.9:momentum=0.9") are the
 * operator's. An update is thus a node like any other, and a training step is a single plan. Read next: op/optimiser.h,
 * which most of them are built with. */
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
const char *optimizer_name_at(const void *list, size_t index); /**< in order of name; `list` is ignored */

/** Finds NAME and sets its defaults; E_USAGE suggests the nearest name. A rest ":OPTION=VALUE..." of `name` is ignored
 *  here. */
int optimizer_find(struct optimizer *optimizer, const char *name, struct error *error);
/** Sets one option. E_USAGE: the optimiser has none of that name, or the value is out of range. */
int optimizer_set(struct optimizer *optimizer, const char *option, double value, struct error *error);
/** The value of an option (a number or a flag); `otherwise` if the optimiser has none of that name. */
double optimizer_get(const struct optimizer *optimizer, const char *option, double otherwise);
/** Sets the options that follow the name in "NAME:OPTION=VALUE:OPTION=VALUE". */
int optimizer_set_all(struct optimizer *optimizer, const char *text, struct error *error);
/** Writes the name with all options, in the form that optimizer_set_all reads. */
void optimizer_text(const struct optimizer *optimizer, char text[OPTIMIZER_TEXT_SIZE]);

/** The update of one parameter, to be added to a graph. */
struct optimizer_update {
    fov_graph *graph;
    fov_value parameter, gradient;
    fov_value learning_rate; /**< f32 scalar */
    fov_value step;          /**< f32 scalar: 1 at the first update */
};
/** Adds the optimiser's state ("optimizer.PARAMETER.STATE", initially zeros) and the node that computes new values of
 *  the state and the parameter, and assigns both. Failures are sticky on the graph. Returns the parameter's new
 *  value. */
fov_value optimizer_add(const struct optimizer *optimizer, const struct optimizer_update *update);

#endif
