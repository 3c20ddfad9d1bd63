/* SPDX-License-Identifier: MIT */
/* Which nodes a plan needs, and in which order they run. Read lower.c next. */
#include "graph/lower.h"

#include <string.h>

static bool is_chosen(const fov_plan_options *options, int id)
{
    bool chosen = !options->update;

    for (int i = 0; options->update && i < options->update_count; i++)
        chosen = chosen || options->update[i].id == id;
    return chosen;
}

void lower_mark_needed(struct lowering *l)
{
    const fov_graph *graph = l->graph;

    for (size_t id = 1; l->plan->options.updates && id < graph->value_count; id++)
        if (graph->values[id].kind == VALUE_PARAMETER && graph->values[id].assigned && !graph->values[id].follows &&
            is_chosen(&l->plan->options, (int)id)) {
            int node = graph_value(graph, graph->values[id].assigned)->node;

            if (node >= 0)
                l->needed[node] = true; /* graph_mark below adds what it depends on */
            l->renewed[id] = true;
        }
    graph_mark(graph, l->plan->outputs, l->plan->output_count, l->needed);
    for (size_t id = 1; l->plan->options.updates && l->plan->options.training && id < graph->value_count; id++)
        if (graph->values[id].follows && l->needed[graph_value(graph, graph->values[id].assigned)->node])
            l->renewed[id] = true;
}

bool lower_reads_data(const struct lowering *l, const struct node *node, int input)
{
    int id = node->in[input];

    return id && !l->plan->known[id] && !op_port_at(node->op->in, input)->shape_only;
}

void lower_prune(struct lowering *l)
{
    const fov_graph *graph = l->graph;
    double         **known = l->plan->known;
    bool            *needed = l->needed;

    memset(needed, 0, graph->node_count * sizeof *needed);
    for (int i = 0; i < l->plan->output_count; i++)
        if (graph_value(graph, l->plan->outputs[i])->node >= 0 && !known[l->plan->outputs[i]])
            needed[graph_value(graph, l->plan->outputs[i])->node] = true;
    for (size_t id = 1; id < graph->value_count; id++)
        if (l->renewed[id] && graph_value(graph, graph->values[id].assigned)->node >= 0 &&
            !known[graph->values[id].assigned])
            needed[graph_value(graph, graph->values[id].assigned)->node] = true;
    for (size_t n = graph->node_count; n-- > 0;) {
        const struct node *node = plan_node(l->plan, (int)n);

        for (int i = 0; needed[n] && i < node->in_count; i++)
            if (lower_reads_data(l, node, i) && graph_value(graph, node->in[i])->node >= 0)
                needed[graph_value(graph, node->in[i])->node] = true;
    }
}

void lower_read_more(struct lowering *l, int id)
{
    int               producer = graph_value(l->graph, id)->node;
    const struct node *node;

    l->readers[id]++;
    if (producer < 0 || l->needed[producer])
        return;
    node                = plan_node(l->plan, producer);
    l->needed[producer] = true;
    for (int i = 0; i < node->in_count; i++)
        if (lower_reads_data(l, node, i))
            lower_read_more(l, node->in[i]);
}

void lower_read_less(struct lowering *l, int id)
{
    int               producer = graph_value(l->graph, id)->node;
    const struct node *node = producer < 0 ? NULL : plan_node(l->plan, producer);

    l->readers[id]--;
    for (int i = 0; node && i < node->out_count; i++)
        if (l->readers[node->out[i]] > 0)
            return;
    if (!node || !l->needed[producer])
        return;
    l->needed[producer] = false;
    for (int i = 0; i < node->in_count; i++)
        if (lower_reads_data(l, node, i))
            lower_read_less(l, node->in[i]);
}

void lower_count_readers(struct lowering *l)
{
    const fov_graph *graph = l->graph;

    for (size_t id = 0; id < graph->value_count; id++) {
        l->last_read[id] = -1;
        l->readers[id]   = 0;
    }
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct node *node = plan_node(l->plan, (int)n);

        for (int i = 0; l->needed[n] && i < node->in_count; i++)
            if (lower_reads_data(l, node, i)) {
                l->readers[node->in[i]]++;
                l->last_read[node->in[i]] = (int)n;
            }
    }
    for (int i = 0; i < l->plan->output_count; i++)
        l->readers[l->plan->outputs[i]]++;
    for (size_t id = 1; id < graph->value_count; id++)
        if (l->renewed[id])
            l->readers[graph->values[id].assigned]++;
}

/* Whether a node writes the new value of parameter `id` over the old one. */
static bool renews(const struct lowering *l, const struct node *node, int id)
{
    int next = l->renewed[id] ? graph_value(l->graph, id)->assigned : 0;

    for (int i = 0; next && i < node->out_count; i++)
        if (node->out[i] == next && l->in_storage[next])
            return true;
    return false;
}

/* A parameter's new value may be written over the old one if its operator declares that output as a renewal and no node
 * reads the old value later. All others are copied at the end of the run. */
void lower_find_updates_in_storage(struct lowering *l)
{
    const fov_graph *graph = l->graph;

    for (size_t id = 1; id < graph->value_count; id++) {
        const struct value *value = &graph->values[id];
        const struct value *next;
        const struct node  *node;
        int                 port;

        if (!l->renewed[id])
            continue;
        next = &graph->values[value->assigned];
        if (next->node < 0)
            continue;
        node = &graph->nodes[next->node];
        port = op_port_at(node->op->out, next->output)->updates - 1;
        if (port >= 0 && node->in[port] == (int)id && l->last_read[id] <= next->node)
            l->in_storage[value->assigned] = true;
    }
}

/* ---- the last reader of a value ---------------------------------------------------------------------------------- */

static void read_at(struct lowering *l, int id, int when)
{
    if (id && when > l->read_until[id])
        l->read_until[id] = when;
}

/* Whether output 0 may be another name for input 0, so that readers of the one read the other. */
static bool is_alias(const struct op *op)
{
    return op->view || (op->cpu && op->cpu->may_alias);
}

/* Notes when a node's inputs and those of its fused nodes are last read: at node `run`, or at node `made` if its rows
 * are still computed from them then. A value that the node renews itself does not count: it is read before. */
static void read_inputs(struct lowering *l, int n, int run, int made)
{
    const struct node   *node   = plan_node(l->plan, n);
    const struct fusion *fusion = &l->fusions[n];
    unsigned             done   = l->deferred[n] ? node->op->cpu->rows_done_with : 0;

    for (int i = 0; i < node->in_count; i++)
        if (lower_reads_data(l, node, i) && !renews(l, node, node->in[i]))
            read_at(l, node->in[i], i < 32 && (done >> i & 1U) ? run : made);
    for (int k = 0; k < fusion->affine_count; k++)
        for (int i = 1; i < plan_node(l->plan, fusion->affine[k])->in_count; i++)
            read_at(l, plan_node(l->plan, fusion->affine[k])->in[i], made);
    if (fusion->sum >= 0)
        read_at(l, fusion->residual, made);
    if (fusion->activation_gradient >= 0)
        read_at(l, plan_node(l->plan, fusion->activation_gradient)->in[1], made);
}

/* From the last node to the first, so that a node's readers are known before the node. A step that can run within its
 * only reader reads its inputs when the reader runs; inputs of rows are read when the rows are; the input of an alias
 * is read when the alias is. Optimisers are left out: lower_find_order decides when they run. */
void lower_find_last_reads(struct lowering *l)
{
    const fov_graph *graph = l->graph;
    int              end   = (int)graph->node_count;

    for (size_t id = 0; id < graph->value_count; id++)
        l->read_until[id] = -1;
    for (int i = 0; i < l->plan->output_count; i++)
        read_at(l, l->plan->outputs[i], end);
    for (size_t id = 1; id < graph->value_count; id++) /* copied at the end: lower_ends */
        if (l->renewed[id] && !l->in_storage[graph->values[id].assigned])
            read_at(l, graph->values[id].assigned, end);
    for (int n = end; n-- > 0;) {
        const struct node *node = plan_node(l->plan, n);
        int                result = l->fusions[n].result, run = n, made;

        if (!l->needed[n] || l->taken_by[n] >= 0 || node->op->family == OP_OPTIMISER)
            continue;
        made = l->read_until[result] > n ? l->read_until[result] : n;
        if (node->op->cpu && node->op->cpu->runs_within && l->readers[result] == 1)
            run = made;
        read_inputs(l, n, run, l->deferred[n] || run > n ? made : n);
        if (is_alias(node->op) && node->in_count)
            read_at(l, node->in[0], made);
    }
    for (size_t id = 1; id < graph->value_count; id++) {
        int next = l->renewed[id] ? graph->values[id].assigned : 0;

        if (next && l->in_storage[next] && l->read_until[id] >= graph->values[next].node)
            l->in_storage[next] = false;
    }
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

/* The node after which an optimiser node may run: its inputs are computed, and all readers of the old weights have
 * run. */
static int find_ready(const struct lowering *l, const struct node *node, const int *ready, const int *read_so_far)
{
    int latest = -1;

    for (int i = 0; i < node->in_count; i++) {
        int producer = graph_value(l->graph, node->in[i])->node;

        if (node->in[i] && producer >= 0 && ready[producer] > latest)
            latest = ready[producer];
    }
    for (int i = 0; i < node->out_count; i++) {
        int renewed = op_port_at(node->op->out, i)->updates - 1, old = renewed < 0 ? 0 : node->in[renewed];

        if (!old || !l->in_storage[node->out[i]])
            continue;
        latest = read_so_far[old] > latest ? read_so_far[old] : latest;
        latest = l->read_until[old] > latest ? l->read_until[old] : latest;
    }
    return latest;
}

/* The order of creation is a topological order. Optimiser nodes were created last, but run as soon as they may, so that
 * gradients need not be kept until the end. ready[n]: the node after which node n may run; n itself for others. */
void lower_find_order(struct lowering *l, int *ready, int *read_so_far)
{
    const fov_graph *graph   = l->graph;
    int             *waiting = l->order + graph->node_count; /* second half of the array: sorted by ready */
    int              count = 0, next = 0;

    for (size_t id = 0; id < graph->value_count; id++)
        read_so_far[id] = -1;
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct node *node = plan_node(l->plan, (int)n);
        int                at   = count;

        if (!l->needed[n])
            continue;
        ready[n] = node->op->family == OP_OPTIMISER ? find_ready(l, node, ready, read_so_far) : (int)n;
        if (node->op->family != OP_OPTIMISER)
            continue;
        for (int i = 0; i < node->in_count; i++)
            if (ready[n] > read_so_far[node->in[i]])
                read_so_far[node->in[i]] = ready[n];
        for (; at > 0 && ready[waiting[at - 1]] > ready[n]; at--)
            waiting[at] = waiting[at - 1];
        waiting[at] = (int)n;
        count++;
    }
    for (size_t n = 0; n < graph->node_count; n++) {
        if (l->needed[n] && plan_node(l->plan, (int)n)->op->family != OP_OPTIMISER)
            l->order[l->order_count++] = (int)n;
        for (; next < count && ready[waiting[next]] <= (int)n; next++)
            l->order[l->order_count++] = waiting[next]; /* never overwrites `waiting`, which is node_count further on */
    }
}
