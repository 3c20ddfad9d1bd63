/* SPDX-License-Identifier: MIT */
/* A graph once more, as it is or with some parameters of another shape. Graphs only grow, so what must change is
 * copied with the change: all shapes after it are worked out anew. */
#ifndef GRAPH_COPY_H
#define GRAPH_COPY_H

#include "graph/graph.h"

/** A copy of a graph's values and nodes, with the parameters' data; copy[id] is the copy's id of each value
 *  (copy: value_count ids). NULL and an error on the context. */
fov_graph *graph_copy(fov_graph *graph, int *copy);

/** A copy for who only computes with it: parameters and constants are those of `graph`, where they lie, which must live
 *  longer and stay as they are. What is not in memory yet is read or drawn by each on its own. Errors are left on
 *  `context`, which is the copy's; `graph` itself is only read. */
fov_graph *graph_borrow(const fov_graph *graph, struct fov_context *context, int *copy);

/** Adds once more the nodes through which `to` depends on `from`, with `instead` in the place of `from` and the same
 *  parameters: a network that looks at a second value. Running statistics follow the nodes that were there before. 0
 *  and an error on the context; `to` itself where it does not depend on `from`. */
fov_value graph_apply(fov_graph *graph, fov_value from, fov_value to, fov_value instead);

/** Adds to `to` what `wanted` of another graph depend on, with `instead` in the place of that graph's `input`: a network
 *  as part of another one. Names begin with `prefix`. copy[id] is the id in `to` of each value of `from` that was
 *  needed, else 0 (copy: from's value_count ids). E_USAGE where another input is needed. */
enum graph_inserted {
    GRAPH_FIXED,  /**< parameters are frozen, and their data stay where they lie: `from` must live longer, as it is */
    GRAPH_LEARNED /**< parameters are `to`'s own, learned where they were */
};
int graph_insert(fov_graph *to, const fov_graph *from, fov_value input, fov_value instead, const int *wanted, int count,
                 const char *prefix, enum graph_inserted how, int *copy);

/** A parameter that takes another shape and new first values, or an input that takes another shape. */
struct graph_change {
    int         id;
    fov_shape   shape;
    fov_initial initial;
    float       scale;
};
/** The same with changes and without data: parameters that are not changed have theirs once it was handed over. */
fov_graph *graph_rebuild(fov_graph *graph, int *copy, const struct graph_change *changes, int count);
/** Moves the data of the parameters that did not change, so that nothing is held twice; `graph` is then to be freed. */
void graph_hand_over(fov_graph *graph, fov_graph *rebuilt, const int *copy, const struct graph_change *changes,
                     int count);

#endif
