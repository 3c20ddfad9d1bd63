/* SPDX-License-Identifier: MIT */
/* Nodes to steps. Four questions in turn: which nodes are needed and in which order (order.c); which of them mean
 * or become one step (rewrite.c, takeover.c, fuse.c); in which layout each tensor is stored; and how each operator will compute. Nothing here knows
 * any operator by name: descriptors answer. */
#include "device/cpu/cpu.h"
#include "graph/known.h"
#include "graph/lower.h"
#include "tensor/convert.h"

#include <stdio.h>
#include <string.h>

/* ---- tensors and layouts -------------------------------------------------------------------------------------------------- */

/* Both orders are the same bytes when there is one channel or one pixel. */
static bool orders_agree(const fov_shape *shape)
{
    return shape->rank < 3 || shape->dim[1] == 1 || shape_span(shape, 2, shape->rank) == 1;
}

static int new_tensor(fov_plan *plan, int value, fov_dtype dtype, const fov_shape *shape, enum op_layout layout,
                      int storage)
{
    struct plan_tensor tensor = {value, dtype, *shape, layout, 0, storage, 0, 0};

    if (!shape_bytes(shape, dtype, &tensor.bytes)) {
        error_set(&plan->graph->context->error, FOV_E_MEMORY, "the tensor \"%s\" does not fit memory",
                  graph_value(plan->graph, value)->name);
        return -1;
    }
    if (storage < 0)
        tensor.storage = plan_new_storage(plan, tensor.bytes);
    return tensor.storage < 0 ? -1 : plan_new_tensor(plan, tensor);
}

/* A known result is a constant of the plan. */
static int own_known(fov_plan *plan, int id, int tensor)
{
    struct fov_context  *context = plan->graph->context;
    struct plan_storage *storage = &plan->storages[plan->tensors[tensor].storage];
    size_t               bytes   = plan->tensors[tensor].bytes;

    storage->owned = memory_allocate(context->memory, bytes ? bytes : 1, 1, "known value", &context->error);
    if (!storage->owned)
        return FOV_E_MEMORY;
    storage->fixed = storage->owned;
    convert_from_double(plan->tensors[tensor].dtype, plan->known[id], storage->owned,
                        bytes / fov_dtype_size(plan->tensors[tensor].dtype));
    return FOV_OK;
}

/* Inputs get memory of their own, parameters and constants lie in the graph. */
static int source_tensor(struct lowering *l, int id)
{
    fov_plan           *plan  = l->plan;
    const struct value *value = graph_value(l->graph, id);
    enum op_layout      layout =
        value->kind == VALUE_INPUT && plan->options.channels_last_inputs && l->shapes[id].rank == 4 ? OP_CHANNELS_LAST
                                                                                                    : OP_PLAIN;
    int tensor = plan->tensor_of[id];

    if (tensor >= 0)
        return tensor;
    tensor = new_tensor(plan, id, value->dtype, &l->shapes[id], layout, -1);
    if (tensor < 0)
        return -1;
    plan->storages[plan->tensors[tensor].storage].keep = true;
    if (value->node >= 0) {
        if (own_known(plan, id, tensor))
            return -1;
    } else if (value->kind != VALUE_INPUT) {
        plan->storages[plan->tensors[tensor].storage].fixed     = plan_constant(plan, id);
        plan->storages[plan->tensors[tensor].storage].parameter = value->kind == VALUE_PARAMETER ? id : 0;
        if (!plan->storages[plan->tensors[tensor].storage].fixed)
            return -1;
    }
    plan->tensor_of[id] = tensor;
    return tensor;
}

/* Its elements do not change from run to run: a parameter or constant, or made of such. */
static bool is_constant(const struct lowering *l, int tensor)
{
    const struct plan_storage *storage = &l->plan->storages[l->plan->tensors[tensor].storage];

    return storage->once || (storage->fixed && !l->renewed[storage->parameter]);
}

/* A step that reads nothing else runs once; its results stay in the arena. */
static void run_once(struct lowering *l, struct plan_step *step)
{
    bool any = false;

    if (l->plan->options.no_fusion || step->op->random || step->op->family == OP_OPTIMISER)
        return;
    for (int i = 0; i < step->in_count; i++) {
        any = any || step->in[i] >= 0;
        if (step->maker[i] >= 0 || (step->in[i] >= 0 && !is_constant(l, step->in[i])))
            return;
    }
    step->once = any;
}

static void keep_results(fov_plan *plan, const struct plan_step *step)
{
    for (int i = 0; step->once && i < step->out_count; i++)
        if (step->out[i] >= 0) {
            struct plan_storage *storage = &plan->storages[plan->tensors[step->out[i]].storage];

            storage->once = storage->keep = !storage->fixed;
        }
}

/* A step that brings a value from one tensor into another: a copy, or a change of order. */
static int add_move(struct lowering *l, const struct op *op, int from, int to, const char *name)
{
    int               number = plan_new_step(l->plan, op, -1, 1, 1);
    struct plan_step *step;

    if (number < 0)
        return (int)l->graph->context->error.status;
    step         = &l->plan->steps[number];
    step->in[0]  = from;
    step->out[0] = to;
    step->name   = name;
    if (!l->plan->storages[l->plan->tensors[to].storage].fixed)
        run_once(l, step);
    keep_results(l->plan, step);
    return FOV_OK;
}

/* A part of something wider for those who read densely. */
static int dense_copy(struct lowering *l, int id, int have)
{
    struct plan_tensor tensor = l->plan->tensors[have];

    if (l->dense_of[id] < 0) {
        l->dense_of[id] = new_tensor(l->plan, id, tensor.dtype, &tensor.shape, tensor.layout, -1);
        if (l->dense_of[id] < 0 || add_move(l, &plan_copy, have, l->dense_of[id], graph_value(l->graph, id)->name))
            return -1;
    }
    return l->dense_of[id];
}

/* The value's tensor in the wanted layout, put there by a conversion step if there is none yet. strided: it may be part
 * of a wider one. */
static int tensor_in(struct lowering *l, int id, enum op_layout layout, bool strided)
{
    fov_plan          *plan = l->plan;
    bool               source = graph_value(l->graph, id)->node < 0 || plan->known[id];
    int                have   = source ? source_tensor(l, id) : plan->tensor_of[id];
    struct plan_tensor tensor;
    int                made;
    bool               same_bytes;

    if (have < 0 || plan->tensors[have].layout == layout || plan->tensors[have].shape.rank < 3)
        return have >= 0 && plan->tensors[have].pixel_stride && !strided ? dense_copy(l, id, have) : have;
    if (plan->other_of[id] >= 0)
        return plan->other_of[id];
    tensor     = plan->tensors[have];
    same_bytes = orders_agree(&tensor.shape) && !tensor.pixel_stride;
    made       = new_tensor(plan, id, tensor.dtype, &tensor.shape, layout, same_bytes ? tensor.storage : -1);
    if (made < 0)
        return -1;
    if (same_bytes)
        plan->tensors[made].begin = tensor.begin;
    else if (add_move(l, &plan_convert, have, made, graph_value(l->graph, id)->name))
        return -1;
    return plan->other_of[id] = made;
}

/* The order that a node's tensors will have: its operator's wish, or that of its first input with pixels. */
static enum op_layout node_layout(struct lowering *l, const struct node *node)
{
    struct op_tensor    in[OP_MAX_PORTS];
    enum op_layout_rule rule;

    lower_describe(l, node, in);
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i] && l->plan->tensor_of[node->in[i]] >= 0)
            in[i].layout = l->plan->tensors[l->plan->tensor_of[node->in[i]]].layout;
    rule = cpu_layout(node->op, node->options, in, node->in_count);
    if (rule != OP_FOLLOWS)
        return rule == OP_WANTS_PLAIN ? OP_PLAIN : OP_CHANNELS_LAST;
    for (int i = 0; node->op->as_join && i < node->in_count; i++) /* parts that lie in it decide */
        if (l->places[node->in[i]].join >= 0 && in[i].layout == OP_CHANNELS_LAST)
            return OP_CHANNELS_LAST;
    for (int i = 0; i < node->in_count; i++)
        if (in[i].shape.rank >= 3 && !op_port_at(node->op->in, i)->plain &&
            (in[i].layout == OP_CHANNELS_LAST || !orders_agree(&in[i].shape)))
            return in[i].layout;
    return OP_PLAIN;
}

static bool is_read(const struct lowering *l, int id)
{
    return l->readers[id] > 0;
}

static int64_t pixels_of(const fov_shape *shape)
{
    return shape->dim[0] * (int64_t)shape_span(shape, 2, shape->rank);
}

/* A tensor that is the channels from `channel` on of another one. */
static int part_tensor(struct lowering *l, int id, int storage, size_t begin, size_t pixel_stride)
{
    int tensor = new_tensor(l->plan, id, FOV_F32, &l->shapes[id], OP_CHANNELS_LAST, storage);

    if (tensor < 0)
        return -1;
    l->plan->tensors[tensor].begin = begin;
    if (pixels_of(&l->shapes[id]) > 1 && pixel_stride != (size_t)l->shapes[id].dim[1])
        l->plan->tensors[tensor].pixel_stride = pixel_stride;
    return tensor;
}

/* In the join that it is a part of. */
static int placed_tensor(struct lowering *l, int id)
{
    fov_plan          *plan  = l->plan;
    struct lower_place place = l->places[id];
    int                whole = plan_node(plan, place.join)->out[0];
    size_t             bytes;

    if (l->join_storage[place.join] < 0) {
        if (!shape_bytes(&l->shapes[whole], FOV_F32, &bytes)) {
            error_set(&plan->graph->context->error, FOV_E_MEMORY, "the tensor \"%s\" does not fit memory",
                      graph_value(plan->graph, whole)->name);
            return -1;
        }
        l->join_storage[place.join] = plan_new_storage(plan, bytes);
        if (l->join_storage[place.join] < 0)
            return -1;
    }
    return part_tensor(l, id, l->join_storage[place.join], (size_t)place.channel * sizeof(float),
                       (size_t)l->shapes[whole].dim[1]);
}

/* Where a result goes: over its parameter, into the memory of its input (views), or somewhere new. */
static int result_tensor(struct lowering *l, const struct node *node, int output, int id, enum op_layout layout,
                         int first_input, bool once)
{
    fov_plan      *plan    = l->plan;
    int            storage = -1, tensor;
    enum op_layout order = l->shapes[id].rank >= 3 && !op_port_at(node->op->out, output)->plain ? layout : OP_PLAIN;

    if (l->in_storage[id]) {
        int source = source_tensor(l, node->in[op_port_at(node->op->out, output)->updates - 1]);

        if (source < 0)
            return -1;
        storage = plan->tensors[source].storage;
    } else if (node->op->view && output == 0) {
        storage = plan->tensors[first_input].storage;
    }
    if (storage < 0 && output == 0 && !once && l->places[id].join >= 0 && order == OP_CHANNELS_LAST)
        tensor = placed_tensor(l, id);
    else
        tensor = new_tensor(plan, id, graph_value(l->graph, id)->dtype, &l->shapes[id], order, storage);
    if (tensor >= 0 && node->op->view && output == 0)
        plan->tensors[tensor].begin = plan->tensors[first_input].begin;
    plan->tensor_of[id] = tensor;
    return tensor;
}

/* ---- steps ------------------------------------------------------------------------------------------------------------------- */

/* The step that makes a step's input 0 for nobody else, and can do so while that one runs; -1: there is none. Where
 * steps are
 * repeated to save memory each runs by itself. */
static int find_producer(const struct lowering *l, const struct plan_step *step)
{
    const fov_plan           *plan = l->plan;
    const struct plan_tensor *tensor;

    if (plan->options.no_fusion || plan->program || step->once || step->gate || step->in_count < 1 || step->in[0] < 0)
        return -1;
    tensor = &plan->tensors[step->in[0]];
    if (tensor->layout != OP_CHANNELS_LAST || tensor->pixel_stride || tensor->begin || l->readers[tensor->value] != 1 ||
        l->places[tensor->value].join >= 0)
        return -1;
    for (size_t s = plan->step_count - 1; s-- > 0;) {
        const struct plan_step *maker = &plan->steps[s];

        if (maker->out_count > 0 && maker->out[0] == step->in[0])
            return maker->compile.make && !maker->skip && !maker->once && !maker->compile.deferred ? (int)s : -1;
    }
    return -1;
}

/* The producer runs within its reader from now on; what it does is counted there. */
static void take_producer(fov_plan *plan, struct plan_step *step, int producer)
{
    struct plan_step *made = &plan->steps[producer];
    size_t            length;

    step->producer       = producer;
    made->taker          = (int)(step - plan->steps);
    step->multiply_adds += made->multiply_adds;
    made->multiply_adds  = 0;
    length               = strlen(made->compile.detail);
    snprintf(made->compile.detail + length, sizeof made->compile.detail - length, ", within the step that reads it");
}

static int compile_step(fov_plan *plan, struct plan_step *step, const void *options)
{
    struct fov_context *context = plan->graph->context;
    struct op_compile  *compile = &step->compile;
    struct op_tensor   *out     = step->tensors + step->in_count;

    for (int i = 0; i < step->in_count + step->out_count; i++) {
        int index = i < step->in_count ? step->in[i] : step->out[i - step->in_count];

        if (index >= 0)
            step->tensors[i] = (struct op_tensor){.dtype  = plan->tensors[index].dtype,
                                                  .shape  = plan->tensors[index].shape,
                                                  .layout = plan->tensors[index].layout,
                                                  .pixel_stride = plan->tensors[index].pixel_stride,
                                                  .id           = 1 + index};
    }
    compile->op          = step->op;
    compile->kernel      = context->kernel;
    compile->workers     = pool_threads(context->pool);
    compile->training    = plan->options.training;
    compile->options     = options;
    compile->in          = step->tensors;
    compile->out         = out;
    compile->in_count    = plan_op_inputs(step);
    compile->residual    = step->residual ? &step->tensors[plan_op_inputs(step)] : NULL;
    compile->gate        = step->gate ? &step->tensors[step->in_count - 1] : NULL;
    compile->folds       = step->fold_count > 0;
    compile->out_count   = step->out_count;
    compile->in_constant = step->constant;
    compile->in_values   = step->values;
    compile->in_rows     = step->in_rows;
    compile->deferred    = step->deferred;
    compile->exact       = context->exact_conv;
    compile->rates       = &context->rates;
    compile->error       = &context->error;
    if (cpu_compile(step->op, compile)) {
        error_prefix(&context->error, "%s \"%s\"", step->op->name, step->name);
        return (int)context->error.status;
    }
    return FOV_OK;
}

/* An identity's result is its input: the tensors share memory and nothing runs. */
static void make_alias(fov_plan *plan, struct plan_step *step)
{
    const struct plan_tensor *in = &plan->tensors[step->in[0]];
    struct plan_tensor       *out = &plan->tensors[step->out[0]];

    if (step->once) /* what was kept for it is not needed */
        plan->storages[out->storage].once = plan->storages[out->storage].keep = false;
    out->storage      = in->storage;
    out->begin        = in->begin;
    out->pixel_stride = in->pixel_stride;
    out->layout       = in->layout;
    step->skip        = true;
}

static void count_cost(struct plan_step *step, const void *options)
{
    struct op_cost cost = {.options = options, .in = step->tensors, .out = step->tensors + step->in_count,
                           .in_count = plan_op_inputs(step), .out_count = step->out_count};

    if (step->op->cost)
        step->op->cost(&cost);
    step->multiply_adds = cost.multiply_adds;
}

/* What the step adds or takes a derivative from, stored as its result is. */
static int extra_tensor(struct lowering *l, int id, enum op_layout layout)
{
    return tensor_in(l, id, l->shapes[id].rank >= 3 ? layout : OP_PLAIN, false);
}

/* Inputs in the order they will be read in, residual and gate behind them. Converting one may put a step in front. */
static int input_tensors(struct lowering *l, const struct node *node, const struct fusion *fusion, enum op_layout layout,
                         int *in)
{
    for (int i = 0; i < node->in_count; i++) {
        in[i] = -1;
        if (!node->in[i] || op_port_at(node->op->in, i)->shape_only || (node->op->view && i > 0) || l->step_of[node->in[i]] >= 0)
            continue;
        in[i] = tensor_in(l, node->in[i], op_port_at(node->op->in, i)->plain ? OP_PLAIN : layout,
                          layout == OP_CHANNELS_LAST && lower_reads_strided(l, node, i));
        if (in[i] < 0)
            return (int)l->graph->context->error.status;
    }
    in += node->in_count;
    if (fusion->sum >= 0 && (*in++ = extra_tensor(l, fusion->residual, layout)) < 0)
        return (int)l->graph->context->error.status;
    if (fusion->gate >= 0 && (*in++ = extra_tensor(l, plan_node(l->plan, fusion->gate)->in[1], layout)) < 0)
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
            continue; /* what a step renews, it renews the first time it runs */
        l->plan->other_of[id] = -1;
        if (l->shapes[id].rank < 0 || (i > 0 && op_port_at(node->op->out, i)->optional && !is_read(l, id)))
            continue;
        if (i == 0 && step->deferred) {
            step->tensors[step->in_count] =
                (struct op_tensor){.dtype = FOV_F32, .shape = l->shapes[id], .layout = OP_CHANNELS_LAST};
            l->step_of[id] = (int)(step - l->plan->steps);
            continue;
        }
        step->out[i] = result_tensor(l, node, i, id, layout, step->in_count ? step->in[0] : -1, step->once);
        if (step->out[i] < 0)
            return (int)l->graph->context->error.status;
    }
    return FOV_OK;
}

/* What a step's inputs are besides their tensors. */
static void describe_inputs(const struct lowering *l, const struct node *node, struct plan_step *step)
{
    for (int i = 0; i < node->in_count; i++) {
        int id = node->in[i];

        step->values[i] = l->plan->known[id];
        if (id && op_port_at(node->op->in, i)->shape_only)
            step->tensors[i] = (struct op_tensor){.dtype = graph_value(l->graph, id)->dtype, .shape = l->shapes[id]};
        step->constant[i] = step->in[i] >= 0 && is_constant(l, step->in[i]);
        step->maker[i]    = id ? l->step_of[id] : -1;
        step->in_rows[i]  = step->maker[i] >= 0;
        if (step->in_rows[i])
            step->tensors[i] =
                (struct op_tensor){FOV_F32, l->shapes[id], OP_CHANNELS_LAST, NULL, 0, -1 - step->maker[i]};
    }
}

/* Appends " + NAME". */
static void name_part(struct plan_step *step, const struct node *node)
{
    size_t length = strlen(step->operation);

    snprintf(step->operation + length, sizeof step->operation - length, "%s%s", length ? " + " : "", node->op->name);
}

/* Draws the parameters of what is folded: nothing is drawn while a plan runs. */
static int take_in(struct lowering *l, const struct fusion *fusion, struct plan_step *step)
{
    for (int k = 0; k < fusion->affine_count; k++) {
        const struct node *node = plan_node(l->plan, fusion->affine[k]);

        step->fold[step->fold_count++] = fusion->affine[k];
        for (int i = 1; i < node->in_count; i++)
            if (node->in[i] && !graph_data(l->graph, node->in[i]))
                return (int)l->graph->context->error.status;
        name_part(step, node);
    }
    if (fusion->sum >= 0)
        name_part(step, plan_node(l->plan, fusion->sum));
    if (fusion->activation >= 0) {
        const struct node *node = plan_node(l->plan, fusion->activation);

        step->compile.activation = node->op->as_activation(node->options, &step->compile.alpha, &step->compile.beta);
        name_part(step, node);
    }
    if (fusion->gate >= 0) {
        const struct node *node = plan_node(l->plan, fusion->gate);

        step->compile.activation = node->op->as_gate(node->options, &step->compile.alpha, &step->compile.beta);
        name_part(step, node);
    }
    return FOV_OK;
}

/* Results that are some of an input's channels lie where that lies: nothing runs. */
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
    name_part(&plan->steps[number], node);
    for (int i = 0; i < node->out_count; i++) {
        struct plan_tensor whole  = plan->tensors[from];
        size_t             stride = whole.pixel_stride ? whole.pixel_stride : (size_t)whole.shape.dim[1];

        lower_part_of(l, node, i, &first);
        plan->tensor_of[node->out[i]] =
            part_tensor(l, node->out[i], whole.storage, whole.begin + (size_t)first * sizeof(float), stride);
        if (plan->tensor_of[node->out[i]] < 0)
            return (int)l->graph->context->error.status;
        plan->steps[number].out[i] = plan->tensor_of[node->out[i]];
    }
    *done = true;
    return FOV_OK;
}

/* A join whose parts have all been written in their places. */
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

/* The step that makes a tensor as its first result; -1: none does. */
static int made_by(const fov_plan *plan, int tensor)
{
    int s = (int)plan->step_count;

    while (--s >= 0 && (tensor < 0 || plan->steps[s].skip || plan->steps[s].out_count < 1 || plan->steps[s].out[0] != tensor))
        ;
    return s;
}

/* An input over which this step sums may be shown to it while it is made, if all else that it reads is there by then. Who
 * shows it; -1: nobody. */
static int find_shown(const struct lowering *l, const struct node *node, struct plan_step *step)
{
    const fov_plan  *plan = l->plan;
    struct op_tensor in[OP_MAX_PORTS];
    int              seen = step->op->cpu ? step->op->cpu->sees - 1 : -1, by;

    if (seen < 0 || seen >= step->in_count || plan->options.no_fusion)
        return -1;
    lower_describe(l, node, in);
    if (!cpu_supports(node->op, node->options, in, node->in_count))
        return -1;
    by = made_by(plan, step->in[seen]);
    if (by < 0 || !plan->steps[by].compile.shown_rows)
        return -1;
    step->compile.part_rows = plan->steps[by].compile.shown_rows;
    if (plan->steps[by].observer >= 0 || plan->tensors[step->in[seen]].layout != OP_CHANNELS_LAST)
        return -1;
    for (int i = 0; i < step->in_count; i++)
        if (i != seen && step->in[i] >= 0 && (step->in[i] == step->in[seen] || made_by(plan, step->in[i]) > by))
            return -1;
    step->compile.seen = true;
    return by;
}

/* The step before this one, if both could run as one; else NULL. */
static struct plan_step *find_before(const struct lowering *l, struct plan_step *step)
{
    struct plan_step *before = step > l->plan->steps ? step - 1 : NULL;

    if (!before || l->plan->options.no_fusion || before->node < 0 || before->skip || before->once || before->deferred ||
        before->compile.joins || before->again || step->again || step->once || before->out_count != 1 || before->out[0] < 0)
        return NULL;
    for (int i = 0; i < step->in_count; i++)
        if (step->in[i] >= 0 && l->plan->tensors[step->in[i]].storage == l->plan->tensors[before->out[0]].storage)
            return NULL;
    return before;
}

static int lower_node(struct lowering *l, int index, bool again)
{
    fov_plan            *plan   = l->plan;
    const struct node   *node   = plan_node(plan, index);
    const struct fusion *fusion = &l->fusions[index];
    enum op_layout       layout = node_layout(l, node);
    bool                 adds   = fusion->sum >= 0, gates = fusion->gate >= 0, done = false;
    int                  in[OP_MAX_PORTS + 2], number, shown_by, producer;
    int                  status = lower_parts(l, index, again, &done);
    struct plan_step    *step, *before;

    if (status || done)
        return status;
    status = input_tensors(l, node, fusion, layout, in);
    if (status)
        return status;
    number = plan_new_step(plan, node->op, index, node->in_count + adds + gates, node->out_count);
    if (number < 0)
        return (int)l->graph->context->error.status;
    step           = &plan->steps[number];
    step->name     = node->name;
    step->again    = again;
    step->residual = adds;
    step->gate     = gates;
    step->deferred = l->deferred[index];
    memcpy(step->in, in, sizeof *in * (size_t)step->in_count);
    describe_inputs(l, node, step);
    name_part(step, node);
    run_once(l, step);
    for (int i = 0; i < node->out_count; i++)
        step->once = step->once && !l->in_storage[node->out[i]] && !node->op->view;
    status = output_tensors(l, node, fusion, layout, step);
    if (!status)
        keep_results(plan, step);
    if (!status)
        status = take_in(l, fusion, step);
    if (status || node->op->view) {
        step->skip = true;
        return status;
    }
    if (node->op->as_join && l->places[node->out[0]].join >= 0 && is_in_place(plan, step)) {
        step->skip = true;
        return FOV_OK;
    }
    shown_by = find_shown(l, node, step);
    before   = find_before(l, step);
    step->compile.before = before ? &before->compile : NULL;
    producer = find_producer(l, step);
    if (producer >= 0)
        step->compile.producer = &plan->steps[producer].compile;
    if (compile_step(plan, step, node->options))
        return (int)l->graph->context->error.status;
    step->compile.before = NULL; /* steps move while others are added */
    if (step->compile.joins)
        before->joined = true;
    if (step->compile.seen) {
        step->shown_by                 = shown_by;
        plan->steps[shown_by].observer = number;
    }
    count_cost(step, node->options);
    if (step->compile.takes_producer)
        take_producer(plan, step, producer);
    if (step->compile.identity)
        make_alias(plan, step);
    return FOV_OK;
}

/* Outputs are read in plain order; parameters whose new value could not be written in place are copied now. */
static int lower_ends(struct lowering *l)
{
    fov_plan  *plan  = l->plan;
    fov_graph *graph = l->graph;

    for (int i = 0; i < plan->output_count; i++) {
        int tensor = tensor_in(l, plan->outputs[i], OP_PLAIN, false);

        if (tensor < 0)
            return (int)graph->context->error.status;
        plan->storages[plan->tensors[tensor].storage].output = true;
    }
    for (size_t id = 1; id < graph->value_count; id++) {
        int from, to, next = graph->values[id].assigned;

        if (!l->renewed[id] || l->in_storage[next])
            continue;
        from = tensor_in(l, next, OP_PLAIN, false);
        to   = source_tensor(l, (int)id);
        if (from < 0 || to < 0 || add_move(l, &plan_copy, from, to, graph->values[id].name))
            return (int)graph->context->error.status;
    }
    for (size_t s = 0; s < plan->step_count; s++) { /* conversions and copies were put in without being compiled */
        struct plan_step *step = &plan->steps[s];

        if (step->node < 0 && compile_step(plan, step, NULL))
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
    status = lower_take_over(l);
    if (status)
        return status;
    lower_find_updates_in_storage(l);
    lower_find_order(l, ready, read_so_far);
    lower_find_fusions(l);
    lower_place_joins(l, dense);
    memset(l->step_of, -1, l->graph->value_count * sizeof *l->step_of);
    lower_defer(l);
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

    l.places       = memory_allocate(memory, values, sizeof *l.places, "plan", error);
    l.dense_of     = memory_allocate(memory, values, sizeof *l.dense_of, "plan", error);
    l.deferred     = memory_allocate(memory, nodes, sizeof *l.deferred, "plan", error);
    l.step_of      = memory_allocate(memory, values, sizeof *l.step_of, "plan", error);
    l.join_storage = memory_allocate(memory, nodes, sizeof *l.join_storage, "plan", error);
    l.needed     = memory_allocate(memory, nodes, sizeof *l.needed, "plan", error);
    l.fusions    = memory_allocate(memory, nodes, sizeof *l.fusions, "plan", error);
    l.taken_by   = memory_allocate(memory, nodes, sizeof *l.taken_by, "plan", error);
    l.order      = memory_allocate(memory, nodes * 2, sizeof *l.order, "plan", error);
    l.shapes     = memory_allocate(memory, values, sizeof *l.shapes, "plan", error);
    l.readers    = memory_allocate(memory, values, sizeof *l.readers, "plan", error);
    l.last_read  = memory_allocate(memory, values, sizeof *l.last_read, "plan", error);
    l.renewed    = memory_allocate(memory, values, sizeof *l.renewed, "plan", error);
    l.in_storage = memory_allocate(memory, values, sizeof *l.in_storage, "plan", error);
    status       = (int)error->status;
    if (!status)
        status = lower(&l, ready, read, dense);
    memory_free(memory, ready);
    memory_free(memory, read);
    memory_free(memory, dense);
    memory_free(memory, l.places);
    memory_free(memory, l.dense_of);
    memory_free(memory, l.deferred);
    memory_free(memory, l.step_of);
    memory_free(memory, l.join_storage);
    memory_free(memory, l.needed);
    memory_free(memory, l.fusions);
    memory_free(memory, l.taken_by);
    memory_free(memory, l.order);
    memory_free(memory, l.shapes);
    memory_free(memory, l.readers);
    memory_free(memory, l.last_read);
    memory_free(memory, l.renewed);
    memory_free(memory, l.in_storage);
    return status;
}
