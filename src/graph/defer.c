/* SPDX-License-Identifier: MIT */
/* Deferred results, which are not stored, or not kept. A normalised and activated image costs a pass over memory to
 * write, one to read, and in training its memory until the backward pass; recomputed from the input of the
 * normalisation, it costs a multiply-add per element in the cache. If an operator can compute its result some rows at a
 * time and every reader can take rows, its step only prepares (statistics), and the readers have the rows computed
 * (op_rows). If some reader needs the result in memory, but much runs between the last reader in the forward pass and
 * the first in the backward pass, it is stored twice from the same rows, and its memory is free in between: 120 of
 * ResNet-50's 615 MiB at batch 8, for one percent of the time. No operator is known by name: descriptors answer. Read
 * fuse.c before. */
#include "device/cpu/cpu.h"
#include "graph/lower.h"

#include <limits.h>

enum {
    WORTH      = 1 << 20, /* bytes: smaller results are not worth computing twice */
    LONG_SHARE = 8        /* the gap between readers must span 1/8 of all nodes: shorter ones do not lower the peak */
};

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

/* Whether the value is kept until node `to` anyway, for other readers. */
static bool is_kept_by_others(const struct lowering *l, int id, int to)
{
    const struct value *value = graph_value(l->graph, id);
    int                 producer = value->node;

    if (producer < 0 || l->plan->known[id])
        return true;
    producer = l->taken_by[producer] >= 0 ? l->taken_by[producer] : producer;
    return l->last_read[id] >= to && !l->deferred[producer];
}

/* Whether storing the result of node `index` twice leaves its memory free for long, and all its inputs are kept until
 * then anyway. Sets l->dropped_after. */
static bool is_worth_dropping(struct lowering *l, int index)
{
    const struct fusion *fusion = &l->fusions[index];
    const struct node   *node   = plan_node(l->plan, index);
    int                  id = fusion->result, last = index, before = index, after = index;
    size_t               bytes;

    if (!l->plan->options.training || fusion->activation_gradient >= 0 ||
        !shape_bytes(&l->shapes[id], FOV_F32, &bytes) || bytes < WORTH)
        return false;
    for (int n = 0; n < (int)l->graph->node_count; n++) {
        const struct node *reader = plan_node(l->plan, n);
        bool               reads = false;

        for (int i = 0; l->needed[n] && i < reader->in_count; i++)
            reads = reads || (reader->in[i] == id && !op_port_at(reader->op->in, i)->shape_only);
        if (reads && n - last > after - before) {
            before = last;
            after  = n;
        }
        last = reads ? n : last;
    }
    if ((after - before) * LONG_SHARE < (int)l->graph->node_count)
        return false;
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i] && !is_kept_by_others(l, node->in[i], after))
            return false;
    if (fusion->sum >= 0 && !is_kept_by_others(l, fusion->residual, after))
        return false;
    l->dropped_after[id] = before;
    return true;
}

static bool may_defer(struct lowering *l, int index)
{
    const struct node *node = plan_node(l->plan, index);
    int                id = l->fusions[index].result, reads = 0;
    bool               by_rows = true;
    struct op_tensor   in[OP_MAX_PORTS];

    if (!l->needed[index] || l->taken_by[index] >= 0 || !node->op->cpu || !node->op->cpu->rows ||
        l->shapes[id].rank < 3 || l->concat_places[id].concat >= 0 || l->in_storage[id] || l->plan->known[id])
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
        if (here && reader->op->family == OP_OPTIMISER) /* its place in the order is not known yet */
            return false;
        by_rows = by_rows && (!here || reads_rows(l, n, id));
        reads += here;
    }
    if (reads == 0 || reads != l->readers[id]) /* differs: the caller reads it as well */
        return false;
    return by_rows || is_worth_dropping(l, index);
}

void lower_defer(struct lowering *l)
{
    for (int n = 0; !l->plan->options.no_fusion && !l->plan->program && n < (int)l->graph->node_count; n++)
        l->deferred[n] = may_defer(l, n);
}

/* ---- storing ----------------------------------------------------------------------------------------------------- */

bool lower_is_stored(const struct lowering *l, int index, int id)
{
    return l->plan->tensor_of[id] >= 0 && (l->step_of[id] < 0 || index <= l->dropped_after[id]);
}

static int store(struct lowering *l, int index, int id)
{
    fov_plan         *plan     = l->plan;
    int               producer = l->step_of[id], tensor = lower_part_tensor(l, id, -1, 0, (size_t)l->shapes[id].dim[1]);
    int               number = tensor < 0 ? -1 : plan_new_step(plan, &plan_store, -1, 1, 1);
    struct plan_step *step;

    if (number < 0)
        return (int)l->graph->context->error.status;
    step                  = &plan->steps[number];
    step->name            = graph_value(l->graph, id)->name;
    step->out[0]          = tensor;
    step->row_producer[0] = producer;
    step->in_rows[0]      = true;
    step->tensors[0]      = lower_describe_rows(l, id);
    plan->tensor_of[id] = tensor;
    l->dense_of[id]     = -1;
    if (index > l->dropped_after[id])
        l->dropped_after[id] = INT_MAX; /* the second copy is kept until the last reader */
    return FOV_OK;
}

static int store_if_needed(struct lowering *l, int index, int id, bool by_rows)
{
    if (!id || l->step_of[id] < 0 || lower_is_stored(l, index, id) || (by_rows && reads_rows(l, index, id)))
        return FOV_OK;
    return store(l, index, id);
}

int lower_store_inputs(struct lowering *l, int index)
{
    const struct fusion *fusion = &l->fusions[index];
    const struct node   *node   = plan_node(l->plan, index);
    int                  status = FOV_OK;

    for (int i = 0; i < node->in_count && !status; i++)
        if (!op_port_at(node->op->in, i)->shape_only)
            status = store_if_needed(l, index, node->in[i], true);
    if (fusion->sum >= 0 && !status)
        status = store_if_needed(l, index, fusion->residual, false);
    if (fusion->activation_gradient >= 0 && !status)
        status = store_if_needed(l, index, plan_node(l->plan, fusion->activation_gradient)->in[1], false);
    return status;
}
