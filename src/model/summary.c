/* SPDX-License-Identifier: MIT */
/* The table of layers: shapes for one sample, parameters, multiply-adds, memory, receptive field. Only nodes that the
 * model's outputs depend on are counted. */
#include "model/model.h"
#include "base/arithmetic.h"
#include <stdint.h>
#include <string.h>

/* Receptive field of a value along the two axes: `size` pixels of the input, and neighbouring elements see areas `jump`
 * pixels apart. Each layer adds (kernel - 1) * dilation * jump to `size` and multiplies `jump` by its stride (Araujo,
 * Norris, Sim, "Computing receptive fields of convolutional neural networks", Distill 2019, equations 1 and 2). */
struct sight {
    int64_t size[2], jump[2];
    bool global; /* the whole picture: after flatten and dense, or global pooling */
};

struct summary_work {
    fov_model *model;
    fov_shape *shapes;    /* per value */
    struct sight *sights; /* per value */
    bool *needed;         /* per node: some output depends on it */
    bool *chosen;         /* per node: the chosen output depends on it */
    bool *counted;        /* per value: counted already, so that parameters shared by two nodes count once */
};

enum { SIGHT_LIMIT = 1 << 30 };

/* The receptive field of a node's results: the widest of its inputs', widened by the node itself. */
static struct sight look_through(const struct summary_work *work, const struct node *node, const struct op_cost *cost)
{
    const fov_graph *graph = work->model->graph;
    struct sight sight = {{1, 1}, {1, 1}, cost->global};
    for (int i = 0; i < node->in_count; i++) {
        const struct sight *in = &work->sights[node->in[i]];
        enum value_kind kind = graph_value(graph, node->in[i])->kind;
        if (node->in[i] == 0 || kind == VALUE_PARAMETER || kind == VALUE_CONSTANT) {
            continue;
        }
        sight.global = sight.global || in->global;
        for (int axis = 0; axis < 2; axis++) {
            sight.size[axis] = in->size[axis] > sight.size[axis] ? in->size[axis] : sight.size[axis];
            sight.jump[axis] = in->jump[axis] > sight.jump[axis] ? in->jump[axis] : sight.jump[axis];
        }
    }
    for (int axis = 0; axis < 2; axis++) {
        sight.size[axis] += (cost->kernel[axis] - 1) * cost->dilation[axis] * sight.jump[axis];
        sight.jump[axis] *= cost->stride[axis];
        if (sight.size[axis] > SIGHT_LIMIT || sight.jump[axis] > SIGHT_LIMIT) {
            sight.global = true;
            sight.size[axis] = sight.jump[axis] = 1;
        }
    }
    return sight;
}

/* Whether a node flattens a map: from there on the whole image is seen. */
static bool loses_picture(const fov_shape *in, const fov_shape *out)
{
    return in->rank >= 3 && out->rank < 3;
}

/* Whether input i is a running statistic, which the node updates itself and which is not learned. */
static bool is_buffer(const struct node *node, int i)
{
    for (int o = 0; o < node->out_count; o++) {
        if (op_port_at(node->op->out, o)->updates == i + 1) {
            return true;
        }
    }
    return false;
}

/* Adds a node's parameters and running statistics to its layer; shared ones count in the first node that reads them. */
static void count_parameters(const struct summary_work *work, const struct node *node, fov_layer *layer,
                             fov_summary *summary)
{
    for (int i = 0; i < node->in_count; i++) {
        const struct value *value = graph_value(work->model->graph, node->in[i]);
        if (node->in[i] == 0 || value->kind != VALUE_PARAMETER || work->counted[node->in[i]]) {
            continue;
        }
        work->counted[node->in[i]] = true;
        int64_t count = (int64_t)(value->bytes / fov_dtype_size(value->dtype));
        bool buffer = is_buffer(node, i);
        layer->parameters += buffer ? 0 : count;
        layer->buffers += buffer ? count : 0;
        summary->trainable += buffer || value->frozen ? 0 : count;
        summary->parameter_bytes += value->bytes;
    }
}

static void describe_cost(const struct summary_work *work, const struct node *node, struct op_tensor *in,
                          struct op_tensor *out, struct op_cost *cost)
{
    const fov_graph *graph = work->model->graph;
    for (int i = 0; i < node->in_count; i++) {
        in[i] = (struct op_tensor){.dtype = graph_value(graph, node->in[i])->dtype, .shape = work->shapes[node->in[i]]};
        if (node->in[i] == 0) {
            in[i].shape.rank = -1;
        }
    }
    for (int i = 0; i < node->out_count; i++) {
        out[i] =
            (struct op_tensor){.dtype = graph_value(graph, node->out[i])->dtype, .shape = work->shapes[node->out[i]]};
    }
    *cost = (struct op_cost){.options = node->options,
                             .in = in,
                             .out = out,
                             .in_count = node->in_count,
                             .out_count = node->out_count,
                             .kernel = {1, 1, 1},
                             .stride = {1, 1, 1},
                             .dilation = {1, 1, 1}};
    if (node->op->cost != NULL) {
        node->op->cost(cost);
    }
}

static void add_layer(struct summary_work *work, size_t n, fov_summary *summary)
{
    const struct node *node = &work->model->graph->nodes[n];
    struct op_tensor in[OP_MAX_PORTS], out[OP_MAX_PORTS];
    struct op_cost cost;
    describe_cost(work, node, in, out, &cost);
    struct sight sight = look_through(work, node, &cost);
    if (node->in_count > 0 && node->out_count > 0 && loses_picture(&in[0].shape, &out[0].shape)) {
        sight.global = true;
    }
    for (int i = 0; i < node->out_count; i++) {
        work->sights[node->out[i]] = sight;
    }
    size_t bytes = 0;
    fov_shape symbolic = graph_value(work->model->graph, node->out[0])->shape;
    fov_shape shape = work->shapes[node->out[0]];
    shape_bytes(&shape, out[0].dtype, &bytes);
    if (symbolic.rank > 0 && shape.rank > 0 && symbolic.dim[0] == FOV_BATCH) {
        shape.dim[0] = FOV_BATCH;
    }
    fov_layer *layer = &work->model->layers[summary->layer_count++];
    *layer = (fov_layer){.name = node->name,
                         .type = node->op->name,
                         .shape = shape,
                         .multiply_adds = cost.multiply_adds,
                         .bytes = node->op->view ? 0 : bytes, /* a view is its input's memory */
                         .receptive_field = {sight.global ? 0 : sight.size[0], sight.global ? 0 : sight.size[1]}};
    count_parameters(work, node, layer, summary);
    summary->parameters += layer->parameters;
    summary->buffers += layer->buffers;
    summary->multiply_adds += work->chosen[n] ? layer->multiply_adds : 0;
    size_t count = 0;
    if (work->chosen[n] && layer->multiply_adds > 0 && shape_count(&work->shapes[node->out[0]], &count)) {
        summary->neurons += (int64_t)count;
    }
    summary->activation_bytes += layer->bytes;
}

/* The input shape to summarise: the caller's if given, else the model's own, with a batch of one. */
static int resolve_input(const fov_model *model, const fov_shape *asked, fov_shape *shape, struct error *error)
{
    char text[SHAPE_TEXT_SIZE], own_text[SHAPE_TEXT_SIZE];
    fov_shape own = fov_value_shape(model->graph, model->input);
    *shape = shape_with_batch(&own, 1);
    if (asked == NULL) {
        return FOV_OK;
    }
    int skip = asked->rank == own.rank ? 1 : 0;
    if (asked->rank != own.rank && asked->rank != own.rank - 1) {
        return error_set(error, FOV_E_SHAPE, "the input asked about, %s, does not have the dimensions of %s",
                         shape_text(asked, text), shape_text(&own, own_text));
    }
    for (int i = 1; i < own.rank; i++) {
        shape->dim[i] = asked->dim[i - 1 + skip];
        if (shape->dim[i] < 1) {
            return error_set(error, FOV_E_SHAPE, "the input asked about, %s, is no size", shape_text(asked, text));
        }
    }
    return FOV_OK;
}

static int summarise(struct summary_work *work, const fov_shape *asked, fov_summary *summary, struct error *error)
{
    fov_model *model = work->model;
    fov_graph *graph = model->graph;
    struct memory *memory = model->context->memory;
    size_t nodes = 0;
    for (int i = 0; i < model->output_count; i++) {
        graph_mark(graph, &model->outputs[i].value.id, 1, work->needed);
    }
    graph_mark(graph, &model->output.id, 1, work->chosen);
    for (size_t n = 0; n < graph->node_count; n++) {
        nodes += work->needed[n];
    }
    fov_shape *inputs = memory_allocate(memory, graph->value_count, sizeof *inputs, "the summary", error);
    if (inputs == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t v = 0; v < graph->value_count; v++) {
        inputs[v].rank = -1;
    }
    int status = resolve_input(model, asked, &inputs[model->input.id], error);
    summary->input = inputs[model->input.id];
    if (status == FOV_OK) {
        status = graph_shapes(graph, 1, work->needed, inputs, work->shapes);
    }
    memory_free(memory, inputs);
    if (status == FOV_OK && (size_t)model->layer_capacity < nodes) {
        memory_free(memory, model->layers);
        model->layer_capacity = 0;
        model->layers = memory_allocate(memory, nodes, sizeof *model->layers, "the summary", error);
        if (model->layers == NULL) {
            return FOV_E_MEMORY;
        }
        model->layer_capacity = (int)nodes;
    }
    for (size_t v = 0; v < graph->value_count; v++) {
        work->sights[v] = (struct sight){{1, 1}, {1, 1}, false};
    }
    for (size_t n = 0; status == FOV_OK && n < graph->node_count; n++) {
        if (work->needed[n]) {
            add_layer(work, n, summary);
        }
    }
    return status;
}

static int make_summary(fov_model *model, const fov_shape *input, fov_summary *summary)
{
    struct error *error = &model->context->error;
    struct memory *memory = model->context->memory;
    size_t values = model->graph->value_count, nodes = model->graph->node_count;
    *summary = (fov_summary){0};
    if (model->input.id == 0 || model->output.id == 0) {
        return error_set(error, FOV_E_USAGE, "the model has no input and output yet: call fov_model_set_input_output");
    }
    struct summary_work work = {.model = model};
    work.shapes = memory_allocate(memory, values, sizeof *work.shapes, "the summary", error);
    work.sights = memory_allocate(memory, values, sizeof *work.sights, "the summary", error);
    work.needed = memory_allocate(memory, nodes, sizeof *work.needed, "the summary", error);
    work.chosen = memory_allocate(memory, nodes, sizeof *work.chosen, "the summary", error);
    work.counted = memory_allocate(memory, values, sizeof *work.counted, "the summary", error);
    int status = work.shapes != NULL && work.sights != NULL && work.needed != NULL && work.chosen != NULL &&
                         work.counted != NULL
                     ? summarise(&work, input, summary, error)
                     : FOV_E_MEMORY;
    summary->layers = model->layers;
    memory_free(memory, work.shapes);
    memory_free(memory, work.sights);
    memory_free(memory, work.needed);
    memory_free(memory, work.chosen);
    memory_free(memory, work.counted);
    return status;
}

int fov_model_summary(fov_model *model, const fov_shape *input, fov_summary *summary)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    if (summary == NULL) {
        return call_refuse(model->context, "fov_model_summary: summary is NULL");
    }
    struct call call = call_begin(model->context);
    int status = make_summary(model, input, summary);
    call_end(&call);
    return status;
}
