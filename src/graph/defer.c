/* SPDX-License-Identifier: MIT */
/* Results that are never stored. A normalised and activated image costs a pass to write, one to read, and in training its memory
 * until the backward pass; made again from what it was normalised from, it costs a multiply-add per element in the cache.
 * Where an operator can make its result some rows at a time and everybody who reads it can read it so, its step only
 * prepares (statistics), and the readers have the rows made (op_rows). No operator is known by name: descriptors answer.
 * Read fuse.c before. */
#include "device/cpu/cpu.h"
#include "graph/lower.h"

/* Whether this node takes the value as rows wherever it reads it. */
static bool reads_rows(const struct lowering *l, int index, int id)
{
    const struct node *node = plan_node(l->plan, index);
    struct op_tensor   in[OP_MAX_PORTS];
    unsigned           can;

    if (!node->op->cpu || !node->op->cpu->reads_rows || l->taken_by[index] >= 0)
        return false;
    lower_describe(l, node, in);
    if (!cpu_supports(node->op, node->options, in, node->in_count))
        return false;
    can = node->op->cpu->reads_rows(node->options, in, node->in_count);
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i] == id && (i >= 32 || !(can >> i & 1U)))
            return false;
    return true;
}

static bool may_defer(const struct lowering *l, int index)
{
    const struct node *node = plan_node(l->plan, index);
    int                id = l->fusions[index].result, reads = 0;
    struct op_tensor   in[OP_MAX_PORTS];

    if (!l->needed[index] || l->taken_by[index] >= 0 || !node->op->cpu || !node->op->cpu->rows || l->shapes[id].rank < 3 ||
        l->places[id].join >= 0 || l->in_storage[id] || l->plan->known[id])
        return false;
    lower_describe(l, node, in);
    if (!cpu_supports(node->op, node->options, in, node->in_count) ||
        cpu_layout(node->op, node->options, in, node->in_count) != OP_WANTS_CHANNELS_LAST)
        return false;
    for (int n = 0; n < (int)l->graph->node_count; n++) {
        const struct node *reader = plan_node(l->plan, n);
        int                here   = 0;

        for (int i = 0; l->needed[n] && i < reader->in_count; i++)
            here += reader->in[i] == id && !op_port_at(reader->op->in, i)->shape_only;
        if (here && !reads_rows(l, n, id))
            return false;
        reads += here;
    }
    return reads > 0 && reads == l->readers[id]; /* else the caller reads it, too */
}

void lower_defer(struct lowering *l)
{
    for (int n = 0; !l->plan->options.no_fusion && !l->plan->program && n < (int)l->graph->node_count; n++)
        l->deferred[n] = may_defer(l, n);
}
