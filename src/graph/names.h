/* SPDX-License-Identifier: MIT */
/* Names of values, found by hash. */
#ifndef GRAPH_NAMES_H
#define GRAPH_NAMES_H

#include "graph/graph.h"

int names_find_value(const fov_graph *graph, const char *name); /**< id, 0 when there is none */
int names_add(fov_graph *graph, int id);                        /**< 0, or E_MEMORY on the context */
int names_rebuild(fov_graph *graph);                            /**< after a value has changed its name */

#endif
