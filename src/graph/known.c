/* SPDX-License-Identifier: MIT */
/* Constant folding with the textbook twins. Small values (shapes, axes, limits) are always folded. Larger values, up to
 * a million elements, only if a result's shape depends on them, so that no time is wasted on weights in double. */
#include "graph/known.h"

#include "op/open_batch.h"
#include "tensor/convert.h"

#include <math.h>
#include <string.h>

enum {
    SMALL = 1024,          /* elements */
    LARGE = 1 << 20,       /* elements of a value that decides a shape, and of those it is computed from */
    EFFORT = 1 << 26,      /* most operations for one node: definitions are slow */
    ALL_EFFORT = 1 << 28   /* and for all nodes together, while a graph is built or a plan is made: a few seconds */
};

static const fov_shape *shape_of(const struct known *known, int id)
{
    return known->shapes ? &known->shapes[id] : &graph_value(known->graph, id)->shape;
}

static double **slot_of(const struct known *known, int id)
{
    return known->values ? &known->values[id] : &graph_value(known->graph, id)->known;
}

/* Counts a value's elements; false if a dimension is open or there are more than `most`. */
static bool count_up_to(const struct known *known, int id, size_t most, size_t *count)
{
    const fov_shape *shape = shape_of(known, id);

    return shape->rank >= 0 && shape_count(shape, count) && *count <= most;
}

static double *new_values(const struct known *known, size_t count)
{
    return memory_allocate(known->graph->context->memory, count ? count : 1, sizeof(double), "known values",
                           &known->graph->context->error);
}

static const double *values_up_to(const struct known *known, int id, size_t most)
{
    const struct value *value = graph_value(known->graph, id);
    double            **slot  = slot_of(known, id);
    size_t              count;

    if (id && !*slot && value->kind == VALUE_CONSTANT && count_up_to(known, id, most, &count)) {
        *slot = new_values(known, count);
        if (*slot)
            convert_to_double(value->dtype, value->data, *slot, count);
    }
    return id ? *slot : NULL;
}

const double *known_values(const struct known *known, int id)
{
    return values_up_to(known, id, SMALL);
}

/* Whether arithmetic was done with the open batch size (OP_OPEN_BATCH), so that the result is meaningless. An unchanged
 * copy of it is fine. `others`: the values of a second evaluation, for OP_OTHER_BATCH: what differs depends on it. */
static bool is_spoiled(const double *values, const double *others, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool copy = values[i] == OP_OPEN_BATCH && others[i] == OP_OTHER_BATCH;
        bool same = values[i] == others[i] || (isnan(values[i]) && isnan(others[i]));

        if (!copy && (!same || fabs(values[i]) >= OP_OPEN_BATCH / 0x1p10))
            return true;
    }
    return false;
}

/* Whether 64-bit integers may have more digits than a double, which the run has to keep. */
static bool is_inexact(fov_dtype dtype, const double *values, size_t count)
{
    for (size_t i = 0; (dtype == FOV_I64 || dtype == FOV_U64) && i < count; i++)
        if (fabs(values[i]) >= 0x1p53)
            return true;
    return false;
}

/* Fills the textbook's inputs; false if one that it needs is not known, or if integers would lose digits and no shape
 * depends on them. *open: the open batch size occurs in them. */
static bool gather_inputs(const struct known *known, const struct node *node, size_t most,
                          struct op_textbook_tensor *in, bool *open)
{
    for (int i = 0; i < node->in_count; i++) {
        int             id = node->in[i];
        const double   *values = values_up_to(known, id, most);
        const fov_shape *shape = shape_of(known, id);
        size_t          count  = 0;

        in[i] = (struct op_textbook_tensor){graph_value(known->graph, id)->dtype, *shape, (double *)values};
        if (!id)
            in[i].shape.rank = -1;
        else if (op_port_at(node->op->in, i)->shape_only) {
            *open = *open || !shape_is_known(shape);
            if (shape->rank > 0 && shape->dim[0] == FOV_BATCH)
                in[i].shape.dim[0] = (int64_t)OP_OPEN_BATCH;
        } else if (!values || !count_up_to(known, id, most, &count) ||
                   (most == SMALL && !op_port_at(node->op->in, i)->values &&
                    is_inexact(in[i].dtype, values, count))) {
            return false;
        }
        for (size_t k = 0; values && k < count; k++)
            *open = *open || values[k] == OP_OPEN_BATCH;
    }
    return true;
}

static bool can_fold(const struct known *known, const struct node *node, size_t most, size_t count[OP_MAX_PORTS])
{
    if (!node->op->textbook || node->op->random || node->op->family == OP_OPTIMISER)
        return false;
    for (int i = 0; i < node->out_count; i++) {
        count[i] = 0;
        if (op_port_at(node->op->out, i)->updates)
            return false;
        if (shape_of(known, node->out[i])->rank >= 0 && !count_up_to(known, node->out[i], most, &count[i]))
            return false;
    }
    return true;
}

static double product_of(const int64_t factors[3])
{
    return (double)factors[0] * (double)factors[1] * (double)factors[2];
}

/* Operations of a definition according to its descriptor, at least the number of elements that it reads and writes. If
 * the descriptor says nothing, windows and sums are assumed to read every input for every result. */
static double effort_of(const struct node *node, const struct op_textbook_tensor *in,
                        const struct op_textbook_tensor *out)
{
    struct op_tensor inputs[OP_MAX_PORTS], outputs[OP_MAX_PORTS];
    struct op_cost cost = {.options = node->options,
                           .in = inputs,
                           .out = outputs,
                           .in_count = node->in_count,
                           .out_count = node->out_count,
                           .kernel = {1, 1, 1},
                           .stride = {1, 1, 1},
                           .dilation = {1, 1, 1}};

    enum op_family family = node->op->family;
    bool   linear = family == OP_ELEMENTWISE || family == OP_ACTIVATION || family == OP_SHAPE || family == OP_REDUCTION;
    double read = 0, written = 0, work;

    for (int i = 0; i < node->in_count; i++) {
        inputs[i] = (struct op_tensor){.dtype = in[i].dtype, .shape = in[i].shape};
        /* Inputs of which only the shape is read do not count; their batch may still be open here. */
        bool looks = in[i].shape.rank >= 0 && !op_port_at(node->op->in, i)->shape_only;
        read += looks ? (double)shape_span(&in[i].shape, 0, in[i].shape.rank) : 0;
    }
    for (int i = 0; i < node->out_count; i++) {
        outputs[i] = (struct op_tensor){.dtype = out[i].dtype, .shape = out[i].shape};
        written += out[i].shape.rank < 0 ? 0 : (double)shape_span(&out[i].shape, 0, out[i].shape.rank);
    }
    if (!node->op->work && !node->op->cost)
        return read + written + (linear ? 0 : read * written);
    (node->op->work ? node->op->work : node->op->cost)(&cost);
    work = written * (cost.global ? read : product_of(cost.kernel));
    work = work > (double)cost.multiply_adds ? work : (double)cost.multiply_adds;
    return read + written + work;
}

/* The inputs with the other batch size in place of the open one; copies of values go to made[*count] and on. */
static bool replace_batch(const struct known *known, struct op_textbook_tensor *in, int in_count, double **made,
                          int *count)
{
    for (int i = 0; i < in_count; i++) {
        size_t elements = in[i].data ? shape_span(&in[i].shape, 0, in[i].shape.rank) : 0;

        if (in[i].shape.rank > 0 && in[i].shape.dim[0] == (int64_t)OP_OPEN_BATCH)
            in[i].shape.dim[0] = (int64_t)OP_OTHER_BATCH;
        for (size_t k = 0; k < elements; k++) {
            if (in[i].data[k] != OP_OPEN_BATCH)
                continue;
            double *values = new_values(known, elements);

            if (!values)
                return false;
            for (size_t e = 0; e < elements; e++)
                values[e] = in[i].data[e] == OP_OPEN_BATCH ? OP_OTHER_BATCH : in[i].data[e];
            in[i].data = made[(*count)++] = values;
            break;
        }
    }
    return true;
}

/* Whether results of a node that reads the open batch size are meaningless (is_spoiled): evaluates it a second time.
 * count: elements per output. After a failed allocation the context has an error, and the answer is true. */
static bool depends_on_batch(const struct known *known, const struct op_textbook *first, const size_t *count)
{
    struct op_textbook_tensor in[OP_MAX_PORTS], out[OP_MAX_PORTS];
    struct op_textbook        second = *first;
    double                   *made[2 * OP_MAX_PORTS];
    int                       made_count = 0;

    memcpy(in, first->in, (size_t)first->in_count * sizeof *in);
    memcpy(out, first->out, (size_t)first->out_count * sizeof *out);
    second.in  = in;
    second.out = out;
    bool ready = replace_batch(known, in, first->in_count, made, &made_count), spoiled = false;
    for (int i = 0; ready && i < first->out_count; i++) {
        if (!out[i].data)
            continue;
        out[i].data = new_values(known, count[i]);
        ready       = out[i].data != NULL;
        if (ready)
            made[made_count++] = out[i].data;
    }
    if (ready)
        first->op->textbook(&second);
    for (int i = 0; ready && i < first->out_count; i++)
        spoiled = spoiled || (out[i].data && is_spoiled(first->out[i].data, out[i].data, count[i]));
    for (int i = 0; i < made_count; i++)
        memory_free(known->graph->context->memory, made[i]);
    return !ready || spoiled;
}

static int fold(const struct known *known, const struct node *node, size_t most)
{
    struct op_textbook_tensor in[OP_MAX_PORTS], out[OP_MAX_PORTS];
    struct memory            *memory = known->graph->context->memory;
    size_t                    count[OP_MAX_PORTS];
    bool                      open = false;

    if (!can_fold(known, node, most, count) || !gather_inputs(known, node, most, in, &open))
        return (int)known->graph->context->error.status;
    for (int i = 0; i < node->out_count; i++)
        out[i] = (struct op_textbook_tensor){graph_value(known->graph, node->out[i])->dtype,
                                             *shape_of(known, node->out[i]), NULL};
    double effort = effort_of(node, in, out);
    if (effort > EFFORT || known->graph->known_effort + effort > ALL_EFFORT)
        return FOV_OK;
    known->graph->known_effort += effort;
    for (int i = 0; i < node->out_count; i++) {
        int id = node->out[i];

        if (out[i].shape.rank < 0)
            continue;
        out[i].data        = new_values(known, count[i]);
        *slot_of(known, id) = out[i].data;
        if (!out[i].data)
            return FOV_E_MEMORY;
    }
    const struct op_textbook textbook = {.op        = node->op,
                                         .options   = node->options,
                                         .in        = in,
                                         .out       = out,
                                         .in_count  = node->in_count,
                                         .out_count = node->out_count};

    node->op->textbook(&textbook);
    bool spoiled = open && depends_on_batch(known, &textbook, count);
    for (int i = 0; spoiled && i < node->out_count; i++) {
        memory_free(memory, *slot_of(known, node->out[i]));
        *slot_of(known, node->out[i]) = NULL;
    }
    return (int)known->graph->context->error.status;
}

int known_fold(const struct known *known, const struct node *node)
{
    return fold(known, node, SMALL);
}

/* Marks the nodes from which a value is computed and whose results are not known yet. False if it depends on an input
 * or a parameter. Producers come before their readers in the graph. */
static bool mark_producers(const struct known *known, int id, bool *marked)
{
    int last = graph_value(known->graph, id)->node;

    marked[last] = true;
    for (int n = last; n >= 0; n--) {
        const struct node *node = &known->graph->nodes[n];

        for (int i = 0; marked[n] && i < node->in_count; i++) {
            const struct value *value = graph_value(known->graph, node->in[i]);

            if (!node->in[i] || op_port_at(node->op->in, i)->shape_only || *slot_of(known, node->in[i]))
                continue;
            if (value->node < 0 && value->kind != VALUE_CONSTANT)
                return false;
            if (value->node >= 0)
                marked[value->node] = true;
        }
    }
    return true;
}

const double *known_required(const struct known *known, int id)
{
    fov_graph    *graph = known->graph;
    const double *values = values_up_to(known, id, LARGE);
    size_t        count;

    if (values || !id || graph_value(graph, id)->node < 0 || !count_up_to(known, id, LARGE, &count))
        return values;
    bool *marked = memory_allocate(graph->context->memory, graph->node_count, sizeof *marked, "known values",
                                   &graph->context->error);
    bool  all = marked && mark_producers(known, id, marked);
    for (size_t n = 0; all && n < graph->node_count; n++)
        if (marked[n])
            all = fold(known, &graph->nodes[n], LARGE) == FOV_OK && *slot_of(known, graph->nodes[n].out[0]);
    memory_free(graph->context->memory, marked);
    return *slot_of(known, id);
}

void known_free(fov_graph *graph, double **values, size_t count)
{
    for (size_t id = 0; values && id < count; id++)
        memory_free(graph->context->memory, values[id]);
    memory_free(graph->context->memory, values);
}
