/* SPDX-License-Identifier: MIT */
/* Layers: by name, the default one of Grad-CAM, and the receptive field of a place in a layer. Shapes and windows only;
 * the numbers are in sums.c. */
#include "explain/explain.h"
#include "graph/names.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- by name ----------------------------------------------------------------------------------------------------- */

fov_value explain_find(const fov_explainer *e, const char *name, struct error *error)
{
    return (fov_value){names_find_result(e->model->graph, name, e->model->input.id, error)};
}

const struct node *explain_convolution(const fov_explainer *e, const char *name, struct error *error)
{
    const fov_graph *graph = e->model->graph;
    fov_value value = explain_find(e, name, error);
    if (value.id == 0) {
        return NULL;
    }
    int made_by = graph_value(graph, value.id)->node;
    const struct node *node = made_by >= 0 ? &graph->nodes[made_by] : NULL;
    if (node == NULL || strcmp(node->op->name, "conv") != 0 || graph_value(graph, value.id)->shape.rank != 4) {
        error_set(error, FOV_E_USAGE, "layer \"%.100s\" is %s, not a convolution of pictures", name,
                  node != NULL ? node->op->name : "the input");
        return NULL;
    }
    return node;
}

/* ---- windows ----------------------------------------------------------------------------------------------------- */

static const struct op_list *list_option(const struct node *node, const char *name)
{
    static const struct op_list none = {0};
    const struct op_attribute *at = node->op->attributes;
    for (; at != NULL && at->name != NULL; at++) {
        if (at->kind == OP_LIST && strcmp(at->name, name) == 0) {
            return (const struct op_list *)((const char *)node->options + at->offset);
        }
    }
    return &none;
}

static int choice_option(const struct node *node, const char *name)
{
    const struct op_attribute *at = node->op->attributes;
    for (; at != NULL && at->name != NULL; at++) {
        const char *where = (const char *)node->options + at->offset;
        if (at->kind == OP_CHOICE && strcmp(at->name, name) == 0) {
            return *(const int *)where;
        }
        if (at->kind == OP_FLAG && strcmp(at->name, name) == 0) {
            return *(const bool *)where;
        }
    }
    return 0;
}

bool explain_window(const fov_explainer *e, const struct node *node, struct window *window)
{
    const fov_graph *graph = e->model->graph;
    fov_shape in = graph_value(graph, node->in[0])->shape, out = graph_value(graph, node->out[0])->shape;
    struct op_list kernel = *list_option(node, "kernel");
    if (in.rank != 4 || out.rank != 4) {
        return false;
    }
    if (kernel.count == 0 && node->in_count > 1 && node->in[1] != 0) { /* a convolution: its weight's size */
        const fov_shape *weight = &graph_value(graph, node->in[1])->shape;
        kernel = (struct op_list){.count = weight->rank == 4 ? 2 : 0, .at = {weight->dim[2], weight->dim[3]}};
    }
    const struct window_request request = {.kernel = &kernel,
                                           .stride = list_option(node, "stride"),
                                           .pad = list_option(node, "pad"),
                                           .dilation = list_option(node, "dilation"),
                                           .auto_pad = choice_option(node, "auto_pad"),
                                           .ceil_mode = choice_option(node, "ceil_mode") != 0};
    struct error quiet = {.status = FOV_OK};
    return kernel.count == 2 && window_resolve(window, &in, &request, &quiet) == FOV_OK &&
           window->out[1] == out.dim[2] && window->out[2] == out.dim[3];
}

/* ---- the layer of Grad-CAM --------------------------------------------------------------------------------------- */

static bool is_map(const fov_shape *shape)
{
    return shape->rank == 4 && shape->dim[2] * shape->dim[3] > 1;
}

static bool reads(const struct node *node, int id)
{
    for (int i = 0; i < node->in_count; i++) {
        if (node->in[i] == id) {
            return true;
        }
    }
    return false;
}

bool explain_has_weights(const fov_explainer *e, const struct node *node)
{
    for (int i = 0; i < node->in_count; i++) {
        const struct value *value = graph_value(e->model->graph, node->in[i]);
        if (node->in[i] != 0 && (value->kind == VALUE_PARAMETER || value->kind == VALUE_CONSTANT) &&
            value->shape.rank >= 2) {
            return true;
        }
    }
    return false;
}

/* Is this convolution the last node with weights before the scores? `behind`: work space, a flag per value. */
static bool is_last(const fov_explainer *e, size_t conv, const bool *needed, bool *behind)
{
    const fov_graph *graph = e->model->graph;
    memset(behind, 0, graph->value_count);
    behind[graph->nodes[conv].out[0]] = true;
    for (size_t n = conv + 1; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        bool any = false;
        for (int i = 0; i < node->in_count; i++) {
            any = any || behind[node->in[i]];
        }
        if (needed[n] && any && explain_has_weights(e, node)) {
            return false;
        }
        for (int i = 0; any && i < node->out_count; i++) {
            behind[node->out[i]] = true;
        }
    }
    return true;
}

/* Finds the nodes that read a value: stores at most two, returns how many there are. */
static int find_readers(const fov_graph *graph, int id, const bool *needed, const struct node *readers[2])
{
    int count = 0;
    for (size_t n = 0; n < graph->node_count; n++) {
        if (needed[n] && reads(&graph->nodes[n], id)) {
            readers[count < 2 ? count : 1] = &graph->nodes[n];
            count++;
        }
    }
    return count;
}

/* The one node that uses a value: its only reader, or, for x times an activation of x (as files write SiLU), the
 * product. NULL: it is used in several ways. */
static const struct node *only_reader(const fov_graph *graph, int id, const bool *needed)
{
    const struct node *readers[2] = {NULL, NULL}, *last[2];
    int count = find_readers(graph, id, needed, readers);
    if (count == 2 && readers[0]->op->family == OP_ACTIVATION && reads(readers[1], readers[0]->out[0]) &&
        find_readers(graph, readers[0]->out[0], needed, last) == 1) {
        return readers[1];
    }
    return count == 1 ? readers[0] : NULL;
}

static int follow(const fov_explainer *e, int id, const bool *needed)
{
    const fov_graph *graph = e->model->graph;
    while (id != e->scores.logits.id) {
        const struct node *reader = only_reader(graph, id, needed);
        const fov_shape *in = &graph_value(graph, id)->shape;
        const fov_shape *out = reader != NULL ? &graph_value(graph, reader->out[0])->shape : in;
        if (reader == NULL || explain_has_weights(e, reader) || list_option(reader, "kernel")->count > 0 ||
            out->rank != 4 || out->dim[2] != in->dim[2] || out->dim[3] != in->dim[3]) {
            break;
        }
        id = reader->out[0];
    }
    return id;
}

fov_value explain_follow(const fov_explainer *e, int id)
{
    const fov_graph *graph = e->model->graph;
    struct memory *memory = e->model->context->memory;
    bool *needed =
        memory_allocate(memory, graph->node_count + 1, sizeof *needed, "an explainer", &e->model->context->error);
    if (needed == NULL) {
        return (fov_value){0};
    }
    graph_mark(graph, &e->scores.logits.id, 1, needed);
    id = follow(e, id, needed);
    memory_free(memory, needed);
    return (fov_value){id};
}

fov_value explain_choose_layer(const fov_explainer *e)
{
    const fov_graph *graph = e->model->graph;
    struct memory *memory = e->model->context->memory;
    struct error *error = &e->model->context->error;
    bool *needed =
        memory_allocate(memory, graph->node_count + graph->value_count + 1, sizeof *needed, "an explainer", error);
    int fallback = 0, found = 0;
    if (needed == NULL) {
        return (fov_value){0};
    }
    graph_mark(graph, &e->scores.logits.id, 1, needed);
    for (size_t n = graph->node_count; n-- > 0 && found == 0;) {
        const struct node *node = &graph->nodes[n];
        if (!needed[n] || strcmp(node->op->name, "conv") != 0 || !is_map(&graph_value(graph, node->out[0])->shape)) {
            continue;
        }
        if (is_last(e, n, needed, needed + graph->node_count)) {
            fallback = fallback == 0 ? node->out[0] : fallback; /* its maps are the class scores themselves */
        } else {
            found = node->out[0];
        }
    }
    found = found != 0 ? found : fallback;
    found = found != 0 ? follow(e, found, needed) : 0;
    memory_free(memory, needed);
    return (fov_value){found};
}

/* ---- what a place sees ------------------------------------------------------------------------------------------- */

struct box {
    bool any;
    int64_t low[2], high[2]; /* rows and columns, both ends included */
};

static void join(struct box *box, const struct box *other)
{
    for (int axis = 0; axis < 2; axis++) {
        bool first = !box->any;
        box->low[axis] = first || other->low[axis] < box->low[axis] ? other->low[axis] : box->low[axis];
        box->high[axis] = first || other->high[axis] > box->high[axis] ? other->high[axis] : box->high[axis];
    }
    box->any = true;
}

static bool sees_everything(const fov_explainer *e, const struct node *node)
{
    struct op_tensor in[OP_MAX_PORTS], out[OP_MAX_PORTS];
    return graph_cost(e->model->graph, node, in, out).global;
}

/* The range of rows or columns of a slice's input on which a range of its result depends. */
static void back_through_slice(const struct node *node, int rank, int axis, const struct box *out, struct box *box)
{
    int64_t cut, begin, step;
    memcpy(&cut, op_option(node->op, node->options, "axis"), sizeof cut);
    memcpy(&begin, op_option(node->op, node->options, "begin"), sizeof begin);
    memcpy(&step, op_option(node->op, node->options, "step"), sizeof step);
    bool is_cut = (cut < 0 ? cut + rank : cut) == 2 + axis;
    int64_t one = is_cut ? begin + out->low[axis] * step : out->low[axis];
    int64_t other = is_cut ? begin + out->high[axis] * step : out->high[axis];
    box->low[axis] = one < other ? one : other;
    box->high[axis] = one < other ? other : one;
}

/* The part of input i that a part of the result depends on. */
static struct box look_back(const fov_explainer *e, const struct node *node, int i, const struct box *out)
{
    const fov_graph *graph = e->model->graph;
    fov_shape from = graph_value(graph, node->in[i])->shape, to = graph_value(graph, node->out[0])->shape;
    struct window window;
    struct box box = {.any = true};
    if (node->in[i] == e->model->input.id && e->picture.channels_last && strcmp(node->op->name, "transpose") == 0) {
        return *out;
    }
    bool maps = from.rank == 4 && to.rank == 4 && !sees_everything(e, node);
    bool slides = maps && i == 0 && explain_window(e, node, &window);
    for (int axis = 0; axis < 2; axis++) {
        int64_t size = from.rank == 4 ? from.dim[2 + axis] : 1;
        if (slides) {
            box.low[axis] = window_meets(&window, axis + 1, out->low[axis], 0);
            box.high[axis] = window_meets(&window, axis + 1, out->high[axis], window.kernel[axis + 1] - 1);
        } else if (maps && strcmp(node->op->name, "slice") == 0) {
            back_through_slice(node, from.rank, axis, out, &box);
        } else if (maps && size == to.dim[2 + axis]) {
            box.low[axis] = out->low[axis];
            box.high[axis] = out->high[axis];
        } else if (maps && strcmp(node->op->name, "resize") == 0) { /* a neighbour on either side, for cubic two */
            box.low[axis] = out->low[axis] * size / to.dim[2 + axis] - 2;
            box.high[axis] = out->high[axis] * size / to.dim[2 + axis] + 2;
        } else {
            box.high[axis] = size - 1;
        }
        box.low[axis] = box.low[axis] < 0 ? 0 : box.low[axis];
        box.high[axis] = box.high[axis] > size - 1 ? size - 1 : box.high[axis];
    }
    return box;
}

int explain_field(const fov_explainer *e, fov_value value, int row, int column, int field[4], struct error *error)
{
    const fov_graph *graph = e->model->graph;
    struct memory *memory = e->model->context->memory;
    struct box *boxes = memory_allocate(memory, graph->value_count, sizeof *boxes, "a receptive field", error);
    if (boxes == NULL) {
        return FOV_E_MEMORY;
    }
    boxes[value.id] = (struct box){true, {row, column}, {row, column}};
    int last = graph_value(graph, value.id)->node;
    for (int n = last; n >= 0; n--) {
        const struct node *node = &graph->nodes[n];
        for (int i = 0; node->out_count > 0 && boxes[node->out[0]].any && i < node->in_count; i++) {
            enum value_kind kind = graph_value(graph, node->in[i])->kind;
            if (node->in[i] != 0 && (kind == VALUE_RESULT || kind == VALUE_INPUT)) {
                struct box box = look_back(e, node, i, &boxes[node->out[0]]);
                join(&boxes[node->in[i]], &box);
            }
        }
    }
    const struct box *seen = &boxes[e->model->input.id];
    const int64_t size[2] = {e->picture.height, e->picture.width};
    for (int axis = 0; axis < 2; axis++) {
        int64_t low = seen->any ? seen->low[axis] : 0, high = seen->any ? seen->high[axis] : size[axis] - 1;
        high = high < size[axis] - 1 ? high : size[axis] - 1;
        field[axis] = (int)low;
        field[2 + axis] = (int)(high - low + 1);
    }
    memory_free(memory, boxes);
    return FOV_OK;
}
