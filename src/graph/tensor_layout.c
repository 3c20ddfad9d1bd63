/* SPDX-License-Identifier: MIT */
/* Where lowering stores each value: in which layout, and whether in new memory, over its parameter or within a wider
 * tensor; and which steps copy or convert it. Addresses come later (arena.c). Read lower.c first. */
#include "device/cpu/cpu.h"
#include "graph/lower.h"
#include "tensor/convert.h"

/* Plain and channels-last are the same bytes if there is one channel or one pixel. */
static bool orders_agree(const fov_shape *shape)
{
    return shape->rank < 3 || shape->dim[1] == 1 || shape_span(shape, 2, shape->rank) == 1;
}

static int new_tensor(fov_plan *plan, int value, fov_dtype dtype, const fov_shape *shape, enum op_layout layout,
                      int storage)
{
    struct plan_tensor tensor = {value, dtype, *shape, layout, 0, storage, 0, 0, -1};

    if (!shape_bytes(shape, dtype, &tensor.bytes)) {
        error_set(&plan->graph->context->error, FOV_E_MEMORY, "the tensor \"%s\" does not fit memory",
                  graph_value(plan->graph, value)->name);
        return -1;
    }
    if (storage < 0)
        tensor.storage = plan_new_storage(plan, tensor.bytes);
    return tensor.storage < 0 ? -1 : plan_new_tensor(plan, tensor);
}

int lower_new_tensor(struct lowering *l, int id)
{
    return new_tensor(l->plan, id, graph_value(l->graph, id)->dtype, &l->shapes[id], OP_PLAIN, -1);
}

/* A known value becomes a constant that the plan owns. */
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

/* Whether the caller fills an input in channels-last order. */
static bool comes_channels_last(const fov_plan *plan, int id)
{
    for (int i = 0; i < plan->options.channels_last_count; i++)
        if (plan->options.channels_last[i].id == id)
            return true;
    return false;
}

/* Inputs get storage in the arena; parameters and constants stay in the graph's memory. */
int lower_source(struct lowering *l, int id)
{
    fov_plan           *plan  = l->plan;
    const struct value *value = graph_value(l->graph, id);
    enum op_layout      layout =
        value->kind == VALUE_INPUT && l->shapes[id].rank == 4 && comes_channels_last(plan, id) ? OP_CHANNELS_LAST
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

int lower_move(struct lowering *l, const struct op *op, int from, int to, const char *name)
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
        lower_once(l, step);
    lower_keep_results(l->plan, step);
    return FOV_OK;
}

/* A dense copy of a tensor that is some channels of a wider one, for operators that cannot read it strided. */
static int dense_copy(struct lowering *l, int id, int have)
{
    struct plan_tensor tensor = l->plan->tensors[have];

    if (l->dense_of[id] < 0) {
        l->dense_of[id] = new_tensor(l->plan, id, tensor.dtype, &tensor.shape, tensor.layout, -1);
        if (l->dense_of[id] < 0 || lower_move(l, &plan_copy, have, l->dense_of[id], graph_value(l->graph, id)->name))
            return -1;
    }
    return l->dense_of[id];
}

int lower_tensor(struct lowering *l, int id, enum op_layout layout, bool strided)
{
    fov_plan          *plan = l->plan;
    bool               source = graph_value(l->graph, id)->node < 0 || plan->known[id];
    int                have   = source ? lower_source(l, id) : plan->tensor_of[id];
    struct plan_tensor tensor;
    int                made;
    bool               same_bytes;

    if (have < 0 || plan->tensors[have].layout == layout || plan->tensors[have].shape.rank < 3)
        return have >= 0 && plan->tensors[have].pixel_stride && !strided ? dense_copy(l, id, have) : have;
    made = plan_tensor_in(plan, have, layout);
    if (made >= 0)
        return made;
    tensor     = plan->tensors[have];
    same_bytes = tensor.layout != OP_BATCH_INNERMOST && layout != OP_BATCH_INNERMOST && orders_agree(&tensor.shape) &&
                 !tensor.pixel_stride;
    made       = new_tensor(plan, id, tensor.dtype, &tensor.shape, layout, same_bytes ? tensor.storage : -1);
    if (made < 0)
        return -1;
    if (same_bytes)
        plan->tensors[made].begin = tensor.begin;
    else if (lower_move(l, &plan_convert, have, made, graph_value(l->graph, id)->name))
        return -1;
    plan->tensors[made].other = plan->tensors[have].other;
    plan->tensors[have].other = made;
    return made;
}

/* Whether the number of images is a multiple of a vector's floats, so that each image can have a lane. */
static bool fills_registers(const struct lowering *l, const struct node *node, const struct op_tensor *in)
{
    int64_t lanes = (int64_t)l->graph->context->kernel->vector_floats;

    for (int i = 0; i < node->in_count; i++)
        if (in[i].shape.rank >= 3 && in[i].shape.dim[0] > 0 && !op_port_at(node->op->in, i)->plain)
            return in[i].shape.dim[0] % lanes == 0;
    return false;
}

/* A layout in which a value may be read without a conversion; if there are several, not plain. */
static enum op_layout layout_at_hand(const fov_plan *plan, int tensor)
{
    for (enum op_layout layout = OP_BATCH_INNERMOST; layout > OP_PLAIN; layout--)
        if (plan_tensor_in(plan, tensor, layout) >= 0)
            return layout;
    return OP_PLAIN;
}

/* The layout of a node's tensors: the one its operator wants, or that of its first input with pixels. */
enum op_layout lower_layout(struct lowering *l, const struct node *node)
{
    struct op_tensor    in[OP_MAX_PORTS];
    enum op_layout_rule rule;

    lower_describe(l, node, in);
    for (int i = 0; i < node->in_count; i++)
        in[i].layout = layout_at_hand(l->plan, l->plan->tensor_of[node->in[i]]);
    rule = cpu_layout(node->op, node->options, in, node->in_count);
    for (int i = 0; i < node->in_count; i++)
        if (l->plan->tensor_of[node->in[i]] >= 0)
            in[i].layout = l->plan->tensors[l->plan->tensor_of[node->in[i]]].layout;
    if (rule == OP_WANTS_BATCH_INNERMOST)
        return fills_registers(l, node, in) ? OP_BATCH_INNERMOST : OP_CHANNELS_LAST;
    if (rule != OP_FOLLOWS)
        return rule == OP_WANTS_PLAIN ? OP_PLAIN : OP_CHANNELS_LAST;
    for (int i = 0; node->op->as_concat && i < node->in_count; i++) /* parts placed in a concat decide */
        if (l->concat_places[node->in[i]].concat >= 0 && in[i].layout == OP_CHANNELS_LAST)
            return OP_CHANNELS_LAST;
    for (int i = 0; i < node->in_count; i++)
        if (in[i].shape.rank >= 3 && !op_port_at(node->op->in, i)->plain &&
            (in[i].layout != OP_PLAIN || !orders_agree(&in[i].shape)))
            return in[i].layout == OP_BATCH_INNERMOST && !node->op->cpu->any_order ? OP_CHANNELS_LAST : in[i].layout;
    return OP_PLAIN;
}

static int64_t pixels_of(const fov_shape *shape)
{
    return shape->dim[0] * (int64_t)shape_span(shape, 2, shape->rank);
}

int lower_part_tensor(struct lowering *l, int id, int storage, size_t begin, size_t pixel_stride)
{
    int tensor = new_tensor(l->plan, id, FOV_F32, &l->shapes[id], OP_CHANNELS_LAST, storage);

    if (tensor < 0)
        return -1;
    l->plan->tensors[tensor].begin = begin;
    if (pixels_of(&l->shapes[id]) > 1 && pixel_stride != (size_t)l->shapes[id].dim[1])
        l->plan->tensors[tensor].pixel_stride = pixel_stride;
    return tensor;
}

/* A tensor at the value's place in the result of its concat, whose storage is made with the first part. */
static int placed_tensor(struct lowering *l, int id)
{
    fov_plan           *plan  = l->plan;
    struct concat_place place = l->concat_places[id];
    int                 whole = plan_node(plan, place.concat)->out[0];
    size_t              bytes;

    if (l->concat_storage[place.concat] < 0) {
        if (!shape_bytes(&l->shapes[whole], FOV_F32, &bytes)) {
            error_set(&plan->graph->context->error, FOV_E_MEMORY, "the tensor \"%s\" does not fit memory",
                      graph_value(plan->graph, whole)->name);
            return -1;
        }
        l->concat_storage[place.concat] = plan_new_storage(plan, bytes);
        if (l->concat_storage[place.concat] < 0)
            return -1;
    }
    return lower_part_tensor(l, id, l->concat_storage[place.concat], (size_t)place.channel * sizeof(float),
                       (size_t)l->shapes[whole].dim[1]);
}

int lower_result_tensor(struct lowering *l, const struct node *node, int output, int id, enum op_layout layout,
                         int first_input, bool once)
{
    fov_plan      *plan    = l->plan;
    int            storage = -1, tensor;
    enum op_layout order = l->shapes[id].rank >= 3 && !op_port_at(node->op->out, output)->plain ? layout : OP_PLAIN;

    if (l->in_storage[id]) {
        int source = lower_source(l, node->in[op_port_at(node->op->out, output)->updates - 1]);

        if (source < 0)
            return -1;
        storage = plan->tensors[source].storage;
    } else if (node->op->view && output == 0) {
        storage = plan->tensors[first_input].storage;
    }
    if (storage < 0 && output == 0 && !once && l->concat_places[id].concat >= 0 && order == OP_CHANNELS_LAST)
        tensor = placed_tensor(l, id);
    else
        tensor = new_tensor(plan, id, graph_value(l->graph, id)->dtype, &l->shapes[id], order, storage);
    if (tensor >= 0 && node->op->view && output == 0)
        plan->tensors[tensor].begin = plan->tensors[first_input].begin;
    plan->tensor_of[id] = tensor;
    return tensor;
}
