/* SPDX-License-Identifier: MIT */
/* What holds for which parameter: rates and decays by name ("features.*=0.1x, fc.*=0.05"), in some epochs only where
 * that is said ("features.*=0.1x@4-": from the fourth on; "stem.*=1x@1-3"), and what is not decayed. Two words stand
 * among the patterns: norms-and-biases, and head, the last layer. */
#ifndef TRAIN_GROUPS_H
#define TRAIN_GROUPS_H

#include "graph/graph.h"
#include "train/options.h"

/** What one parameter gets. */
struct group {
    double rate;         /**< its learning rate is the step's times this */
    struct group_epochs {
        int first, last; /**< from 1; outside of them the rate is 0. last 0: without an end; first 0: in all */
    } epochs;
    double weight_decay; /**< negative: the optimiser's own */
};

/** Checks the lists of `settings` against the names of the `count` parameters: E_USAGE where one is no list, or a
 *  pattern fits none of them. */
int groups_check(const struct train_settings *settings, const fov_graph *graph, const fov_value *parameters, int count,
                 struct error *error);
/** Of patterns that fit the last one counts. */
struct group groups_of(const struct train_settings *settings, const fov_graph *graph, fov_value parameter);

#endif
