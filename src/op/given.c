/* SPDX-License-Identifier: MIT */
/* Value 0 is what calls on a graph that has failed answer, and so says nothing new there; in one that has not it is a
 * slip, such as a name that fov_find did not find. */
#include "op/given.h"

bool op_is_given(fov_graph *graph, const char *node, fov_value x)
{
    if (graph == NULL || node == NULL) {
        return false;
    }
    if (x.id == 0) {
        fov_graph_fail(graph, node, FOV_E_USAGE, "its input is value 0, which is none (what fov_find answers for a name "
                                                 "that is not there)");
    }
    return x.id != 0;
}
