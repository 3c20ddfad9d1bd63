/* SPDX-License-Identifier: MIT */
/* Names of values, found by hash; and results of layers by either name (named.c). */
#ifndef GRAPH_NAMES_H
#define GRAPH_NAMES_H

#include "graph/graph.h"

int names_find_value(const fov_graph *graph, const char *name); /**< id, 0 when there is none */
int names_add(fov_graph *graph, int id);                        /**< 0, or E_MEMORY on the context */
int names_rebuild(fov_graph *graph);                            /**< after a value has changed its name */
/** A layer's result by its own name, or else by the layer's, whose first result it is. `input`: a value that may be
 *  asked for as well; 0: none. Where several layers have the name, their results are listed; where none has it, the nearest
 *  name that may be asked for. 0 and an error, E_USAGE. */
int names_find_result(const fov_graph *graph, const char *name, int input, struct error *error);

#endif
