/* SPDX-License-Identifier: MIT */
/* Copies of a graph, unchanged or with other shapes for some parameters. Nodes of a graph cannot be changed, so a
 * change needs a copy, in which all shapes are inferred again. */
#ifndef GRAPH_COPY_H
#define GRAPH_COPY_H

#include "graph/graph.h"

/** A copy of a graph's values and nodes, with the parameters' data; copy[id] is the copy's id of each value
 *  (copy: value_count ids). NULL and an error on the context. */
fov_graph *graph_copy(fov_graph *graph, int *copy);

/** A copy for computing only: it shares the memory of `graph`'s parameters and constants, so `graph` must outlive it
 *  and its data must not change. Parameters that are not in memory yet are read or drawn by each graph for itself.
 *  Errors go to `context`, which is the copy's; `graph` itself is only read. */
fov_graph *graph_borrow(const fov_graph *graph, struct fov_context *context, int *copy);

/** Adds the nodes through which `to` depends on `from` a second time, with `instead` in place of `from` and the same
 *  parameters: the same network applied to another value. Running statistics are renewed by the original nodes. Returns
 *  the new `to`, or `to` itself if it does not depend on `from`; 0 and an error on the context on failure. */
fov_value graph_apply(fov_graph *graph, fov_value from, fov_value to, fov_value instead);

/** Adds to `to` all that the values `wanted` of graph `from` depend on, with `instead` in place of that graph's
 *  `input`: a network as part of another one. Names begin with `prefix`. copy[id] is the id in `to` of each value of
 *  `from` that was needed, else 0 (copy: from's value_count ids). E_USAGE if another input is needed. */
enum graph_inserted {
    GRAPH_FIXED,  /**< parameters become constants that share the memory of `from`, which must outlive `to` unchanged */
    GRAPH_LEARNED /**< `to` gets its own copy of the parameters; those that were not frozen are learned */
};
int graph_insert(fov_graph *to, fov_graph *from, fov_value input, fov_value instead, const int *wanted, int count,
                 const char *prefix, enum graph_inserted how, int *copy);

/** A parameter that takes another shape and new first values, or an input that takes another shape. */
struct graph_change {
    int         id;
    fov_shape   shape;
    fov_initial initial;
    float       scale;
};
/** graph_copy with changes, but without data: unchanged parameters get theirs by graph_hand_over. */
fov_graph *graph_rebuild(fov_graph *graph, int *copy, const struct graph_change *changes, int count);
/** Moves the data of the unchanged parameters to `rebuilt`, so that nothing is held twice; free `graph` afterwards. */
void graph_hand_over(fov_graph *graph, fov_graph *rebuilt, const int *copy, const struct graph_change *changes,
                     int count);

#endif
