/* SPDX-License-Identifier: MIT */
/* Looks networks up by name. The table itself is generated from the files of this folder by cmake/tables.cmake; read
 * course.c for the smallest of them. */
#include "zoo/zoo.h"
#include "graph/graph.h"
#include <math.h>
#include <string.h>

const struct zoo_network *zoo_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < zoo_table_count; i++) {
        if (strcmp(zoo_table[i]->name, name) == 0) {
            return zoo_table[i];
        }
    }
    return NULL;
}

void zoo_initial_for_relu(fov_graph *graph, const char *weight)
{
    fov_value found = fov_find(graph, weight);
    if (graph->failed || found.id == 0) {
        return;
    }
    struct value *value = graph_value(graph, found.id);
    value->initial = FOV_INITIAL_UNIFORM;
    value->scale = (float)sqrt(6.0 / (double)shape_span(&value->shape, 1, value->shape.rank));
}
