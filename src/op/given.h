/* SPDX-License-Identifier: MIT */
/* The check that the public builders of operators.h make before they build anything. */
#ifndef OP_GIVEN_H
#define OP_GIVEN_H

#include "op/op.h"

/** Whether a node can be built. False if the graph is NULL or has failed before (fov_graph_node_name then returned NULL
 *  for `node`). If only `x` is value 0, records an error in the graph and returns false. */
bool op_is_given(fov_graph *graph, const char *node, fov_value x);

#endif
