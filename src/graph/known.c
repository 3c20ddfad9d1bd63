/* SPDX-License-Identifier: MIT */
/* Folding of small values by their textbook twins. Only what is small is looked at: shapes, axes, limits; weights are
 * never known in this sense. */
#include "graph/known.h"

#include "tensor/convert.h"

#include <math.h>

enum { LARGEST = 1024 /* elements */ };

static const fov_shape *shape_of(const struct known *known, int id)
{
    return known->shapes ? &known->shapes[id] : &graph_value(known->graph, id)->shape;
}

static double **slot_of(const struct known *known, int id)
{
    return known->values ? &known->values[id] : &graph_value(known->graph, id)->known;
}

/* Elements of a value that is small enough and has no open dimension; false otherwise. */
static bool small_count(const struct known *known, int id, size_t *count)
{
    const fov_shape *shape = shape_of(known, id);

    return shape->rank >= 0 && shape_count(shape, count) && *count <= LARGEST;
}

static double *new_values(const struct known *known, size_t count)
{
    return memory_allocate(known->graph->context->memory, count ? count : 1, sizeof(double), "known values",
                           &known->graph->context->error);
}

const double *known_values(const struct known *known, int id)
{
    const struct value *value = graph_value(known->graph, id);
    double            **slot  = slot_of(known, id);
    size_t              count;

    if (id && !*slot && value->kind == VALUE_CONSTANT && small_count(known, id, &count)) {
        *slot = new_values(known, count);
        if (*slot)
            convert_to_double(value->dtype, value->data, *slot, count);
    }
    return id ? *slot : NULL;
}

/* The open number of samples has been calculated with: the result says nothing. Copied as it is, it is fine. */
static bool is_spoiled(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fabs(values[i]) >= OP_OPEN_BATCH / 0x1p10 && values[i] != OP_OPEN_BATCH)
            return true;
    return false;
}

/* What the definition needs of each input; false when something is not known. *open: the batch is among it. */
static bool gather_inputs(const struct known *known, const struct node *node, struct op_textbook_tensor *in, bool *open)
{
    for (int i = 0; i < node->in_count; i++) {
        int             id = node->in[i];
        const double   *values = known_values(known, id);
        const fov_shape *shape = shape_of(known, id);
        size_t          count  = 0;

        in[i] = (struct op_textbook_tensor){graph_value(known->graph, id)->dtype, *shape, (double *)values};
        if (!id)
            in[i].shape.rank = -1;
        else if (op_port_at(node->op->in, i)->shape_only) {
            *open = *open || !shape_is_known(shape);
            if (shape->rank > 0 && shape->dim[0] == FOV_BATCH)
                in[i].shape.dim[0] = (int64_t)OP_OPEN_BATCH;
        } else if (!values || !small_count(known, id, &count)) {
            return false;
        }
        for (size_t k = 0; values && k < count; k++)
            *open = *open || values[k] == OP_OPEN_BATCH;
    }
    return true;
}

static bool can_fold(const struct known *known, const struct node *node, size_t count[OP_MAX_PORTS])
{
    if (!node->op->textbook || node->op->random || node->op->family == OP_OPTIMISER)
        return false;
    for (int i = 0; i < node->out_count; i++) {
        count[i] = 0;
        if (op_port_at(node->op->out, i)->updates)
            return false;
        if (shape_of(known, node->out[i])->rank >= 0 && !small_count(known, node->out[i], &count[i]))
            return false;
    }
    return true;
}

int known_fold(const struct known *known, const struct node *node)
{
    struct op_textbook_tensor in[OP_MAX_PORTS], out[OP_MAX_PORTS];
    struct memory            *memory = known->graph->context->memory;
    size_t                    count[OP_MAX_PORTS];
    bool                      open = false, spoiled = false;

    if (!can_fold(known, node, count) || !gather_inputs(known, node, in, &open))
        return (int)known->graph->context->error.status;
    for (int i = 0; i < node->out_count; i++) {
        int id = node->out[i];

        out[i] = (struct op_textbook_tensor){graph_value(known->graph, id)->dtype, *shape_of(known, id), NULL};
        if (out[i].shape.rank < 0)
            continue;
        out[i].data        = new_values(known, count[i]);
        *slot_of(known, id) = out[i].data;
        if (!out[i].data)
            return FOV_E_MEMORY;
    }
    node->op->textbook(&(struct op_textbook){
        .options = node->options, .in = in, .out = out, .in_count = node->in_count, .out_count = node->out_count});
    for (int i = 0; i < node->out_count; i++)
        spoiled = spoiled || (open && out[i].data && is_spoiled(out[i].data, count[i]));
    for (int i = 0; spoiled && i < node->out_count; i++) {
        memory_free(memory, *slot_of(known, node->out[i]));
        *slot_of(known, node->out[i]) = NULL;
    }
    return FOV_OK;
}

void known_free(fov_graph *graph, double **values, size_t count)
{
    for (size_t id = 0; values && id < count; id++)
        memory_free(graph->context->memory, values[id]);
    memory_free(graph->context->memory, values);
}
