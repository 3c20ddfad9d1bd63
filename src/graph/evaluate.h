/* SPDX-License-Identifier: MIT */
/* Evaluating a graph by its definitions, with a visitor that sees each result before another node reads it: for tests
 * that measure how the rounding of one result propagates. Read graph_evaluate in graph/graph.h first. */
#ifndef GRAPH_EVALUATE_H
#define GRAPH_EVALUATE_H

#include "graph/graph.h"

/** Called with each result of a node, in the order of nodes; may change data[], which later nodes read. */
struct graph_visit {
    void (*value)(void *context, int id, const fov_shape *shape, double *data);
    void *context;
};

/** graph_evaluate with a visitor; visit NULL: without. */
int graph_evaluate_visited(fov_graph *graph, const int *outputs, int count, int64_t batch, bool training, uint64_t step,
                           const double *const *given, const struct graph_visit *visit, struct evaluation *result);

#endif
