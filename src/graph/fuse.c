/* SPDX-License-Identifier: MIT */
/* Which nodes become one step. Nothing here knows any operator by name: descriptors answer. */
#include "device/cpu/cpu.h"
#include "graph/lower.h"

void lower_describe(const struct lowering *l, const struct node *node, struct op_tensor *in)
{
    for (int i = 0; i < node->in_count; i++) {
        in[i] = (struct op_tensor){.dtype = graph_value(l->graph, node->in[i])->dtype, .shape = l->shapes[node->in[i]]};
        if (!node->in[i])
            in[i].shape.rank = -1;
    }
}

/* y = act(f(x)) in one step, when nobody else wants f(x). */
void lower_find_fusions(struct lowering *l)
{
    const fov_graph *graph = l->graph;

    for (size_t n = 0; n < graph->node_count; n++)
        l->fused_by[n] = -1;
    for (size_t n = 0; !l->plan->options.no_fusion && n < graph->node_count; n++) {
        const struct node  *activation = &graph->nodes[n];
        const struct value *x;
        const struct node  *maker;
        struct op_tensor    in[OP_MAX_PORTS];

        if (!l->needed[n] || !activation->op->as_activation || activation->in_count < 1)
            continue;
        x = graph_value(graph, activation->in[0]);
        if (x->node < 0 || x->output != 0 || l->readers[activation->in[0]] != 1)
            continue;
        maker = &graph->nodes[x->node];
        if (!maker->op->fuses_activation || l->fused_by[x->node] >= 0)
            continue;
        lower_describe(l, maker, in);
        if (!cpu_supports(maker->op, maker->options, in, maker->in_count))
            continue;
        l->fused_by[x->node] = (int)n;
        l->absorbed[n]       = true;
    }
}
