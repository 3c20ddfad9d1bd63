/* SPDX-License-Identifier: MIT */
/* Constant folding with the textbook twins. Small values (shapes, axes, limits) are always folded. Larger values, up to
 * a million elements, only if a result's shape depends on them, so that no time is wasted on weights in double. */
#include "graph/constant_fold.h"

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

static const fov_shape *shape_of(const struct constant_folding *folding, int id)
{
    return folding->shapes ? &folding->shapes[id] : &graph_value(folding->graph, id)->shape;
}

static double **slot_of(const struct constant_folding *folding, int id)
{
    return folding->values ? &folding->values[id] : &graph_value(folding->graph, id)->known;
}

/* Counts a value's elements; false if a dimension is open or there are more than `most`. */
static bool count_up_to(const struct constant_folding *folding, int id, size_t most, size_t *count)
{
    const fov_shape *shape = shape_of(folding, id);

    return shape->rank >= 0 && shape_count(shape, count) && *count <= most;
}

static double *new_values(const struct constant_folding *folding, size_t count)
{
    return memory_allocate(folding->graph->context->memory, count ? count : 1, sizeof(double), "known values",
                           &folding->graph->context->error);
}

/* Whether a number happens to be the mark of the open batch size: then it is better not known. */
static bool holds_mark(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] == OP_OPEN_BATCH)
            return true;
    return false;
}

static const double *values_up_to(const struct constant_folding *folding, int id, size_t most)
{
    const struct value *value = graph_value(folding->graph, id);
    double            **slot  = slot_of(folding, id);
    size_t              count;

    if (id && !*slot && value->kind == VALUE_CONSTANT && count_up_to(folding, id, most, &count)) {
        *slot = new_values(folding, count);
        if (*slot)
            convert_to_double(value->dtype, value->data, *slot, count);
        if (*slot && holds_mark(*slot, count)) {
            memory_free(folding->graph->context->memory, *slot);
            *slot = NULL;
        }
    }
    return id ? *slot : NULL;
}

const double *constant_fold_values(const struct constant_folding *folding, int id)
{
    return values_up_to(folding, id, SMALL);
}

/* Whether 64-bit integers may have more digits than a double, which the run has to keep. */
static bool is_inexact(fov_dtype dtype, const double *values, size_t count)
{
    for (size_t i = 0; (dtype == FOV_I64 || dtype == FOV_U64) && i < count; i++)
        if (fabs(values[i]) >= 0x1p53)
            return true;
    return false;
}

/* Fills the textbook's inputs; false if one that it needs is not known, if the open batch size decides the result's
 * shape, or if integers would lose digits and no shape depends on them. *open: the open batch size occurs in them. */
static bool gather_inputs(const struct constant_folding *folding, const struct node *node, size_t most,
                          struct op_textbook_tensor *in, bool *open)
{
    for (int i = 0; i < node->in_count; i++) {
        int             id = node->in[i];
        const double   *values = values_up_to(folding, id, most);
        const fov_shape *shape = shape_of(folding, id);
        size_t          count  = 0;

        in[i] = (struct op_textbook_tensor){graph_value(folding->graph, id)->dtype, *shape, (double *)values};
        if (!id)
            in[i].shape.rank = -1;
        else if (op_port_at(node->op->in, i)->shape_only) {
            *open = *open || !shape_is_known(shape);
        } else if (!values || !count_up_to(folding, id, most, &count) ||
                   (most == SMALL && !op_port_at(node->op->in, i)->values &&
                    is_inexact(in[i].dtype, values, count))) {
            return false;
        }
        if (values && holds_mark(values, count)) {
            *open = true;
            if (op_port_at(node->op->in, i)->values)
                return false;
        }
    }
    return true;
}

static bool can_fold(const struct constant_folding *folding, const struct node *node, size_t most,
                     size_t count[OP_MAX_PORTS])
{
    if (!node->op->textbook || node->op->random || node->op->family == OP_OPTIMISER)
        return false;
    for (int i = 0; i < node->out_count; i++) {
        count[i] = 0;
        if (op_port_at(node->op->out, i)->updates)
            return false;
        if (shape_of(folding, node->out[i])->rank >= 0 && !count_up_to(folding, node->out[i], most, &count[i]))
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

/* ---- nodes that read the open batch size ------------------------------------------------------------------------- */

/* What a node gives for several batch sizes, and which of its elements are copies of it. */
struct trial {
    const struct constant_folding *folding;
    const struct op_textbook      *textbook; /* .in: with OP_OPEN_BATCH; .out: the results for OP_LARGE_BATCH */
    const size_t                  *count;    /* [out_count]: elements per output */
    struct op_textbook_tensor      in[OP_MAX_PORTS];
    struct op_textbook_tensor      other[OP_MAX_PORTS]; /* the results for OP_OTHER_BATCH */
    struct op_textbook_tensor      out[OP_MAX_PORTS];   /* the results for any other batch size */
};

static size_t elements_of(const struct op_textbook_tensor *tensor)
{
    return tensor->data ? shape_span(&tensor->shape, 0, tensor->shape.rank) : 0;
}

/* Numbers near which a comparison with the batch size may change: an elementwise node's other elements, without repeats
 * side by side. Calls `visit`, if given, for each; returns how many there are, or 0 once it returned false. */
static size_t each_threshold(const struct op_textbook *textbook, bool (*visit)(struct trial *, double),
                             struct trial *trial)
{
    size_t found = 0;

    if (textbook->op->family != OP_ELEMENTWISE)
        return 0;
    for (int i = 0; i < textbook->in_count; i++)
        for (size_t k = 0, count = elements_of(&textbook->in[i]); k < count; k++) {
            double number = fabs(textbook->in[i].data[k]);

            if (number <= 0x1p40 && (k == 0 || textbook->in[i].data[k - 1] != textbook->in[i].data[k])) {
                found++;
                if (visit && !visit(trial, number))
                    return 0;
            }
        }
    return found;
}

/* Evaluates the node for a batch size. */
static void evaluate(struct trial *trial, double batch, struct op_textbook_tensor *out)
{
    const struct op_textbook *textbook = trial->textbook;
    struct op_textbook        now      = *textbook;

    now.in  = trial->in;
    now.out = out;
    for (int i = 0; i < textbook->in_count; i++) {
        const struct op_textbook_tensor *in = &textbook->in[i];

        if (in->shape.rank > 0 && in->shape.dim[0] == FOV_BATCH)
            trial->in[i].shape.dim[0] = (int64_t)batch;
        for (size_t k = 0, count = elements_of(in); trial->in[i].data != in->data && k < count; k++)
            trial->in[i].data[k] = in->data[k] == OP_OPEN_BATCH ? batch : in->data[k];
    }
    for (int i = 0; i < textbook->out_count; i++)
        if (out[i].data)
            memset(out[i].data, 0, trial->count[i] * sizeof *out[i].data);
    now.op->textbook(&now);
}

static bool is_copy(double large, double other)
{
    return large == OP_LARGE_BATCH && other == OP_OTHER_BATCH;
}

static bool is_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* Whether for this batch size, too, each element is a copy of it, or what it was for the others. */
static bool agrees(struct trial *trial, double batch)
{
    evaluate(trial, batch, trial->out);
    for (int i = 0; i < trial->textbook->out_count; i++)
        for (size_t k = 0; trial->out[i].data && k < trial->count[i]; k++) {
            double large = trial->textbook->out[i].data[k], other = trial->other[i].data[k];
            double expected = is_copy(large, other) ? batch : large;

            if (!is_same(trial->out[i].data[k], expected) || (!is_copy(large, other) && !is_same(large, other)))
                return false;
        }
    return true;
}

static bool agrees_near(struct trial *trial, double number)
{
    double whole = floor(number);

    for (double batch = whole > 2 ? whole - 1 : 1; batch <= whole + 1; batch++)
        if (!agrees(trial, batch))
            return false;
    return true;
}

/* Memory for a trial: copies of the inputs that hold the batch size, and two more sets of results. */
static bool open_trial(struct trial *trial)
{
    const struct op_textbook *textbook = trial->textbook;
    bool                      ready    = true;

    for (int i = 0; i < textbook->in_count; i++) {
        size_t count = elements_of(&textbook->in[i]);

        trial->in[i] = textbook->in[i];
        if (count && holds_mark(textbook->in[i].data, count)) {
            trial->in[i].data = new_values(trial->folding, count);
            ready             = ready && trial->in[i].data;
        }
    }
    for (int i = 0; i < textbook->out_count; i++) {
        trial->other[i] = trial->out[i] = textbook->out[i];
        if (textbook->out[i].data) {
            trial->other[i].data = new_values(trial->folding, trial->count[i]);
            trial->out[i].data   = new_values(trial->folding, trial->count[i]);
            ready                = ready && trial->other[i].data && trial->out[i].data;
        }
    }
    return ready;
}

static void close_trial(struct trial *trial)
{
    struct memory *memory = trial->folding->graph->context->memory;

    for (int i = 0; i < trial->textbook->in_count; i++)
        if (trial->in[i].data != trial->textbook->in[i].data)
            memory_free(memory, trial->in[i].data);
    for (int i = 0; i < trial->textbook->out_count; i++)
        if (trial->textbook->out[i].data) {
            memory_free(memory, trial->other[i].data);
            memory_free(memory, trial->out[i].data);
        }
}

/* Evaluates a node that reads the open batch size for one sample, for two large batches, and around each number that it
 * may compare it with. False if a result depends on the batch size other than as a copy of it, or after a failed
 * allocation; otherwise copies become OP_OPEN_BATCH. */
static bool fold_open(const struct constant_folding *folding, const struct op_textbook *textbook, const size_t *count)
{
    struct trial trial = {.folding = folding, .textbook = textbook, .count = count};
    bool         good  = open_trial(&trial);

    if (good) {
        evaluate(&trial, OP_LARGE_BATCH, textbook->out);
        evaluate(&trial, OP_OTHER_BATCH, trial.other);
        size_t thresholds = each_threshold(textbook, NULL, NULL);
        good = agrees(&trial, 1) && (!thresholds || each_threshold(textbook, agrees_near, &trial));
    }
    for (int i = 0; good && i < textbook->out_count; i++)
        for (size_t k = 0; textbook->out[i].data && k < count[i]; k++)
            if (is_copy(textbook->out[i].data[k], trial.other[i].data[k]))
                textbook->out[i].data[k] = OP_OPEN_BATCH;
    close_trial(&trial);
    return good;
}

/* ---- folding ----------------------------------------------------------------------------------------------------- */

static int fold(const struct constant_folding *folding, const struct node *node, size_t most)
{
    struct op_textbook_tensor in[OP_MAX_PORTS], out[OP_MAX_PORTS];
    struct memory            *memory = folding->graph->context->memory;
    size_t                    count[OP_MAX_PORTS];
    bool                      open = false;

    if (!can_fold(folding, node, most, count) || !gather_inputs(folding, node, most, in, &open))
        return (int)folding->graph->context->error.status;
    for (int i = 0; i < node->out_count; i++)
        out[i] = (struct op_textbook_tensor){graph_value(folding->graph, node->out[i])->dtype,
                                             *shape_of(folding, node->out[i]), NULL};
    const struct op_textbook textbook = {.op        = node->op,
                                         .options   = node->options,
                                         .in        = in,
                                         .out       = out,
                                         .in_count  = node->in_count,
                                         .out_count = node->out_count};
    double effort = effort_of(node, in, out) * (open ? 3 + 3 * (double)each_threshold(&textbook, NULL, NULL) : 1);
    if (effort > EFFORT || folding->graph->constant_fold_effort + effort > ALL_EFFORT)
        return FOV_OK;
    folding->graph->constant_fold_effort += effort;
    for (int i = 0; i < node->out_count; i++) {
        int id = node->out[i];

        if (out[i].shape.rank < 0)
            continue;
        out[i].data           = new_values(folding, count[i]);
        *slot_of(folding, id) = out[i].data;
        if (!out[i].data)
            return FOV_E_MEMORY;
    }
    bool good = true;
    if (open) {
        good = fold_open(folding, &textbook, count);
    } else {
        node->op->textbook(&textbook);
        for (int i = 0; i < node->out_count; i++)
            good = good && !(out[i].data && holds_mark(out[i].data, count[i]));
    }
    for (int i = 0; !good && i < node->out_count; i++) {
        memory_free(memory, *slot_of(folding, node->out[i]));
        *slot_of(folding, node->out[i]) = NULL;
    }
    return (int)folding->graph->context->error.status;
}

int constant_fold_node(const struct constant_folding *folding, const struct node *node)
{
    return fold(folding, node, SMALL);
}

/* Marks the nodes from which a value is computed and whose results are not known yet. False if it depends on an input
 * or a parameter. Producers come before their readers in the graph. */
static bool mark_producers(const struct constant_folding *folding, int id, bool *marked)
{
    int last = graph_value(folding->graph, id)->node;

    marked[last] = true;
    for (int n = last; n >= 0; n--) {
        const struct node *node = &folding->graph->nodes[n];

        for (int i = 0; marked[n] && i < node->in_count; i++) {
            const struct value *value = graph_value(folding->graph, node->in[i]);

            if (!node->in[i] || op_port_at(node->op->in, i)->shape_only || *slot_of(folding, node->in[i]))
                continue;
            if (value->node < 0 && value->kind != VALUE_CONSTANT)
                return false;
            if (value->node >= 0)
                marked[value->node] = true;
        }
    }
    return true;
}

const double *constant_fold_required(const struct constant_folding *folding, int id)
{
    fov_graph    *graph = folding->graph;
    const double *values = values_up_to(folding, id, LARGE);
    size_t        count;

    if (values || !id || graph_value(graph, id)->node < 0 || !count_up_to(folding, id, LARGE, &count))
        return values;
    bool *marked = memory_allocate(graph->context->memory, graph->node_count, sizeof *marked, "known values",
                                   &graph->context->error);
    bool  all = marked && mark_producers(folding, id, marked);
    for (size_t n = 0; all && n < graph->node_count; n++)
        if (marked[n])
            all = fold(folding, &graph->nodes[n], LARGE) == FOV_OK && *slot_of(folding, graph->nodes[n].out[0]);
    memory_free(graph->context->memory, marked);
    return *slot_of(folding, id);
}

void constant_fold_free(fov_graph *graph, double **values, size_t count)
{
    for (size_t id = 0; values && id < count; id++)
        memory_free(graph->context->memory, values[id]);
    memory_free(graph->context->memory, values);
}
