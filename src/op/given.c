/* SPDX-License-Identifier: MIT */
/* Calls on a graph that has failed return value 0, so there it needs no new error; in a graph that has not failed it is
 * the caller's mistake, such as a name that fov_find did not find. */
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
