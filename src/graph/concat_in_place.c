/* SPDX-License-Identifier: MIT */
/* Concatenation without copies. With channels stored last, a concat of channels is a set of strided writes: the step
 * that computes a part writes it straight into the concat's result, and the concat itself has nothing to do. This file
 * decides, before any step is made, which values lie in which concat; tensor_layout.c places them there as far as
 * layouts allow, and a concat copies the rest. DenseNet's concats, each of which begins with the whole of the one
 * before, become one buffer. */
#include "device/cpu/cpu.h"
#include "graph/lower.h"

static bool is_concat(const struct lowering *l, const struct node *node)
{
    struct op_tensor in[OP_MAX_PORTS];

    if (!node->op->as_concat || node->in_count < 1 || graph_value(l->graph, node->out[0])->dtype != FOV_F32 ||
        l->shapes[node->out[0]].rank < 3)
        return false;
    lower_describe(l, node, in);
    return node->op->as_concat(node->options, in, node->in_count);
}

bool lower_reads_strided(const struct lowering *l, const struct node *node, int input)
{
    struct op_tensor in[OP_MAX_PORTS];

    if (is_concat(l, node))
        return true;
    if (!node->op->cpu || input >= 32 || !(node->op->cpu->strided_in >> input & 1U))
        return false;
    lower_describe(l, node, in);
    return cpu_supports(node->op, node->options, in, node->in_count);
}

int lower_part_of(const struct lowering *l, const struct node *node, int output, int64_t *first)
{
    struct op_tensor in[OP_MAX_PORTS];
    const double    *values[OP_MAX_PORTS];
    struct op_part   part = {node->options, in, node->in_count, values, output, 0};

    if (l->plan->options.no_fusion || !node->op->as_part || graph_value(l->graph, node->in[0])->dtype != FOV_F32 ||
        l->shapes[node->in[0]].rank < 3)
        return 0;
    lower_describe(l, node, in);
    for (int i = 0; i < node->in_count; i++)
        values[i] = l->plan->known[node->in[i]];
    if (!node->op->as_part(&part))
        return 0;
    *first = part.first;
    return node->in[0];
}

/* Marks values that some node reads densely: from within a concat they would have to be copied out again. */
static void find_dense(const struct lowering *l, bool *dense)
{
    for (size_t n = 0; n < l->graph->node_count; n++) {
        const struct node *node = plan_node(l->plan, (int)n);
        int64_t            first;

        if (!l->needed[n])
            continue;
        for (int i = 0; i < node->in_count; i++)
            if (node->in[i] && !op_port_at(node->op->in, i)->shape_only && !lower_reads_strided(l, node, i) &&
                !(i == 0 && lower_part_of(l, node, 0, &first)))
                dense[node->in[i]] = true;
    }
}

/* The node whose step computes a value as its first result; -1: there is none. */
static int producer_of(const struct lowering *l, int id)
{
    int producer = graph_value(l->graph, id)->node;

    while (producer >= 0 && l->taken_by[producer] >= 0)
        producer = l->taken_by[producer];
    return producer >= 0 && l->needed[producer] && l->fusions[producer].result == id ? producer : -1;
}

static bool can_place(const struct lowering *l, int id, const bool *dense)
{
    int                producer = producer_of(l, id);
    const struct node *node     = producer < 0 ? NULL : plan_node(l->plan, producer);
    struct op_tensor   in[OP_MAX_PORTS];

    if (!node || dense[id] || l->in_storage[id] || l->plan->known[id] || l->concat_places[id].concat >= 0)
        return false;
    if (is_concat(l, node))
        return true;
    if (!node->op->cpu || !node->op->cpu->strided_out)
        return false;
    lower_describe(l, node, in);
    return cpu_layout(node->op, node->options, in, node->in_count) == OP_WANTS_CHANNELS_LAST;
}

/* Whether all inputs already lie side by side in one concat: then this concat's result is that part of it. */
static bool lies_in_order(const struct lowering *l, const struct node *node)
{
    struct concat_place next = l->concat_places[node->in[0]];

    for (int i = 0; i < node->in_count; i++) {
        const struct concat_place *place = &l->concat_places[node->in[i]];

        if (place->concat < 0 || place->concat != next.concat || place->channel != next.channel)
            return false;
        next.channel += l->shapes[node->in[i]].dim[1];
    }
    return true;
}

/* From the last concat to the first: a concat that is itself part of a larger one hands its place on to its inputs. */
void lower_find_concat_places(struct lowering *l, bool *dense)
{
    for (size_t id = 0; id < l->graph->value_count; id++)
        l->concat_places[id] = (struct concat_place){.concat = -1};
    for (size_t n = 0; n < l->graph->node_count; n++)
        l->concat_storage[n] = -1;
    if (l->plan->options.no_fusion)
        return;
    find_dense(l, dense);
    for (int n = (int)l->graph->node_count; n-- > 0;) {
        const struct node *node = plan_node(l->plan, n);
        struct concat_place next;

        if (!l->needed[n] || l->taken_by[n] >= 0 || !is_concat(l, node))
            continue;
        if (l->concat_places[node->out[0]].concat < 0)
            l->concat_places[node->out[0]] = lies_in_order(l, node) ? l->concat_places[node->in[0]]
                                                                    : (struct concat_place){n, 0};
        next = l->concat_places[node->out[0]];
        for (int i = 0; i < node->in_count; i++) {
            if (can_place(l, node->in[i], dense))
                l->concat_places[node->in[i]] = next;
            next.channel += l->shapes[node->in[i]].dim[1];
        }
    }
}
