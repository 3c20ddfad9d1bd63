/* SPDX-License-Identifier: MIT */
/* Nodes that do a neighbour's work too (op.take_over): the operator says how, here it is asked, and its changed node stands in
 * the plan in place of the graph's. Read fuse.c for what is fused the other way, into the node before. */
#include "graph/lower.h"

#include <stdlib.h>
#include <string.h>

static bool find_maker(const void *plan, int value, struct op_maker *maker)
{
    const struct lowering *l     = plan;
    const struct value    *which = value ? graph_value(l->graph, value) : NULL;
    const struct node     *node;

    if (!which || which->node < 0 || l->plan->known[value] || !l->needed[which->node])
        return false;
    node   = plan_node(l->plan, which->node);
    *maker = (struct op_maker){node->op, node->options, node->in, node->in_count, which->output};
    return true;
}

static int count_readers(const void *plan, int value)
{
    return ((const struct lowering *)plan)->readers[value];
}

static const double *find_known(const void *plan, int value, size_t *count)
{
    const struct lowering *l = plan;

    return value && l->plan->known[value] && shape_count(&l->shapes[value], count) ? l->plan->known[value] : NULL;
}

/* A copy of the node for its operator to change; kept if it does. */
static int ask(struct lowering *l, int index)
{
    struct memory      *memory  = l->graph->context->memory;
    struct error       *error   = &l->graph->context->error;
    const struct node  *old     = plan_node(l->plan, index);
    size_t              bytes   = old->op->options_size ? old->op->options_size : 1;
    struct node        *node    = memory_allocate(memory, 1, sizeof *node, "plan", error);
    int                *in      = memory_allocate(memory, OP_MAX_PORTS, sizeof *in, "plan", error);
    void               *options = memory_allocate(memory, bytes, 1, "plan", error);
    struct op_takeover takeover = {.plan     = l,
                                   .maker    = find_maker,
                                   .readers  = count_readers,
                                   .known    = find_known,
                                   .in       = in,
                                   .in_count = old->in_count,
                                   .options  = options};

    if (node && in && options) {
        memcpy(in, old->in, sizeof *in * (size_t)old->in_count);
        memcpy(options, old->options, old->op->options_size);
        if (old->op->take_over(&takeover)) {
            *node = (struct node){old->op, old->name, options, in, old->out, takeover.in_count, old->out_count};
            if (l->plan->rewritten[index]) {
                memory_free(memory, l->plan->rewritten[index]->in);
                memory_free(memory, l->plan->rewritten[index]->options);
                memory_free(memory, l->plan->rewritten[index]);
            }
            l->plan->rewritten[index] = node;
            return FOV_OK;
        }
    }
    memory_free(memory, node);
    memory_free(memory, in);
    memory_free(memory, options);
    return (int)error->status;
}

int lower_take_over(struct lowering *l)
{
    for (int n = 0; !l->plan->options.no_fusion && n < (int)l->graph->node_count; n++)
        if (l->needed[n] && plan_node(l->plan, n)->op->take_over) {
            int status = ask(l, n);

            if (status)
                return status;
        }
    return FOV_OK;
}
