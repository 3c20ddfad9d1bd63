/* SPDX-License-Identifier: MIT */
/* Values by name, through a hash table (names.c); and results by the value's or the layer's name (named.c). */
#ifndef GRAPH_NAMES_H
#define GRAPH_NAMES_H

#include "graph/graph.h"

int names_find_value(const fov_graph *graph, const char *name); /**< id, 0 when there is none */
int names_add(fov_graph *graph, int id);                        /**< 0, or E_MEMORY on the context */
int names_rebuild(fov_graph *graph);                            /**< after a value has changed its name */
/** A layer's result, found by the value's own name or else by the layer's name (its first result). `input`: an input
 *  value that is accepted as well; 0: none. On failure 0 and E_USAGE: if several layers have the name, the sentence
 *  lists their results; if none has it, the nearest accepted name. */
int names_find_result(const fov_graph *graph, const char *name, int input, struct error *error);

#endif
