/* SPDX-License-Identifier: MIT */
/* Reverse accumulation as a transformation of the graph (Linnainmaa 1970; Griewank & Walther, Evaluating Derivatives,
 * 2008, chapter 3). Walking the nodes from the loss back to the inputs, each operator adds the nodes that carry the
 * gradient of its outputs to its inputs; where a value is used twice, the contributions are added. The result is
 * ordinary graph: it is planned, fused and, if wanted, differentiated again. */
#include "graph/graph.h"
#include "base/arithmetic.h"

#include <string.h>

struct reverse {
    fov_graph *graph;
    size_t     value_count; /**< number of values when the walk began */
    fov_value *flowing;     /**< per value: its gradient so far; 0 = none */
    bool      *wanted;      /**< per value: depends on a target, or is one */
};

/* Adds `more` to a value's gradient so far; contributions are summed in the order in which the nodes are walked. */
static void accumulate(struct reverse *reverse, int id, fov_value more)
{
    fov_value *sum = &reverse->flowing[id];

    *sum = sum->id ? op_emit2(&reverse->graph->emitter, "add", *sum, more, NULL) : more;
}

/* Sets wanted[v] for every value v that depends on a target. */
static void mark_wanted(struct reverse *reverse, const fov_value *targets, int count)
{
    fov_graph *graph = reverse->graph;

    for (int i = 0; i < count; i++)
        reverse->wanted[targets[i].id] = true;
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        bool               any  = false;

        for (int i = 0; i < node->in_count; i++)
            any = any || (node->in[i] && reverse->wanted[node->in[i]]);
        for (int i = 0; any && i < node->out_count; i++)
            reverse->wanted[node->out[i]] = true;
    }
}

static void describe(const fov_graph *graph, const int *ids, int count, fov_value *values, struct op_tensor *tensors)
{
    for (int i = 0; i < count; i++) {
        const struct value *value = graph_value(graph, ids[i]);

        values[i]  = (fov_value){ids[i]};
        tensors[i] = (struct op_tensor){.dtype = value->dtype, .shape = value->shape};
        if (!ids[i])
            tensors[i].shape.rank = -1;
    }
}

/* Asks one node's operator for the gradients of its inputs. */
static void step_back(struct reverse *reverse, size_t index)
{
    fov_graph         *graph = reverse->graph;
    const struct node *node  = &graph->nodes[index];
    const struct op   *op    = node->op;
    int                in_count = node->in_count, out_count = node->out_count;
    fov_value          in[OP_MAX_PORTS], out[OP_MAX_PORTS], out_gradient[OP_MAX_PORTS], in_gradient[OP_MAX_PORTS] = {0};
    struct op_tensor   in_tensor[OP_MAX_PORTS], out_tensor[OP_MAX_PORTS];
    bool               wanted[OP_MAX_PORTS], any_wanted = false, any_flow = false;
    struct op_gradient gradient;

    describe(graph, node->in, in_count, in, in_tensor);
    describe(graph, node->out, out_count, out, out_tensor);
    for (int i = 0; i < in_count; i++) {
        wanted[i]  = in[i].id && reverse->wanted[in[i].id] && in_tensor[i].dtype <= FOV_F16;
        any_wanted = any_wanted || wanted[i];
    }
    for (int i = 0; i < out_count; i++) {
        out_gradient[i] = reverse->flowing[out[i].id];
        any_flow        = any_flow || out_gradient[i].id;
        if (out_gradient[i].id && op_port_at(op->out, i)->detached)
            fov_graph_fail(graph, node->name, FOV_E_UNSUPPORTED,
                           "the loss depends on %s, through which no gradient flows", op_port_at(op->out, i)->name);
    }
    if (graph->failed || !any_wanted || !any_flow || op->zero_gradient)
        return;
    if (!op->gradient) {
        fov_graph_fail(graph, NULL, FOV_E_UNSUPPORTED,
                       "%s \"%s\" has no gradient, and the loss depends on %s through it", op->name, node->name,
                       graph_value(graph, in[0].id)->name);
        return;
    }
    gradient = (struct op_gradient){.op           = op,
                                    .emitter      = &graph->emitter,
                                    .options      = node->options,
                                    .in           = in,
                                    .out          = out,
                                    .in_tensor    = in_tensor,
                                    .out_tensor   = out_tensor,
                                    .in_count     = in_count,
                                    .out_count    = out_count,
                                    .out_gradient = out_gradient,
                                    .wanted       = wanted,
                                    .in_gradient  = in_gradient};
    op->gradient(&gradient); /* node and graph arrays may move: only the copies above are used from here */
    for (int i = 0; i < in_count && !graph->failed; i++)
        if (wanted[i] && in_gradient[i].id)
            accumulate(reverse, in[i].id, in_gradient[i]);
}

static int walk(struct reverse *reverse, fov_value loss, const fov_value *targets, int count, fov_value *gradients)
{
    fov_graph *graph = reverse->graph;
    size_t     nodes = graph->node_count;

    mark_wanted(reverse, targets, count);
    reverse->flowing[loss.id] = op_emit_scalar(&graph->emitter, loss, 1);
    for (size_t n = nodes; n-- > 0 && !graph->failed;)
        step_back(reverse, n);
    for (int i = 0; i < count; i++)
        gradients[i] = graph->failed ? (fov_value){0} : reverse->flowing[targets[i].id];
    return graph->failed ? (int)graph->context->error.status : FOV_OK;
}

static bool is_value(const fov_graph *graph, fov_value value)
{
    return value.id > 0 && (size_t)value.id < graph->value_count;
}

static int add_gradients(fov_graph *graph, fov_value loss, const fov_value *targets, int count, fov_value *gradients)
{
    struct memory *memory  = graph->context->memory;
    struct error  *error   = &graph->context->error;
    struct reverse reverse = {graph, graph->value_count, NULL, NULL};
    char           text[SHAPE_TEXT_SIZE];
    int            status;

    memset(gradients, 0, sizeof *gradients * (size_t)(count > 0 ? count : 0));
    if (graph->failed || error->status)
        return graph_refuse(graph);
    if (!is_value(graph, loss) || graph_value(graph, loss.id)->shape.rank != 0) {
        fov_graph_fail(graph, NULL, FOV_E_SHAPE, "gradient: the loss must be one number, not %s",
                       is_value(graph, loss) ? shape_text(&graph_value(graph, loss.id)->shape, text) : "no value");
        return (int)error->status;
    }
    for (int i = 0; i < count; i++)
        if (!is_value(graph, targets[i])) {
            fov_graph_fail(graph, NULL, FOV_E_USAGE, "gradient: target %d is no value of this graph", i);
            return (int)error->status;
        }
    reverse.flowing = memory_allocate(memory, graph->value_count, sizeof *reverse.flowing, "gradient", error);
    reverse.wanted  = memory_allocate(memory, graph->value_count, sizeof *reverse.wanted, "gradient", error);
    if (reverse.flowing && reverse.wanted)
        status = walk(&reverse, loss, targets, count, gradients);
    else
        status = (int)error->status;
    memory_free(memory, reverse.flowing);
    memory_free(memory, reverse.wanted);
    return status ? graph_fail(graph) : FOV_OK;
}

int fov_gradient(fov_graph *graph, fov_value loss, const fov_value *targets, int count, fov_value *gradients)
{
    if (!graph)
        return FOV_E_USAGE;
    if (!targets || !gradients)
        return call_refuse(graph->context, "fov_gradient: targets or gradients is NULL");
    struct call call = call_begin(graph->context);
    int status = add_gradients(graph, loss, targets, count, gradients);

    call_end(&call);
    return status;
}
