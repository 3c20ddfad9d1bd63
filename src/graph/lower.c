/* SPDX-License-Identifier: MIT */
/* Nodes to steps. Four questions in turn: which nodes are needed and in which order (order.c); which of them mean or
 * become one step (rewrite.c, substitute.c, fuse.c); where and in which layout each tensor is stored (tensor_layout.c);
 * and how each operator will compute (step.c, fuse_steps.c). No operator is known by name: descriptors answer. */
#include "device/cpu/cpu.h"
#include "graph/constant_fold.h"
#include "graph/lower.h"

#include <stdio.h>
#include <string.h>

static bool is_read(const struct lowering *l, int id)
{
    return l->readers[id] > 0;
}

/* The tensor of a residual or saved activation, in the layout of the step's result. */
static int extra_tensor(struct lowering *l, int id, enum op_layout layout)
{
    return lower_tensor(l, id, l->shapes[id].rank >= 3 ? layout : OP_PLAIN, false);
}

/* The tensors of a node's inputs, then of residual and saved activation. Bringing one into `layout` may add a
 * conversion step. */
static int input_tensors(struct lowering *l, int index, enum op_layout layout, int *in)
{
    const struct node   *node   = plan_node(l->plan, index);
    const struct fusion *fusion = &l->fusions[index];

    for (int i = 0; i < node->in_count; i++) {
        in[i] = -1;
        if (!node->in[i] || op_port_at(node->op->in, i)->shape_only || (node->op->view && i > 0) ||
            (l->step_of[node->in[i]] >= 0 && !lower_is_stored(l, index, node->in[i])))
            continue;
        in[i] = lower_tensor(l, node->in[i], op_port_at(node->op->in, i)->plain ? OP_PLAIN : layout,
                          layout == OP_CHANNELS_LAST && lower_reads_strided(l, node, i));
        if (in[i] < 0)
            return (int)l->graph->context->error.status;
    }
    in += node->in_count;
    if (fusion->sum >= 0 && (*in++ = extra_tensor(l, fusion->residual, layout)) < 0)
        return (int)l->graph->context->error.status;
    if (fusion->activation_gradient >= 0 &&
        (*in++ = extra_tensor(l, plan_node(l->plan, fusion->activation_gradient)->in[1], layout)) < 0)
        return (int)l->graph->context->error.status;
    return FOV_OK;
}

static int output_tensors(struct lowering *l, const struct node *node, const struct fusion *fusion,
                          enum op_layout layout, struct plan_step *step)
{
    for (int i = 0; i < node->out_count; i++) {
        int id = i == 0 ? fusion->result : node->out[i];

        step->out[i] = -1;
        if (step->again && op_port_at(node->op->out, i)->updates)
            continue; /* running statistics and the like are renewed only the first time the step runs */
        if (l->shapes[id].rank < 0 || (i > 0 && op_port_at(node->op->out, i)->optional && !is_read(l, id)))
            continue;
        if (i == 0 && step->deferred) {
            step->tensors[step->in_count] =
                (struct op_tensor){.dtype = FOV_F32, .shape = l->shapes[id], .layout = OP_CHANNELS_LAST};
            l->step_of[id] = (int)(step - l->plan->steps);
            continue;
        }
        step->out[i] = lower_result_tensor(l, node, i, id, layout, step->in_count ? step->in[0] : -1, step->once);
        if (step->out[i] < 0)
            return (int)l->graph->context->error.status;
    }
    return FOV_OK;
}

/* Results that are some channels of input 0 share its memory: nothing runs. *done is false if that is not possible. */
static int lower_parts(struct lowering *l, int index, bool again, bool *done)
{
    fov_plan          *plan  = l->plan;
    const struct node *node  = plan_node(plan, index);
    int                from  = plan->tensor_of[node->in[0]], number;
    int64_t            first = 0;

    *done = false;
    if (from < 0 || plan->tensors[from].layout != OP_CHANNELS_LAST || plan->storages[plan->tensors[from].storage].fixed)
        return FOV_OK;
    for (int i = 0; i < node->out_count; i++)
        if (!lower_part_of(l, node, i, &first) || l->in_storage[node->out[i]])
            return FOV_OK;
    number = plan_new_step(plan, node->op, index, node->in_count, node->out_count);
    if (number < 0)
        return (int)l->graph->context->error.status;
    plan->steps[number].name  = node->name;
    plan->steps[number].skip  = true;
    plan->steps[number].again = again;
    plan->steps[number].in[0] = from;
    lower_name_part(&plan->steps[number], node);
    for (int i = 0; i < node->out_count; i++) {
        struct plan_tensor whole  = plan->tensors[from];
        size_t             stride = whole.pixel_stride ? whole.pixel_stride : (size_t)whole.shape.dim[1];

        lower_part_of(l, node, i, &first);
        plan->tensor_of[node->out[i]] =
            lower_part_tensor(l, node->out[i], whole.storage, whole.begin + (size_t)first * sizeof(float), stride);
        if (plan->tensor_of[node->out[i]] < 0)
            return (int)l->graph->context->error.status;
        plan->steps[number].out[i] = plan->tensor_of[node->out[i]];
    }
    *done = true;
    return FOV_OK;
}

/* Whether all parts of a concatenation have been written straight into its result. */
static bool is_in_place(const fov_plan *plan, const struct plan_step *step)
{
    const struct plan_tensor *whole = &plan->tensors[step->out[0]];
    size_t                    begin = whole->begin;

    for (int i = 0; i < step->in_count; i++) {
        const struct plan_tensor *part = &plan->tensors[step->in[i]];

        if (part->storage != whole->storage || part->begin != begin || part->layout != whole->layout)
            return false;
        begin += (size_t)part->shape.dim[1] * sizeof(float);
    }
    return whole->layout == OP_CHANNELS_LAST;
}

static int lower_node(struct lowering *l, int index, bool again)
{
    fov_plan            *plan   = l->plan;
    const struct node   *node   = plan_node(plan, index);
    const struct fusion *fusion = &l->fusions[index];
    enum op_layout       layout;
    bool                 adds   = fusion->sum >= 0, multiplies = fusion->activation_gradient >= 0, done = false;
    int                  in[OP_MAX_PORTS + 2], number, shown_by, producer;
    int                  status = lower_store_inputs(l, index);
    struct plan_step    *step, *before;

    if (!status)
        status = lower_parts(l, index, again, &done);
    if (status || done)
        return status;
    layout = lower_layout(l, node);
    status = input_tensors(l, index, layout, in);
    if (status)
        return status;
    number = plan_new_step(plan, node->op, index, node->in_count + adds + multiplies, node->out_count);
    if (number < 0)
        return (int)l->graph->context->error.status;
    step                   = &plan->steps[number];
    step->name             = node->name;
    step->again            = again;
    step->residual         = adds;
    step->saved_activation = multiplies;
    step->deferred         = l->deferred[index];
    memcpy(step->in, in, sizeof *in * (size_t)step->in_count);
    lower_describe_inputs(l, node, step);
    lower_name_part(step, node);
    lower_once(l, step);
    for (int i = 0; i < node->out_count; i++)
        step->once = step->once && !l->in_storage[node->out[i]] && !node->op->view;
    status = output_tensors(l, node, fusion, layout, step);
    if (!status)
        lower_keep_results(plan, step);
    if (!status)
        status = lower_take_in(l, fusion, step);
    if (status || node->op->view) {
        step->skip = true;
        return status;
    }
    if (node->op->as_concat && l->concat_places[node->out[0]].concat >= 0 && is_in_place(plan, step)) {
        step->skip = true;
        return FOV_OK;
    }
    shown_by = lower_find_shown(l, node, step);
    before   = lower_find_before(l, step);
    step->compile.before = before ? &before->compile : NULL;
    producer = lower_find_producer(l, step);
    if (producer >= 0)
        step->compile.producer = &plan->steps[producer].compile;
    if (lower_compile(plan, step, node->options))
        return (int)l->graph->context->error.status;
    step->compile.before = NULL; /* dangling once steps are added: the array moves */
    if (step->compile.merges)
        before->merged = true;
    if (step->compile.seen) {
        step->shown_by                 = shown_by;
        plan->steps[shown_by].observer = number;
    }
    lower_count_cost(step, node->options);
    if (step->compile.takes_producer)
        lower_take_producer(plan, step, producer);
    if (step->compile.identity)
        lower_alias(plan, step);
    return FOV_OK;
}

/* The tensor of a parameter's new value. If that is the memory of another parameter which is renewed as well, a copy of
 * it: with `put_by` the copy is made (before any parameter is renewed), without it is only looked up. */
static int next_tensor(struct lowering *l, int id, bool put_by)
{
    fov_plan                  *plan = l->plan;
    int                        next = graph_value(l->graph, id)->assigned;
    int                        from = lower_tensor(l, next, OP_PLAIN, false);
    const struct plan_storage *storage = from < 0 ? NULL : &plan->storages[plan->tensors[from].storage];

    if (!storage || !storage->fixed || !l->renewed[storage->parameter] || storage->parameter == id)
        return from;
    if (put_by && l->dense_of[next] < 0) {
        l->dense_of[next] = lower_new_tensor(l, next);
        if (l->dense_of[next] < 0 ||
            lower_move(l, &plan_copy, from, l->dense_of[next], graph_value(l->graph, id)->name))
            return -1;
    }
    return l->dense_of[next];
}

/* Copies the new values that could not be written in place into their parameters, after all other steps. */
static int lower_copies(struct lowering *l)
{
    fov_graph *graph = l->graph;

    for (int copies = 0; copies < 2; copies++)
        for (size_t id = 1; id < graph->value_count; id++) {
            int from, to;

            if (!l->renewed[id] || l->in_storage[graph->values[id].assigned])
                continue;
            from = next_tensor(l, (int)id, !copies);
            to   = from < 0 || !copies ? -1 : lower_source(l, (int)id);
            if (from < 0 ||
                (copies && (to < 0 || lower_move(l, &plan_copy, from, to, graph->values[id].name))))
                return (int)graph->context->error.status;
        }
    return FOV_OK;
}

/* Brings outputs into plain order, adds the copies into parameters, and compiles the steps without a node. */
static int lower_ends(struct lowering *l)
{
    fov_plan  *plan  = l->plan;
    fov_graph *graph = l->graph;

    for (int i = 0; i < plan->output_count; i++) {
        int tensor = lower_tensor(l, plan->outputs[i], OP_PLAIN, false);

        if (tensor < 0)
            return (int)graph->context->error.status;
        plan->storages[plan->tensors[tensor].storage].output = true;
    }
    if (lower_copies(l))
        return (int)graph->context->error.status;
    for (size_t s = 0; s < plan->step_count; s++) { /* conversions and copies were added without being compiled */
        struct plan_step *step = &plan->steps[s];

        if (step->node < 0 && lower_compile(plan, step, NULL))
            return (int)graph->context->error.status;
        if (step->node < 0)
            snprintf(step->operation, sizeof step->operation, "%s", step->op->name);
    }
    return FOV_OK;
}

static int lower(struct lowering *l, int *ready, int *read_so_far, bool *dense)
{
    int status;

    lower_mark_needed(l);
    status = graph_infer(l->graph, l->plan->options.batch, l->needed, NULL, l->shapes, l->plan->known);
    if (status)
        return status;
    lower_prune(l);
    lower_count_readers(l);
    memset(l->dense_of, -1, l->graph->value_count * sizeof *l->dense_of);
    status = lower_rewrite(l);
    if (status)
        return status;
    lower_prune(l);
    lower_count_readers(l);
    status = lower_substitute(l);
    if (status)
        return status;
    lower_find_updates_in_storage(l);
    lower_find_fusions(l);
    lower_find_concat_places(l, dense);
    memset(l->step_of, -1, l->graph->value_count * sizeof *l->step_of);
    memset(l->dropped_after, -1, l->graph->value_count * sizeof *l->dropped_after);
    lower_defer(l);
    lower_find_last_reads(l);
    lower_find_order(l, ready, read_so_far);
    if (l->plan->program && l->plan->program->node) {
        const struct plan_program *program = l->plan->program;

        for (size_t i = 0; i < program->count && !status; i++)
            status = lower_node(l, program->node[i], program->again[i]);
    } else {
        for (int i = 0; i < l->order_count && !status; i++)
            if (l->taken_by[l->order[i]] < 0)
                status = lower_node(l, l->order[i], false);
    }
    return status ? status : lower_ends(l);
}

int plan_lower(fov_plan *plan)
{
    fov_graph      *graph  = plan->graph;
    struct memory  *memory = graph->context->memory;
    struct error   *error  = &graph->context->error;
    size_t          nodes = graph->node_count + 1, values = graph->value_count;
    struct lowering l     = {.plan = plan, .graph = graph};
    int            *ready = memory_allocate(memory, nodes, sizeof *ready, "plan", error);
    int            *read  = memory_allocate(memory, values, sizeof *read, "plan", error);
    bool           *dense = memory_allocate(memory, values, sizeof *dense, "plan", error);
    int             status;

    l.concat_places  = memory_allocate(memory, values, sizeof *l.concat_places, "plan", error);
    l.dense_of       = memory_allocate(memory, values, sizeof *l.dense_of, "plan", error);
    l.deferred       = memory_allocate(memory, nodes, sizeof *l.deferred, "plan", error);
    l.step_of        = memory_allocate(memory, values, sizeof *l.step_of, "plan", error);
    l.dropped_after  = memory_allocate(memory, values, sizeof *l.dropped_after, "plan", error);
    l.concat_storage = memory_allocate(memory, nodes, sizeof *l.concat_storage, "plan", error);
    l.needed     = memory_allocate(memory, nodes, sizeof *l.needed, "plan", error);
    l.fusions    = memory_allocate(memory, nodes, sizeof *l.fusions, "plan", error);
    l.taken_by   = memory_allocate(memory, nodes, sizeof *l.taken_by, "plan", error);
    l.order      = memory_allocate(memory, nodes * 2, sizeof *l.order, "plan", error);
    l.shapes     = memory_allocate(memory, values, sizeof *l.shapes, "plan", error);
    l.readers    = memory_allocate(memory, values, sizeof *l.readers, "plan", error);
    l.last_read  = memory_allocate(memory, values, sizeof *l.last_read, "plan", error);
    l.renewed    = memory_allocate(memory, values, sizeof *l.renewed, "plan", error);
    l.in_storage = memory_allocate(memory, values, sizeof *l.in_storage, "plan", error);
    l.read_until = memory_allocate(memory, values, sizeof *l.read_until, "plan", error);
    status       = (int)error->status;
    if (!status)
        status = lower(&l, ready, read, dense);
    memory_free(memory, ready);
    memory_free(memory, read);
    memory_free(memory, dense);
    memory_free(memory, l.concat_places);
    memory_free(memory, l.dense_of);
    memory_free(memory, l.deferred);
    memory_free(memory, l.step_of);
    memory_free(memory, l.dropped_after);
    memory_free(memory, l.concat_storage);
    memory_free(memory, l.needed);
    memory_free(memory, l.fusions);
    memory_free(memory, l.taken_by);
    memory_free(memory, l.order);
    memory_free(memory, l.shapes);
    memory_free(memory, l.readers);
    memory_free(memory, l.last_read);
    memory_free(memory, l.renewed);
    memory_free(memory, l.in_storage);
    memory_free(memory, l.read_until);
    return status;
}
