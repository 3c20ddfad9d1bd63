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

fov_value zoo_conv2d_for_relu_opt(fov_graph *graph, fov_value x, const fov_conv2d_options *options)
{
    int weight = fov_parameter_count(graph); /* the first that the convolution will add */
    fov_value y = fov_conv2d_opt(graph, x, options);
    if (y.id != 0) {
        struct value *value = graph_value(graph, fov_parameter_at(graph, weight).id);
        value->initial = FOV_INITIAL_UNIFORM;
        value->scale = (float)sqrt(6.0 / (double)shape_span(&value->shape, 1, value->shape.rank));
    }
    return y;
}
