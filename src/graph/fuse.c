/* SPDX-License-Identifier: MIT */
/* Fusion: which nodes become one step. To an operator that allows it are fused a normalisation with fixed statistics,
 * the sum with a residual, an activation's gradient and an activation, in that order, each only if no other node reads
 * the value that disappears. Nothing here knows any operator by name: descriptors answer. Read lower.c next. */
#include "device/cpu/cpu.h"
#include "graph/lower.h"

struct op_tensor lower_describe_value(const struct lowering *l, int id)
{
    struct op_tensor tensor = {.dtype = graph_value(l->graph, id)->dtype, .shape = l->shapes[id]};

    if (!id)
        tensor.shape.rank = -1;
    return tensor;
}

void lower_describe(const struct lowering *l, const struct node *node, struct op_tensor *in)
{
    for (int i = 0; i < node->in_count; i++)
        in[i] = lower_describe_value(l, node->in[i]);
}

/* The node that alone reads a value and is not fused yet; NULL if several nodes or the caller read it. */
static const struct node *only_reader(const struct lowering *l, int id, int *index)
{
    *index = l->last_read[id];
    if (l->readers[id] != 1 || *index < 0 || l->taken_by[*index] >= 0)
        return NULL;
    return plan_node(l->plan, *index);
}

/* Whether no run of this plan changes the value: then it may be folded into weights that are packed once. */
static bool is_fixed(const struct lowering *l, int id)
{
    enum value_kind kind = graph_value(l->graph, id)->kind;

    return !id || ((kind == VALUE_PARAMETER || kind == VALUE_CONSTANT) && !l->renewed[id]);
}

static bool inputs_are_fixed(const struct lowering *l, const struct node *node, int first)
{
    for (int i = first; i < node->in_count; i++)
        if (!is_fixed(l, node->in[i]))
            return false;
    return true;
}

static bool others_are_unread(const struct lowering *l, const struct node *node)
{
    for (int i = 1; i < node->out_count; i++)
        if (l->readers[node->out[i]] > 0)
            return false;
    return true;
}

/* Fuses normalisations factor * y + offset into step `head`, whose result is y, if weights and statistics are fixed. */
static void take_affine(const struct lowering *l, int head, struct fusion *fusion)
{
    const struct node *node = plan_node(l->plan, head), *next;
    struct op_tensor   in[OP_MAX_PORTS];
    bool               can = node->op->folds_affine && inputs_are_fixed(l, node, 1);
    int                index;

    lower_describe(l, node, in);
    can = can && (l->shapes[fusion->result].rank == 2 ||
                  cpu_layout(node->op, node->options, in, node->in_count) == OP_WANTS_CHANNELS_LAST);
    while (can && fusion->affine_count < PLAN_FOLDS) {
        next = only_reader(l, fusion->result, &index);
        if (!next || !next->op->as_affine || next->in[0] != fusion->result || !inputs_are_fixed(l, next, 1) ||
            !others_are_unread(l, next))
            return;
        lower_describe(l, next, in);
        if (!next->op->as_affine(next->options, in, next->in_count, l->plan->options.training, NULL, NULL))
            return;
        fusion->affine[fusion->affine_count++] = index;
        fusion->result                         = next->out[0];
        l->taken_by[index]                     = head;
    }
}

/* Fuses y + residual, if the residual is computed before y. */
static void take_sum(const struct lowering *l, int head, struct fusion *fusion)
{
    const struct node *sum;
    int                index, other, producer;

    if (!plan_node(l->plan, head)->op->fuses_residual)
        return;
    sum = only_reader(l, fusion->result, &index);
    if (!sum || !sum->op->as_residual)
        return;
    other = sum->in[0] == fusion->result ? sum->in[1] : sum->in[0];
    producer = graph_value(l->graph, other)->node;
    if (l->plan->known[other] || graph_value(l->graph, other)->dtype != FOV_F32 ||
        !shape_equal(&l->shapes[other], &l->shapes[fusion->result]))
        return;
    while (producer >= 0 && l->taken_by[producer] >= 0)
        producer = l->taken_by[producer];
    if (producer >= head)
        return;
    fusion->sum        = index;
    fusion->residual   = other;
    fusion->result     = sum->out[0];
    l->taken_by[index] = head;
}

/* Fuses an activation's gradient: y times the derivative at the saved tensor, which has y's shape. */
static void take_activation_gradient(const struct lowering *l, int head, struct fusion *fusion)
{
    const struct node *next;
    int                index, saved, producer;

    if (!plan_node(l->plan, head)->op->fuses_activation_gradient)
        return;
    next = only_reader(l, fusion->result, &index);
    if (!next || !next->op->as_activation_gradient || next->in_count != 2 || next->in[0] != fusion->result ||
        !next->in[1])
        return;
    saved = next->in[1];
    producer = graph_value(l->graph, saved)->node;
    while (producer >= 0 && l->taken_by[producer] >= 0)
        producer = l->taken_by[producer];
    if (l->plan->known[saved] || graph_value(l->graph, saved)->dtype != FOV_F32 || producer >= head ||
        !shape_equal(&l->shapes[saved], &l->shapes[fusion->result]))
        return;
    fusion->activation_gradient = index;
    fusion->result              = next->out[0];
    l->taken_by[index]          = head;
}

static void take_activation(const struct lowering *l, int head, struct fusion *fusion)
{
    const struct node *next;
    int                index;

    if (!plan_node(l->plan, head)->op->fuses_activation)
        return;
    next = only_reader(l, fusion->result, &index);
    if (!next || !next->op->as_activation || next->in_count < 1 || next->in[0] != fusion->result)
        return;
    fusion->activation = index;
    fusion->result     = next->out[0];
    l->taken_by[index] = head;
}

void lower_find_fusions(struct lowering *l)
{
    for (int n = 0; n < (int)l->graph->node_count; n++) {
        const struct node *node = plan_node(l->plan, n);

        l->taken_by[n] = -1;
        l->fusions[n]  = (struct fusion){.sum = -1, .activation = -1, .activation_gradient = -1,
                                         .result = node->out_count ? node->out[0] : 0};
    }
    for (int n = 0; !l->plan->options.no_fusion && n < (int)l->graph->node_count; n++) {
        const struct node *node = plan_node(l->plan, n);
        struct op_tensor   in[OP_MAX_PORTS];

        if (!l->needed[n] || l->taken_by[n] >= 0 || node->out_count < 1)
            continue;
        lower_describe(l, node, in);
        if (!cpu_supports(node->op, node->options, in, node->in_count))
            continue;
        if (node->op->fuses_here && !node->op->fuses_here(node->options, in, node->in_count))
            continue;
        take_affine(l, n, &l->fusions[n]);
        take_sum(l, n, &l->fusions[n]);
        take_activation_gradient(l, n, &l->fusions[n]);
        take_activation(l, n, &l->fusions[n]);
    }
}
