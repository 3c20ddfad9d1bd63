/* SPDX-License-Identifier: MIT */
/* Constant folding while shapes are inferred: the elements of small constants, and of whatever follows from constants
 * and shapes. This is how the Shape - Gather - Concat - Reshape glue of exporters disappears: it is computed during
 * shape inference and never runs. */
#ifndef GRAPH_CONSTANT_FOLD_H
#define GRAPH_CONSTANT_FOLD_H

#include "graph/graph.h"

/** Where shapes and known values are kept: in the graph itself while it is built, in separate arrays for a plan. */
struct constant_folding {
    fov_graph       *graph;
    const fov_shape *shapes; /**< per value; NULL: the values' own, with the batch open */
    double         **values; /**< per value; NULL: the values' own. The array's owner frees the elements, too */
};

/** A value's elements if they are known, else NULL. Only small constants are converted. May leave E_MEMORY on the
 *  context. */
const double *constant_fold_values(const struct constant_folding *folding, int id);

/** The same for an input that decides a shape (op_port.values): up to a million elements, computed now if necessary. */
const double *constant_fold_required(const struct constant_folding *folding, int id);

/** Computes a node's results by its textbook twin if all inputs are known; call it after their shapes are inferred.
 *  0, or E_MEMORY. */
int constant_fold_node(const struct constant_folding *folding, const struct node *node);

/** In shapes.c: fills the concrete shapes of one node's results from those of its inputs, and folds it if it can. */
int graph_infer_node(const struct constant_folding *folding, const struct node *node, fov_shape *shapes);

/** Frees the elements and the array; accepts NULL. */
void constant_fold_free(fov_graph *graph, double **values, size_t count);

#endif
