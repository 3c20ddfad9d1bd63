/* SPDX-License-Identifier: MIT */
/* Adding nodes by the operator's name, for programs and importers of other formats that know names and not functions.
 * Options come as text and are checked by the operator's table (op/option_text.h). */
#include "base/arithmetic.h"
#include "graph/custom.h"
#include "graph/graph.h"
#include "op/option_text.h"
#include <fovea/node.h>
#include <string.h>

/* Reads pairs of option and value into `options`. The pair "name" is no option: its value goes to *name, the node's. */
static int read_options(const struct op *op, const char *const *pairs, void *options, const char **name,
                        struct error *error)
{
    op_options_default(op, options);
    for (; pairs != NULL && pairs[0] != NULL; pairs += 2) {
        if (pairs[1] == NULL) {
            return error_set(error, FOV_E_USAGE, "%s: option \"%s\" has no value", op->name, pairs[0]);
        }
        if (strcmp(pairs[0], "name") == 0) {
            *name = pairs[1];
            continue;
        }
        int status = op_option_read(op, options, pairs[0], pairs[1], error);
        if (status != FOV_OK) {
            return status;
        }
    }
    return FOV_OK;
}

static fov_value add(fov_graph *graph, const char *operator_name, const fov_value *inputs, int count,
                     const char *const *pairs)
{
    _Alignas(16) unsigned char options[OP_MAX_OPTIONS];
    struct error error = {.status = FOV_OK};
    const char *name = NULL;
    int ids[OP_MAX_PORTS];
    const struct op *op = operator_name != NULL ? operator_find(graph->context, operator_name) : NULL;
    if (operator_name == NULL) {
        return fov_graph_fail(graph, NULL, FOV_E_USAGE, "fov_node: operator_name is NULL");
    }
    if (op == NULL) {
        op_no_such(operator_name, &error);
        return fov_graph_fail(graph, NULL, error.status, "%s", error.text);
    }
    if (count < 0 || count > OP_MAX_PORTS || (count > 0 && inputs == NULL)) {
        return fov_graph_fail(graph, NULL, FOV_E_USAGE, "%s: %d inputs (0 to %d)%s", op->name, count, OP_MAX_PORTS,
                              inputs == NULL ? ", and `inputs` is NULL" : "");
    }
    if (read_options(op, pairs, options, &name, &error) != FOV_OK) {
        return fov_graph_fail(graph, NULL, error.status, "%s", error.text);
    }
    for (int i = 0; i < count; i++) {
        ids[i] = inputs[i].id;
    }
    name = name != NULL ? fov_graph_node_name(graph, name, op->name) : NULL;
    return (fov_value){graph->failed ? 0 : graph_add_node(graph, op, ids, count, options, name)};
}

fov_value fov_node_opt(fov_graph *graph, const char *operator_name, const fov_value *inputs, int input_count,
                       const char *const *options)
{
    if (graph == NULL || graph->failed) {
        return (fov_value){0};
    }
    struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
    fov_value made = add(graph, operator_name, inputs, input_count, options);
    arithmetic_leave(mode);
    return made;
}

static const struct node *producer(const fov_graph *graph, fov_value value)
{
    bool is_here = graph != NULL && value.id > 0 && (size_t)value.id < graph->value_count;
    int node = is_here ? graph_value(graph, value.id)->node : -1;
    return node >= 0 ? &graph->nodes[node] : NULL;
}

fov_value fov_output(fov_graph *graph, fov_value value, int index)
{
    const struct node *node = producer(graph, value);
    bool is_there =
        node != NULL && index >= 0 && index < node->out_count && graph_value(graph, node->out[index])->shape.rank >= 0;
    return (fov_value){is_there ? node->out[index] : 0};
}

int fov_output_count(const fov_graph *graph, fov_value value)
{
    const struct node *node = producer(graph, value);
    return node != NULL ? node->out_count : 0;
}
