/* SPDX-License-Identifier: MIT */
/* Shapes for a given batch: runs the shape rules again with numbers in place of FOV_BATCH, and folds known values on
 * the way. Also the cost of a node. */
#include "graph/constant_fold.h"

int graph_infer_node(const struct constant_folding *folding, const struct node *node, fov_shape *shapes)
{
    fov_graph       *graph = folding->graph;
    struct op_tensor in[OP_MAX_PORTS], out[OP_MAX_PORTS];
    const double    *constant[OP_MAX_PORTS];
    struct error    *error = &graph->context->error;
    struct op_infer  infer = {node->op, node->options, in, node->in_count, constant, out, node->out_count, error};
    char             text[SHAPE_TEXT_SIZE];
    int              status;

    for (int i = 0; i < node->in_count; i++) {
        in[i] = (struct op_tensor){.dtype = graph_value(graph, node->in[i])->dtype, .shape = shapes[node->in[i]]};
        if (!node->in[i])
            in[i].shape.rank = -1;
        constant[i] = node->in[i] && op_port_at(node->op->in, i)->values
                          ? constant_fold_required(folding, node->in[i])
                          : constant_fold_values(folding, node->in[i]);
    }
    for (int i = 0; i < node->out_count; i++)
        out[i] = node->in_count ? in[0] : (struct op_tensor){0};
    status = error->status ? (int)error->status : node->op->infer(&infer);
    for (int i = 0; !status && i < node->out_count; i++) {
        if (out[i].shape.rank >= 0 && /* rank -1: absent output */
            (!shape_is_known(&out[i].shape) || !shape_is_sound(&out[i].shape, out[i].dtype)))
            status = error_set(error, FOV_E_SHAPE, "the size of its result %s is not known or does not fit memory",
                               shape_text(&out[i].shape, text));
        shapes[node->out[i]] = out[i].shape;
    }
    if (!status)
        status = constant_fold_node(folding, node);
    if (status)
        error_prefix(error, "%s \"%s\"", node->op->name, node->name);
    return status;
}

int graph_infer(fov_graph *graph, int64_t batch, const bool *needed, const fov_shape *input_shape, fov_shape *shapes,
                double **known)
{
    struct constant_folding folding = {graph, shapes, known};

    graph->constant_fold_effort = 0;
    for (size_t id = 0; id < graph->value_count; id++) {
        const struct value *value = graph_value(graph, (int)id);

        shapes[id] = shape_with_batch(&value->shape, batch);
        if (input_shape && value->kind == VALUE_INPUT && input_shape[id].rank >= 0)
            shapes[id] = input_shape[id];
    }
    for (size_t n = 0; n < graph->node_count; n++)
        if (!needed || needed[n]) {
            int status = graph_infer_node(&folding, &graph->nodes[n], shapes);

            if (status)
                return status;
        }
    return FOV_OK;
}

int graph_shapes(fov_graph *graph, int64_t batch, const bool *needed, const fov_shape *input_shape, fov_shape *shapes)
{
    double **known = memory_allocate(graph->context->memory, graph->value_count, sizeof *known, "known values",
                                     &graph->context->error);
    int      status = known ? graph_infer(graph, batch, needed, input_shape, shapes, known) : FOV_E_MEMORY;

    constant_fold_free(graph, known, graph->value_count);
    return status;
}

struct op_cost graph_cost(const fov_graph *graph, const struct node *node, struct op_tensor in[OP_MAX_PORTS],
                          struct op_tensor out[OP_MAX_PORTS])
{
    for (int i = 0; i < node->in_count; i++) {
        const struct value *value = graph_value(graph, node->in[i]);
        in[i] = (struct op_tensor){.dtype = value->dtype, .shape = shape_with_batch(&value->shape, 1)};
        in[i].shape.rank = node->in[i] != 0 ? in[i].shape.rank : -1;
    }
    for (int i = 0; i < node->out_count; i++) {
        const struct value *value = graph_value(graph, node->out[i]);
        out[i] = (struct op_tensor){.dtype = value->dtype, .shape = shape_with_batch(&value->shape, 1)};
    }
    struct op_cost cost = {.options = node->options, .in = in, .out = out, .in_count = node->in_count,
                           .out_count = node->out_count, .kernel = {1, 1, 1}, .stride = {1, 1, 1},
                           .dilation = {1, 1, 1}};
    if (node->op->cost != NULL) {
        node->op->cost(&cost);
    }
    return cost;
}
