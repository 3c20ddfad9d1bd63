/* SPDX-License-Identifier: MIT */
/* Nodes that absorb a neighbour's work (op.absorb), and operators that only plans use, which replace several others
 * (op.substitute). The descriptors' functions decide; this file calls them and puts the changed node in place of the
 * graph's (plan->rewritten). One change may make another one possible, so they are called until nothing changes.
 * Fusing in the other direction, into the node before, is in fuse.c. */
#include "graph/constant_fold.h"
#include "graph/lower.h"

#include <stddef.h>
#include <string.h>

enum { MOST_ROUNDS = 16 };

static bool find_producer(const void *plan, int value, struct op_producer *producer)
{
    const struct lowering *l     = plan;
    const struct value    *which = value ? graph_value(l->graph, value) : NULL;
    const struct node     *node;

    if (!which || which->node < 0 || l->plan->known[value] || !l->needed[which->node])
        return false;
    node      = plan_node(l->plan, which->node);
    *producer = (struct op_producer){node->op,  node->name,     node->options, node->in,
                                     node->out, node->in_count, which->output};
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

static struct op_tensor describe(const void *plan, int value)
{
    return lower_describe_value(plan, value);
}

/* Exchanges node `index` with the node that computes its first input; `changed` then runs first, in its place. */
static int exchange(struct lowering *l, int index, const struct node *changed)
{
    const struct node      *old     = plan_node(l->plan, index);
    int                     middle  = old->in[0], first = graph_value(l->graph, middle)->node;
    struct constant_folding folding = {l->graph, l->shapes, l->plan->known};
    struct node             second  = *plan_node(l->plan, first);
    int                     in[OP_MAX_PORTS], status;

    memcpy(in, second.in, sizeof *in * (size_t)second.in_count);
    in[0]      = middle;
    second.in  = in;
    status     = lower_replace(l, index, &second);
    status     = status ? status : lower_replace(l, first, changed);
    return status ? status : graph_infer_node(&folding, plan_node(l->plan, first), l->shapes);
}

/* Whether the changed node's shape rule accepts its inputs and gives the old node's types and shapes. With `exchanged`
 * the shapes may differ: the other node's rule checks them later. */
static bool means_the_same(struct lowering *l, const struct node *node, bool exchanged)
{
    struct op_tensor in[OP_MAX_PORTS], out[OP_MAX_PORTS];
    const double    *constant[OP_MAX_PORTS];
    struct error     error = {0}; /* not the caller's: the plan goes on without the change */
    struct op_infer  infer = {node->op, node->options, in, node->in_count, constant, out, node->out_count, &error};
    bool             same;

    lower_describe(l, node, in);
    for (int i = 0; i < node->in_count; i++)
        constant[i] = l->plan->known[node->in[i]];
    for (int i = 0; i < node->out_count; i++)
        out[i] = in[0];
    same = node->op->infer(&infer) == FOV_OK;
    for (int i = 0; same && !exchanged && i < node->out_count; i++)
        same = out[i].dtype == graph_value(l->graph, node->out[i])->dtype &&
               shape_equal(&out[i].shape, &l->shapes[node->out[i]]);
    return same;
}

/* Adds the changed node's readers before it removes the old node's, so that no input of both is dropped in between. */
static int replace(struct lowering *l, int index, const struct node *changed)
{
    struct node old = *plan_node(l->plan, index);
    int         in[OP_MAX_PORTS], status;

    memcpy(in, old.in, sizeof *in * (size_t)old.in_count);
    old.in = in;
    for (int i = 0; i < changed->in_count; i++)
        if (lower_reads_data(l, changed, i))
            lower_read_more(l, changed->in[i]);
    status = lower_replace(l, index, changed); /* frees the old node's `in`, if it was a replacement itself */
    for (int i = 0; i < old.in_count; i++)
        if (lower_reads_data(l, &old, i))
            lower_read_less(l, in[i]);
    return status;
}

/* Calls one descriptor's function with a copy of the node, and puts the changed copy in place. */
static int ask(struct lowering *l, int index, const struct op *op, bool (*question)(struct op_substitution *node),
               bool *changed)
{
    const struct node *old = plan_node(l->plan, index);
    int                in[OP_MAX_PORTS];
    union {
        max_align_t align;
        char        bytes[OP_MAX_OPTIONS];
    } options;
    struct op_substitution substitution = {.plan     = l,
                                           .kernel   = l->graph->context->kernel,
                                           .producer = find_producer,
                                           .readers  = count_readers,
                                           .known    = find_known,
                                           .tensor   = describe,
                                           .op       = old->op,
                                           .out      = old->out,
                                           .name     = old->name,
                                           .in       = in,
                                           .in_count = old->in_count,
                                           .options  = &options};
    struct node node;
    int         status;

    memcpy(in, old->in, sizeof *in * (size_t)old->in_count);
    if (old->op->options_size)
        memcpy(&options, old->options, old->op->options_size);
    if (!question(&substitution))
        return FOV_OK;
    node   = (struct node){op, substitution.name, &options, in, old->out, substitution.in_count, old->out_count};
    if (!means_the_same(l, &node, substitution.exchange))
        return FOV_OK;
    *changed = true;
    if (substitution.exchange) {
        status = exchange(l, index, &node);
        lower_prune(l);
        lower_count_readers(l);
        return status;
    }
    return replace(l, index, &node);
}

static int ask_all(struct lowering *l, int index, bool *changed)
{
    const struct op *op     = plan_node(l->plan, index)->op;
    int              status = op->absorb ? ask(l, index, op, op->absorb, changed) : FOV_OK;

    for (size_t k = 0; k < op_table_count && !status; k++)
        if (op_table[k]->substitute)
            status = ask(l, index, op_table[k], op_table[k]->substitute, changed);
    return status;
}

int lower_substitute(struct lowering *l)
{
    bool changed = !l->plan->options.no_fusion;

    for (int round = 0; changed && round < MOST_ROUNDS; round++) {
        changed = false;
        for (int n = 0; n < (int)l->graph->node_count; n++)
            if (l->needed[n]) {
                int status = ask_all(l, n, &changed);

                if (status)
                    return status;
            }
    }
    lower_count_readers(l); /* updates l->last_read, too */
    return FOV_OK;
}
