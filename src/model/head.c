/* SPDX-License-Identifier: MIT */
/* Transfer learning: replaces the head of a trained network, its last layer with weights, by one for another number of
 * classes, and freezes parameters of layers to be kept. Read next: graph/copy.h, which rebuilds a graph with other
 * shapes. */
#include "base/arithmetic.h"
#include "graph/copy.h"
#include "model/head.h"
#include "op/common.h"
#include <fnmatch.h>
#include <math.h>
#include <string.h>

/* ---- the head ---------------------------------------------------------------------------------------------------- */

static const double rare = 0.01; /* initial probability of a detector's new class (Lin et al. 2017) */

int head_give_up(const struct head *head, const struct node *node, const char *why)
{
    return error_set(&head->model->context->error, FOV_E_UNSUPPORTED, "the head cannot be replaced: \"%s\" (%s) %s",
                     graph_value(head->model->graph, node->out[0])->name, node->op->name, why);
}

/** How many inputs of nodes are this value. */
static int count_readers(const fov_graph *graph, int id)
{
    int readers = 0;
    for (size_t n = 0; n < graph->node_count; n++) {
        for (int i = 0; i < graph->nodes[n].in_count; i++) {
            readers += graph->nodes[n].in[i] == id;
        }
    }
    return readers;
}

/** Registers a change: `axis` of the parameter at input `port` gets the new number of classes, and new values. */
static int change(struct head *head, const struct node *node, int port, int axis, fov_initial initial, double scale)
{
    int id = node->in[port];
    const fov_graph *graph = head->model->graph;
    if (!model_is_parameter(graph, id)) {
        return head_give_up(head, node, "has a weight that is no parameter");
    }
    if (count_readers(graph, id) > 1) {
        return head_give_up(head, node, "shares its weights with another layer");
    }
    fov_shape shape = graph_value(graph, id)->shape;
    if (axis >= shape.rank || shape.dim[axis] != head->outputs || head->count == HEAD_CHANGES) {
        return head_give_up(head, node, "is not one number per class");
    }
    shape.dim[axis] = head->classes;
    head->changes[head->count++] = (struct graph_change){id, shape, initial, (float)scale};
    return FOV_OK;
}

int head_change_layer(struct head *head, const struct node *node, int axis)
{
    if (!model_is_parameter(head->model->graph, node->in[1])) {
        return head_give_up(head, node, "has a weight that is no parameter");
    }
    const fov_shape *weight = &graph_value(head->model->graph, node->in[1])->shape;
    double inputs = 1;
    for (int i = 0; i < weight->rank; i++) {
        inputs *= i != axis ? (double)weight->dim[i] : 1;
    }
    double scale = inputs > 0 ? 1 / sqrt(inputs) : 0;
    int status = change(head, node, 1, axis, FOV_INITIAL_UNIFORM, scale);
    if (status == FOV_OK && node->in_count > 2 && node->in[2] != 0) {
        status = head->rarely ? change(head, node, 2, 0, FOV_INITIAL_CONSTANT, log(rare / (1 - rare)))
                              : change(head, node, 2, 0, FOV_INITIAL_UNIFORM, scale);
    }
    head->layer = head->layer != 0 ? head->layer : node->in[1];
    return status;
}

/** Changes a bias that is added, or a factor that is multiplied, after the layer, along the axis that counts
 *  classes. */
static int change_operand(struct head *head, const struct node *node, int port, bool is_sum)
{
    const fov_shape *shape = &graph_value(head->model->graph, node->in[port])->shape;
    for (int axis = 0; axis < shape->rank; axis++) {
        if (shape->dim[axis] == head->outputs) {
            return change(head, node, port, axis, is_sum ? FOV_INITIAL_ZEROS : FOV_INITIAL_ONES, 0);
        }
    }
    return FOV_OK; /* one number for all classes */
}

static int change_norm(struct head *head, const struct node *node)
{
    static const fov_initial initial[] = {FOV_INITIAL_ONES, FOV_INITIAL_ZEROS, FOV_INITIAL_ZEROS, FOV_INITIAL_ONES};
    int status = FOV_OK;
    for (int port = 1; port <= 4 && status == FOV_OK; port++) {
        status = change(head, node, port, 0, initial[port - 1], 0);
    }
    return status;
}

/** Sets *length to `becomes` and remembers the old value. */
static int state(struct head *head, const struct node *node, int64_t *length, int64_t becomes)
{
    if (head->length_count == HEAD_CHANGES) {
        return head_give_up(head, node, "is one of too many");
    }
    head->lengths[head->length_count].at = length;
    head->lengths[head->length_count++].was = *length;
    *length = becomes;
    return FOV_OK;
}

int head_change_length(struct head *head, const struct node *node, int was, int becomes)
{
    bool has_values = node->in_count > 1 && node->in[1] != 0; /* the shape is an input, not an option */
    int64_t *dim = NULL, count = 0;
    if (strcmp(node->op->name, "slice") == 0 && !has_values) {
        dim = &((struct slice_options *)node->options)->length;
        count = 1;
    } else if (strcmp(node->op->name, "reshape") == 0 && !has_values) {
        dim = ((struct reshape_options *)node->options)->shape.at;
        count = ((struct reshape_options *)node->options)->shape.count;
    } else if (strcmp(node->op->name, "reshape") == 0) {
        struct value *shape = graph_value(head->model->graph, node->in[1]);
        bool is_known = shape->kind == VALUE_CONSTANT && shape->dtype == FOV_I64 && !shape->borrowed;
        dim = shape->data;
        count = is_known && shape->shape.rank == 1 ? shape->shape.dim[0] : 0; /* a computed shape adapts */
    }
    for (int64_t i = 0; i < count; i++) {
        if (dim[i] == was) {
            return state(head, node, &dim[i], becomes);
        }
    }
    return FOV_OK;
}

/** Restores the lengths changed in the model's graph. */
static void undo_lengths(struct head *head)
{
    while (head->length_count > 0) {
        head->length_count--;
        *head->lengths[head->length_count].at = head->lengths[head->length_count].was;
    }
}

/** Registers what has to change at one node. *next: the value to go on with, or 0 if the node is the head layer. */
static int look(struct head *head, const struct node *node, int *next)
{
    const fov_graph *graph = head->model->graph;
    const char *name = node->op->name;
    *next = 0;
    if (strcmp(name, "dense") == 0) {
        return head_change_layer(head, node, 0);
    }
    if (strcmp(name, "conv") == 0) {
        bool whole = model_is_parameter(graph, node->in[1]) && node->in[0] != 0 &&
                     graph_value(graph, node->in[1])->shape.dim[1] == graph_value(graph, node->in[0])->shape.dim[1];
        return whole ? head_change_layer(head, node, 0) : head_give_up(head, node, "has groups");
    }
    if (strcmp(name, "matmul") == 0 && model_is_parameter(graph, node->in[1])) {
        return head_change_layer(head, node, graph_value(graph, node->in[1])->shape.rank - 1);
    }
    if (strcmp(name, "batch_norm") == 0) {
        *next = node->in[0];
        return change_norm(head, node);
    }
    bool is_sum = strcmp(name, "add") == 0, is_product = strcmp(name, "mul") == 0;
    int status = head_change_length(head, node, head->outputs, head->classes);
    for (int i = 0; i < node->in_count && status == FOV_OK; i++) {
        if (node->in[i] == 0 || graph_value(graph, node->in[i])->kind == VALUE_CONSTANT) {
            continue;
        }
        if (model_is_parameter(graph, node->in[i])) {
            status = is_sum || is_product ? change_operand(head, node, i, is_sum)
                                          : head_give_up(head, node, "has parameters and is no layer known as a head");
        } else if (*next != 0) {
            status = head_give_up(head, node, "joins several branches");
        } else {
            *next = node->in[i];
        }
    }
    return status;
}

static int find_head(struct head *head)
{
    const fov_graph *graph = head->model->graph;
    int at = head->model->output.id, status = FOV_OK;
    if (fov_model_meaning(head->model, head->model->output) == FOV_MEANING_BOXES) {
        status = head_find_boxes(head);
        at = 0;
    }
    while (at != 0 && status == FOV_OK && graph_value(graph, at)->kind == VALUE_RESULT) {
        status = look(head, &graph->nodes[graph_value(graph, at)->node], &at);
    }
    if (status == FOV_OK && head->layer == 0) {
        return error_set(&head->model->context->error, FOV_E_UNSUPPORTED,
                         "the head cannot be replaced: no dense or convolution layer leads to \"%s\"",
                         graph_value(graph, head->model->output.id)->name);
    }
    return status;
}

/** How many scores an output has for each sample or, if it is a map, for each pixel: then `channels` is the dimension
 *  of its channels, else 0. */
static int count_outputs(const fov_graph *graph, int output, int channels)
{
    fov_shape shape = graph_value(graph, output)->shape, sample = shape_with_batch(&shape, 1);
    size_t count;
    if (channels > 0) {
        return shape.rank > 3 && shape.dim[channels] <= 1000000 ? (int)shape.dim[channels] : 1;
    }
    return shape_count(&sample, &count) && count <= 1000000 ? (int)count : 0;
}

/** The same for the model's chosen output, or for the value `output` that it became in a rebuilt `graph`. */
static int outputs_of(const fov_model *model, const fov_graph *graph, int output)
{
    fov_meaning meaning = fov_model_meaning(model, model->output);
    int channels = meaning != FOV_MEANING_MAP ? 0 : model_map_is_channels_last(model, model->output) ? 3 : 1;
    return meaning == FOV_MEANING_BOXES ? head_box_classes(model, graph, output)
                                        : count_outputs(graph, output, channels);
}

/** Forgets a stated meaning "values" of the chosen output: its new head scores classes. */
static void forget_values(fov_model *model)
{
    for (int i = 0; i < model->output_count; i++) {
        struct model_output *output = &model->outputs[i];
        output->is_stated &= output->value.id != model->output.id || output->meaning != FOV_MEANING_VALUES;
    }
}

static int exchange_graph(struct head *head, int *id)
{
    fov_model *model = head->model;
    struct error *error = &model->context->error;
    fov_graph *graph = graph_rebuild(model->graph, id, head->changes, head->count);
    if (graph == NULL) {
        error_prefix(error, "the head cannot be replaced");
        return (int)error->status;
    }
    int made = outputs_of(model, graph, id[model->output.id]);
    if (made != head->classes) {
        fov_graph_free(graph);
        return error_set(error, FOV_E_UNSUPPORTED, "the head cannot be replaced: \"%s\" would make %d numbers, not %d",
                         graph_value(model->graph, model->output.id)->name, made, head->classes);
    }
    head->layer = id[head->layer];
    forget_values(model);
    head->length_count = 0; /* they belong to the graph that is freed now */
    int status = model_take_graph(model, graph, id, head->changes, head->count);
    return status != FOV_OK ? status : fov_model_set_classes(model, NULL, 0);
}

static int replace_head(fov_model *model, int classes, const char **weight)
{
    struct error *error = &model->context->error;
    struct head head = {.model = model, .classes = classes};
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    if (classes < 1 || classes > 1000000) {
        return error_set(error, FOV_E_USAGE, "a head for %d classes (1 to 1,000,000)", classes);
    }
    if (model->output.id == 0) {
        return error_set(error, FOV_E_USAGE, "the model has no output yet: call fov_model_set_input_output");
    }
    head.outputs = outputs_of(model, model->graph, model->output.id);
    size_t values = model->graph->value_count;
    int *id = memory_allocate(model->context->memory, values, sizeof *id, "a copy of the graph", error);
    int status = id == NULL ? FOV_E_MEMORY : find_head(&head);
    if (status == FOV_OK) {
        status = exchange_graph(&head, id);
    }
    if (status != FOV_OK) {
        undo_lengths(&head);
    }
    if (status == FOV_OK && weight != NULL) {
        *weight = graph_value(model->graph, head.layer)->name;
    }
    memory_free(model->context->memory, id);
    return status;
}

int fov_model_replace_head(fov_model *model, int classes, const char **weight)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    struct call call = call_begin(model->context);
    int status = replace_head(model, classes, weight);
    call_end(&call);
    return status;
}

/* ---- a plain end ------------------------------------------------------------------------------------------------- */

/** The only input of a node that is another node's result; 0: there are none or several. */
static int only_source(const fov_graph *graph, const struct node *node)
{
    int found = 0;
    for (int i = 0; i < node->in_count; i++) {
        if (node->in[i] != 0 && graph_value(graph, node->in[i])->kind == VALUE_RESULT) {
            if (found != 0) {
                return 0;
            }
            found = node->in[i];
        }
    }
    return found;
}

/** Whether a value has at most one reader (node or output of the model), so that it may change. */
static bool is_read_once(const fov_model *model, int id)
{
    int readers = count_readers(model->graph, id);
    for (int i = 0; i < model->output_count; i++) {
        readers += model->outputs[i].value.id == id;
    }
    return readers <= 1;
}

static bool has_parameters(const fov_graph *graph, const struct node *node)
{
    for (int i = 0; i < node->in_count; i++) {
        if (node->in[i] != 0 && model_is_parameter(graph, node->in[i])) {
            return true;
        }
    }
    return false;
}

int model_end_plainly(fov_model *model)
{
    fov_graph *graph = model->graph;
    struct model_scores scores = model_scores(model, model->output);
    int status = scores.logits.id != model->output.id ? model_replace_output(model, scores.logits) : FOV_OK;
    int at = model->output.id;
    const struct node *node = model_producer(graph, at);
    while (status == FOV_OK && node != NULL &&
           (!has_parameters(graph, node) || strcmp(node->op->name, "batch_norm") == 0)) {
        bool bends = node->op->family == OP_ACTIVATION && !has_parameters(graph, node) && is_read_once(model, at);
        if (bends) {
            struct node *bend = &graph->nodes[graph_value(graph, at)->node];
            bend->op = op_find("identity");
            bend->in_count = 1;
        }
        at = bends ? node->in[0] : only_source(graph, node);
        node = at != 0 ? model_producer(graph, at) : NULL;
    }
    model_forget_plan(model);
    return status;
}

/* ---- freezing ---------------------------------------------------------------------------------------------------- */

/** Whether the name matches one of the patterns, which commas separate. */
static bool matches(const char *patterns, const char *name)
{
    char one[256];
    while (*patterns != '\0') {
        size_t length = strcspn(patterns, ",");
        if (length > 0 && length < sizeof one) {
            memcpy(one, patterns, length);
            one[length] = '\0';
            if (fnmatch(one, name, 0) == 0) {
                return true;
            }
        }
        patterns += length + (patterns[length] == ',');
    }
    return false;
}

/** Whether a parameter is updated by a node itself, like batch norm's running mean. */
static bool is_statistic(const fov_graph *graph, int id)
{
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        for (int out = 0; out < node->out_count; out++) {
            int renewed = op_port_at(node->op->out, out)->updates - 1;
            if (renewed >= 0 && renewed < node->in_count && node->in[renewed] == id) {
                return true;
            }
        }
    }
    return false;
}

int fov_model_freeze(fov_model *model, const char *pattern, bool frozen)
{
    if (model == NULL || pattern == NULL) {
        return 0;
    }
    fov_graph *graph = model->graph;
    int count = 0;
    for (size_t v = 1; v < graph->value_count; v++) {
        struct value *value = graph_value(graph, (int)v);
        bool found = value->kind == VALUE_PARAMETER && value->dtype == FOV_F32 && matches(pattern, value->name);
        /* Statistics are never learned: unfreezing them would make them weights. */
        if (found && !is_statistic(graph, (int)v)) {
            value->frozen = frozen;
            count++;
        }
    }
    for (size_t n = 0; n < graph->node_count; n++) {
        model_set_statistics(graph, &graph->nodes[n], frozen);
    }
    return count;
}
