/* SPDX-License-Identifier: MIT */
/* Computes a graph by its definitions: every node by its textbook twin, in double, in plain order. It is slow and meant
 * to be: the tests compare plans with it, and take central differences through it. */
#include "graph/evaluate.h"

#include "tensor/convert.h"

#include <string.h>

static double *new_tensor(fov_graph *graph, const fov_shape *shape)
{
    size_t count = shape_span(shape, 0, shape->rank);

    return memory_allocate(graph->context->memory, count ? count : 1, sizeof(double), "evaluation",
                           &graph->context->error);
}

/* An input given by the caller, or a parameter's or constant's own data, as doubles. */
static int load(fov_graph *graph, int id, const double *given, struct evaluation *result)
{
    struct value *value = graph_value(graph, id);
    size_t        count = shape_span(&result->shapes[id], 0, result->shapes[id].rank);

    if (result->data[id])
        return FOV_OK;
    result->data[id] = new_tensor(graph, &result->shapes[id]);
    if (!result->data[id])
        return FOV_E_MEMORY;
    if (given)
        memcpy(result->data[id], given, count * sizeof *given);
    else if (value->kind == VALUE_INPUT)
        return error_set(&graph->context->error, FOV_E_USAGE, "input \"%s\" was not given", value->name);
    else if (!graph_data(graph, id))
        return (int)graph->context->error.status;
    else
        convert_to_double(value->dtype, value->data, result->data[id], count);
    return FOV_OK;
}

/** How a graph is evaluated: the arguments of graph_evaluate_visited. */
struct manner {
    bool                      training;
    uint64_t                  step;
    const double *const      *given;
    const struct graph_visit *visit;
};

static int run_node(fov_graph *graph, size_t index, const struct manner *manner, struct evaluation *result)
{
    const struct node        *node = &graph->nodes[index];
    struct op_textbook_tensor in[OP_MAX_PORTS], out[OP_MAX_PORTS];

    if (!node->op->textbook)
        return error_set(&graph->context->error, FOV_E_UNSUPPORTED, "operator %s has no textbook twin", node->op->name);
    for (int i = 0; i < node->in_count; i++) {
        int id = node->in[i];

        in[i] = (struct op_textbook_tensor){graph_value(graph, id)->dtype, result->shapes[id], NULL};
        if (!id)
            in[i].shape.rank = -1;
        else if (graph_value(graph, id)->node < 0 && load(graph, id, manner->given ? manner->given[id] : NULL, result))
            return (int)graph->context->error.status;
        in[i].data = id ? result->data[id] : NULL;
    }
    for (int i = 0; i < node->out_count; i++) {
        int id = node->out[i];

        out[i] = (struct op_textbook_tensor){graph_value(graph, id)->dtype, result->shapes[id], NULL};
        if (out[i].shape.rank < 0)
            continue; /* an output that does not exist for these inputs */
        result->data[id] = new_tensor(graph, &result->shapes[id]);
        if (!result->data[id])
            return FOV_E_MEMORY;
        out[i].data = result->data[id];
    }
    node->op->textbook(&(struct op_textbook){
        .op        = node->op,
        .options   = node->options,
        .in        = in,
        .out       = out,
        .in_count  = node->in_count,
        .out_count = node->out_count,
        .training  = manner->training,
        .random    = {graph->context->seed, RANDOM_DROPOUT + ((uint32_t)index << 8), manner->step}});
    for (int i = 0; manner->visit && i < node->out_count; i++)
        if (out[i].data)
            manner->visit->value(manner->visit->context, node->out[i], &out[i].shape, result->data[node->out[i]]);
    return FOV_OK;
}

static int run(fov_graph *graph, const int *outputs, int count, int64_t batch, const struct manner *manner,
               bool *needed, struct evaluation *result)
{
    const double *const *given = manner->given;
    int                  status;

    graph_mark(graph, outputs, count, needed);
    status = graph_shapes(graph, batch, needed, NULL, result->shapes);
    for (size_t n = 0; !status && n < graph->node_count; n++)
        if (needed[n])
            status = run_node(graph, n, manner, result);
    for (int i = 0; !status && i < count; i++) /* an output may be an input or a parameter itself */
        if (outputs[i] && graph_value(graph, outputs[i])->node < 0)
            status = load(graph, outputs[i], given ? given[outputs[i]] : NULL, result);
    return status;
}

int graph_evaluate(fov_graph *graph, const int *outputs, int count, int64_t batch, bool training, uint64_t step,
                   const double *const *given, struct evaluation *result)
{
    return graph_evaluate_visited(graph, outputs, count, batch, training, step, given, NULL, result);
}

int graph_evaluate_visited(fov_graph *graph, const int *outputs, int count, int64_t batch, bool training, uint64_t step,
                           const double *const *given, const struct graph_visit *visit, struct evaluation *result)
{
    struct manner  manner = {training, step, given, visit};
    struct memory *memory = graph->context->memory;
    struct error  *error  = &graph->context->error;
    bool          *needed = memory_allocate(memory, graph->node_count + 1, sizeof *needed, "evaluation", error);
    int            status = (int)error->status;

    *result        = (struct evaluation){.count = graph->value_count};
    result->shapes = memory_allocate(memory, result->count, sizeof *result->shapes, "evaluation", error);
    result->data   = memory_allocate(memory, result->count, sizeof *result->data, "evaluation", error);
    if (needed && result->shapes && result->data)
        status = run(graph, outputs, count, batch, &manner, needed, result);
    memory_free(memory, needed);
    status = status ? status : (int)error->status;
    if (status)
        graph_evaluate_free(graph, result);
    return status;
}

void graph_evaluate_free(fov_graph *graph, struct evaluation *result)
{
    for (size_t id = 0; result->data && id < result->count; id++)
        memory_free(graph->context->memory, result->data[id]);
    memory_free(graph->context->memory, result->data);
    memory_free(graph->context->memory, result->shapes);
    *result = (struct evaluation){0};
}
