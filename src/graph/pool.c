/* SPDX-License-Identifier: MIT */
/* Convolutions whose only reader is a 2 x 2 max pooling become conv_max_pool, and so do their gradients, where that operator
 * says that it pays (small networks, large batches): the image between the two is then never written. With relu between
 * or not: the greatest of rectified values is the rectified greatest. These few operators are known by name, since what
 * they make together is an operator of its own; the graph itself stays as it is. Read rewrite.c before. */
#include "graph/lower.h"

#include <string.h>

static bool is_named(const struct node *node, const char *name)
{
    return strcmp(node->op->name, name) == 0;
}

/* An option by its name; the operator has it. */
static void *option_of(const struct node *node, const char *name)
{
    const struct op_attribute *attribute = node->op->attributes;

    while (strcmp(attribute->name, name) != 0)
        attribute++;
    return (char *)node->options + attribute->offset;
}

static bool all_are(const struct node *node, const char *name, int64_t value, int64_t fallback)
{
    const struct op_list *list = option_of(node, name);

    for (int i = 0; i < (list->count ? list->count : 1); i++)
        if (op_list_get(list, i, fallback) != value)
            return false;
    return true;
}

/* Windows of 2 x 2 side by side, none over the edge. large: the image, small: the pooled one. */
static bool pools_blocks(const struct node *node, const fov_shape *large, const fov_shape *small)
{
    return large->rank == 4 && all_are(node, "kernel", 2, 1) && all_are(node, "stride", 2, 1) && all_are(node, "pad", 0, 0) &&
           all_are(node, "dilation", 1, 1) && *(const int *)option_of(node, "auto_pad") == 0 &&
           *(const int *)option_of(node, "indices") == 0 && small->dim[2] == large->dim[2] / 2 &&
           small->dim[3] == large->dim[3] / 2;
}

/* The node that makes a value, if this reader is all that it is made for. */
static const struct node *made_for(const struct lowering *l, int id)
{
    const struct value *value = graph_value(l->graph, id);

    return value->node >= 0 && value->output == 0 && l->readers[id] == 1 && l->needed[value->node] && !l->plan->known[id]
               ? plan_node(l->plan, value->node)
               : NULL;
}

/* A node of operator `name` with the options of convolution `conv`, in place of node `index`, if it pays. only_ask: nothing is
 * changed. */
static int replace(struct lowering *l, int index, const char *name, const struct node *conv, const int *in, int in_count,
                   bool rectify, bool only_ask, bool *pays)
{
    struct memory     *memory = l->graph->context->memory;
    struct error      *error  = &l->graph->context->error;
    const struct op   *op     = op_find(name);
    const struct node *old    = plan_node(l->plan, index);
    struct node       *node   = memory_allocate(memory, 1, sizeof *node, "plan", error);
    int               *inputs = memory_allocate(memory, (size_t)in_count, sizeof *inputs, "plan", error);
    void              *options = memory_allocate(memory, op->options_size, 1, "plan", error);
    struct op_tensor   tensors[OP_MAX_PORTS];

    *pays = false;
    if (node && inputs && options) {
        op_options_default(op, options);
        memcpy(options, conv->options, conv->op->options_size);
        memcpy(inputs, in, (size_t)in_count * sizeof *inputs);
        *node = (struct node){op, conv->name, options, inputs, old->out, in_count, old->out_count};
        *(bool *)option_of(node, "rectify") = rectify;
        lower_describe(l, node, tensors);
        *pays = op->pays(l->graph->context->kernel, options, tensors, in_count);
    }
    if (!*pays || only_ask) {
        memory_free(memory, node);
        memory_free(memory, inputs);
        memory_free(memory, options);
    } else {
        l->plan->rewritten[index] = node;
    }
    return (int)error->status;
}

static int join_forward(struct lowering *l, int index)
{
    const struct node *pool = plan_node(l->plan, index), *conv = made_for(l, pool->in[0]);
    bool               rectify = conv && is_named(conv, "relu"), pays;

    if (rectify)
        conv = made_for(l, conv->in[0]);
    if (!conv || !is_named(conv, "conv") || !pools_blocks(pool, &l->shapes[pool->in[0]], &l->shapes[pool->out[0]]))
        return FOV_OK;
    return replace(l, index, "conv_max_pool", conv, conv->in, conv->in_count, rectify, false, &pays);
}

/* What a reader of the pooling's gradient becomes: true with the operator's name and inputs. */
static bool reader_becomes(const struct node *reader, int gradient, const struct node *pool, const char **name, int in[3])
{
    bool weight = is_named(reader, "conv_weight_gradient") && reader->in[1] == gradient && reader->in[0] != gradient;
    bool input  = is_named(reader, "conv_input_gradient") && reader->in[0] == gradient && reader->in[1] != gradient;

    *name = weight ? "conv_max_pool_weight_gradient" : "conv_max_pool_input_gradient";
    in[0] = weight ? reader->in[0] : pool->in[0];
    in[1] = weight ? pool->in[0] : pool->in[1];
    in[2] = weight ? pool->in[1] : reader->in[1];
    return weight || input;
}

/* A sum over channels is the same before and after each number is put back to its pixel. */
static int sum_before(struct lowering *l, int index, int id)
{
    struct memory     *memory = l->graph->context->memory;
    struct error      *error  = &l->graph->context->error;
    const struct node *old    = plan_node(l->plan, index);
    struct node       *node   = memory_allocate(memory, 1, sizeof *node, "plan", error);
    int               *in     = memory_allocate(memory, 1, sizeof *in, "plan", error);
    void              *options = memory_allocate(memory, old->op->options_size + 1, 1, "plan", error);

    if (!node || !in || !options) {
        memory_free(memory, node);
        memory_free(memory, in);
        memory_free(memory, options);
        return (int)error->status;
    }
    if (old->op->options_size)
        memcpy(options, old->options, old->op->options_size);
    *in   = id;
    *node = (struct node){old->op, old->name, options, in, old->out, 1, old->out_count};
    l->plan->rewritten[index] = node;
    return FOV_OK;
}

/* Whoever reads the gradient of a pooling reads the pooled one instead. Returns how many do; only_ask: would. */
static int join_readers(struct lowering *l, int index, bool only_ask, int *count)
{
    const struct node *pool = plan_node(l->plan, index);
    int                id   = pool->out[0];

    *count = 0;
    for (int n = index + 1; n < (int)l->graph->node_count; n++) {
        const struct node *reader = plan_node(l->plan, n);
        const char        *name;
        bool               joins = false;
        int                in[3], status = FOV_OK;

        if (!l->needed[n] || reader->in_count < 1 || l->plan->rewritten[n])
            continue;
        if (is_named(reader, "sum_channels") && reader->in[0] == id) {
            joins  = true;
            status = only_ask ? FOV_OK : sum_before(l, n, pool->in[0]);
        } else if (reader_becomes(reader, id, pool, &name, in)) {
            status = replace(l, n, name, reader, in, 3, false, only_ask, &joins);
        }
        if (status)
            return status;
        *count += joins;
    }
    return FOV_OK;
}

static int join_backward(struct lowering *l, int index)
{
    const struct node *pool = plan_node(l->plan, index);
    int                id = pool->out[0], count, status;

    if (!pools_blocks(pool, &l->shapes[id], &l->shapes[pool->in[0]]))
        return FOV_OK;
    status = join_readers(l, index, true, &count);
    return status || count == 0 || count != l->readers[id] ? status : join_readers(l, index, false, &count);
}

int lower_pool(struct lowering *l)
{
    for (int n = 0; !l->plan->options.no_fusion && n < (int)l->graph->node_count; n++) {
        const struct node *node = plan_node(l->plan, n);
        int                status = FOV_OK;

        if (!l->needed[n] || l->plan->rewritten[n])
            continue;
        if (is_named(node, "max_pool"))
            status = join_forward(l, n);
        else if (is_named(node, "max_pool_gradient"))
            status = join_backward(l, n);
        if (status)
            return status;
    }
    return FOV_OK;
}
