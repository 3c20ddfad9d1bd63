/* SPDX-License-Identifier: MIT */
/* The layer that a detector's box comes from. The output's rows are concatenated from maps of different sizes, so the
 * last layer of the network would say nothing of most boxes: wanted is the last convolution through which all paths
 * from the input to a box's scores lead. Ranges of values are traced back through concatenations, slices and
 * transpositions. Read next: layer.c (the default layer of other models). */
#include "explain/explain.h"
#include <string.h>

/* The range of a value's numbers, in one sample, on which the scores in question depend: both ends included. */
struct part {
    bool any;
    int64_t low[FOV_MAX_RANK], high[FOV_MAX_RANK];
};

struct flow {
    const fov_explainer *e;
    const fov_graph *graph;
    struct part *parts; /* [values] */
    bool learned;       /* a node with weights was passed */
};

static struct part whole_of(const fov_shape *shape)
{
    struct part part = {.any = true};
    for (int axis = 0; axis < shape->rank; axis++) {
        part.high[axis] = shape->dim[axis] - 1;
    }
    return part;
}

static void reach(struct flow *flow, int id, const struct part *part)
{
    struct part *to = &flow->parts[id];
    for (int axis = 0; axis < FOV_MAX_RANK; axis++) {
        to->low[axis] = to->any && to->low[axis] < part->low[axis] ? to->low[axis] : part->low[axis];
        to->high[axis] = to->any && to->high[axis] > part->high[axis] ? to->high[axis] : part->high[axis];
    }
    to->any = true;
}

static int axis_of(const struct node *node, int rank)
{
    int64_t axis = 0;
    memcpy(&axis, op_option(node->op, node->options, "axis"), sizeof axis);
    return (int)(axis < 0 ? axis + rank : axis);
}

static int64_t integer_of(const struct node *node, const char *name)
{
    int64_t value = 0;
    memcpy(&value, op_option(node->op, node->options, name), sizeof value);
    return value;
}

static bool is_named(const struct node *node, const char *name)
{
    return strcmp(node->op->name, name) == 0;
}

static bool is_pointwise(const struct node *node)
{
    return node->op->family == OP_ELEMENTWISE ||
           (node->op->family == OP_ACTIVATION && !is_named(node, "softmax") && !is_named(node, "log_softmax"));
}

static void back_through_concat(struct flow *flow, const struct node *node, const struct part *out)
{
    int64_t begin = 0;
    int axis = axis_of(node, graph_value(flow->graph, node->out[0])->shape.rank);
    for (int i = 0; i < node->in_count; i++) {
        int64_t size = graph_value(flow->graph, node->in[i])->shape.dim[axis];
        struct part part = *out;
        part.low[axis] = (out->low[axis] > begin ? out->low[axis] : begin) - begin;
        part.high[axis] = (out->high[axis] < begin + size - 1 ? out->high[axis] : begin + size - 1) - begin;
        if (part.low[axis] <= part.high[axis]) {
            reach(flow, node->in[i], &part);
        }
        begin += size;
    }
}

static void back_through_slice(struct flow *flow, const struct node *node, const struct part *out)
{
    int axis = axis_of(node, graph_value(flow->graph, node->out[0])->shape.rank);
    int64_t begin = integer_of(node, "begin"), step = integer_of(node, "step");
    int64_t one = begin + out->low[axis] * step, other = begin + out->high[axis] * step;
    struct part part = *out;
    part.low[axis] = one < other ? one : other;
    part.high[axis] = one < other ? other : one;
    reach(flow, node->in[0], &part);
}

static void back_through_transpose(struct flow *flow, const struct node *node, const struct part *out)
{
    const struct op_list *turned = op_option(node->op, node->options, "perm");
    int rank = graph_value(flow->graph, node->out[0])->shape.rank;
    struct part part = *out;
    for (int d = 0; d < rank; d++) {
        int from = turned->count > 0 ? (int)turned->at[d] : rank - 1 - d;
        part.low[from] = out->low[d];
        part.high[from] = out->high[d];
    }
    reach(flow, node->in[0], &part);
}

/* Elementwise operators depend on the same range of each input, other operators on all of it. */
static void back_through(struct flow *flow, const struct node *node, const struct part *out)
{
    const fov_shape *to = &graph_value(flow->graph, node->out[0])->shape;
    for (int i = 0; i < node->in_count; i++) {
        const struct value *from = graph_value(flow->graph, node->in[i]);
        if (node->in[i] == 0 || (from->kind != VALUE_RESULT && from->kind != VALUE_INPUT)) {
            continue;
        }
        struct part part = whole_of(&from->shape);
        for (int axis = 0; is_pointwise(node) && from->shape.rank == to->rank && axis < to->rank; axis++) {
            if (from->shape.dim[axis] == to->dim[axis]) {
                part.low[axis] = out->low[axis];
                part.high[axis] = out->high[axis];
            }
        }
        reach(flow, node->in[i], &part);
    }
}

/* Marks everything on which a part of the scores depends, without passing through node `closed` (-1: through all). */
static void follow_back(struct flow *flow, const struct part *scores, int closed)
{
    const fov_graph *graph = flow->graph;
    int start = flow->e->scores.logits.id;
    memset(flow->parts, 0, graph->value_count * sizeof *flow->parts);
    flow->learned = false;
    flow->parts[start] = *scores;
    for (int n = graph_value(graph, start)->node; n >= 0; n--) {
        const struct node *node = &graph->nodes[n];
        struct part out = {.any = false};
        for (int i = 0; i < node->out_count && !out.any; i++) {
            out = i == 0 || !flow->parts[node->out[i]].any ? flow->parts[node->out[i]]
                                                           : whole_of(&graph_value(graph, node->out[0])->shape);
        }
        if (!out.any || n == closed) {
            continue;
        }
        flow->learned = flow->learned || explain_has_weights(flow->e, node);
        if (is_named(node, "concat")) {
            back_through_concat(flow, node, &out);
        } else if (is_named(node, "slice")) {
            back_through_slice(flow, node, &out);
        } else if (is_named(node, "transpose")) {
            back_through_transpose(flow, node, &out);
        } else {
            back_through(flow, node, &out);
        }
    }
}

/* The smallest part of the logits that contains these places (indices in one sample). */
static struct part part_of_scores(const fov_explainer *e, const size_t *places, int count)
{
    fov_shape shape = fov_value_shape(e->model->graph, e->scores.logits);
    struct part part = whole_of(&shape);
    for (int i = 0; i < count; i++) {
        size_t rest = places[i];
        for (int axis = shape.rank - 1; axis > 0; axis--) {
            int64_t at = (int64_t)(rest % (size_t)shape.dim[axis]);
            rest /= (size_t)shape.dim[axis];
            part.low[axis] = i == 0 || at < part.low[axis] ? at : part.low[axis];
            part.high[axis] = i == 0 || at > part.high[axis] ? at : part.high[axis];
        }
    }
    return part;
}

fov_value explain_layer_behind(const fov_explainer *e, const size_t *places, int count)
{
    const fov_graph *graph = e->model->graph;
    struct memory *memory = e->model->context->memory;
    struct error *error = &e->model->context->error;
    struct part *parts = memory_allocate(memory, graph->value_count, sizeof *parts, "an explainer", error);
    bool *passed = memory_allocate(memory, graph->node_count + 1, sizeof *passed, "an explainer", error);
    struct flow flow = {.e = e, .graph = graph, .parts = parts};
    struct part scores = part_of_scores(e, places, count);
    int found = 0;
    if (parts != NULL && passed != NULL) {
        follow_back(&flow, &scores, -1);
        for (size_t n = 0; n < graph->node_count; n++) {
            const struct node *node = &graph->nodes[n];
            const fov_shape *shape = &graph_value(graph, node->out[0])->shape;
            passed[n] = parts[node->out[0]].any && is_named(node, "conv") && shape->rank == 4 &&
                        shape->dim[2] * shape->dim[3] > 1;
        }
        for (int n = (int)graph->node_count - 1; n >= 0 && found == 0; n--) {
            if (passed[n]) {
                follow_back(&flow, &scores, n);
                found = flow.learned && !parts[e->model->input.id].any ? graph->nodes[n].out[0] : 0;
            }
        }
    }
    memory_free(memory, parts);
    memory_free(memory, passed);
    return found != 0 ? explain_follow(e, found) : explain_choose_layer(e);
}
