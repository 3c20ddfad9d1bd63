/* SPDX-License-Identifier: MIT */
/* Values that are known while shapes are worked out: small constants, and whatever follows from them and from shapes.
 * This is how the Shape - Gather - Concat - Reshape glue of exporters disappears: it is computed while shapes are
 * inferred and never runs. */
#ifndef GRAPH_KNOWN_H
#define GRAPH_KNOWN_H

#include "graph/graph.h"

/** Where shapes and known values are kept: in the graph itself while it is built, in arrays of their own for a plan. */
struct known {
    fov_graph       *graph;
    const fov_shape *shapes; /**< per value; NULL: the values' own, with the batch open */
    double         **values; /**< per value; NULL: the values' own. Owned by whoever made the array */
};

/** A value's elements if they are known, else NULL. E_MEMORY is left on the context. */
const double *known_values(const struct known *known, int id);

/** The same for an input that decides a shape (op_port.values): up to a million elements, computed now if need be. */
const double *known_required(const struct known *known, int id);

/** Computes a node's results by its definition if all it needs is known; call it after their shapes are there.
 *  0, or E_MEMORY. */
int known_fold(const struct known *known, const struct node *node);

/** In shapes.c: the concrete shapes of one node's results, from those of its inputs, and what is known of them. */
int graph_infer_node(const struct known *known, const struct node *node, fov_shape *shapes);

void known_free(fov_graph *graph, double **values, size_t count);

#endif
