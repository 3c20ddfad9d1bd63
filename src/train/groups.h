/* SPDX-License-Identifier: MIT */
/* Learning rates and weight decays of parameters by name ("features.*=0.1x, fc.*=0.05"), optionally in some epochs only
 * ("features.*=0.1x@4-": from the fourth on; "stem.*=1x@1-3"), and parameters without decay. Besides patterns there are
 * two words: norms-and-biases, and head, the last layer. */
#ifndef TRAIN_GROUPS_H
#define TRAIN_GROUPS_H

#include "graph/graph.h"
#include "train/options.h"

/** The settings of one parameter. */
struct group {
    double rate;         /**< factor of the step's learning rate */
    struct group_epochs {
        int first, last; /**< from 1; in other epochs the rate is 0. last 0: no last one; first 0: all epochs */
    } epochs;
    double weight_decay; /**< negative: the optimiser's own */
};

/** Checks the lists in `settings` against the names of the `count` parameters. E_USAGE: a list is malformed, or a
 *  pattern matches none of them. */
int groups_check(const struct train_settings *settings, const fov_graph *graph, const fov_value *parameters, int count,
                 struct error *error);
/** The settings of `parameter`; if several patterns match, the last one counts. */
struct group groups_of(const struct train_settings *settings, const fov_graph *graph, fov_value parameter);

#endif
