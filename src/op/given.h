/* SPDX-License-Identifier: MIT */
/* What the typed functions of operators.h ask before they build anything. */
#ifndef OP_GIVEN_H
#define OP_GIVEN_H

#include "op/op.h"

/** Whether there is something to build from. False: the graph is NULL or has failed before (`node` is then NULL:
 *  fov_graph_node_name), or `x` is value 0 without that, which the graph then fails for. */
bool op_is_given(fov_graph *graph, const char *node, fov_value x);

#endif
