/* SPDX-License-Identifier: MIT */
/* A case's graph copied into another context, as it is or with one change: for each run, and for shrinking. */
#include "random.h"

#include "tensor/shape.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct random_change random_no_change = {.cut = -1, .bypassed = -1, .reset = -1};

bool random_fill_parameter(fov_graph *graph, fov_value parameter, uint64_t number)
{
    fov_shape shape = fov_value_shape(graph, parameter);
    const char *name = fov_value_name(graph, parameter), *kind = strrchr(name, '.');
    size_t count = shape_span(&shape, 0, shape.rank), first = shape.rank > 0 ? (size_t)shape.dim[0] : 1;
    float *data = graph_data(graph, parameter.id);
    struct random_key key = {0, RANDOM_TEST, number};
    double from = 0.5, to = 1.5; /* for scales and variances */
    if (data == NULL || kind == NULL) {
        return false;
    }
    if (strcmp(kind, ".weight") == 0 && shape.rank > 1 && strstr(name, "norm") == NULL) {
        to = sqrt(3.0 * (double)first / (double)(count > 0 ? count : 1));
        from = -to;
    } else if (strcmp(kind, ".bias") == 0 || strcmp(kind, ".running_mean") == 0) {
        from = -0.5;
        to = 0.5;
    } else if (strcmp(kind, ".slope") == 0) {
        from = 0.05;
        to = 0.45;
    }
    for (size_t k = 0; k < count; k++) {
        data[k] = (float)(from + (to - from) * (double)random_uniform(key, k));
    }
    return true;
}

struct copying {
    const struct random_case *drawn;
    const struct random_change *change;
    fov_graph *from, *to;
    int *id;
};

/** The shape with every dimension of size change->number replaced. */
static fov_shape changed_shape(const struct copying *c, fov_shape shape)
{
    for (int i = 0; i < shape.rank; i++) {
        if (c->change->number != 0 && shape.dim[i] == c->change->number) {
            shape.dim[i] = c->change->becomes;
        }
    }
    return shape;
}

static int copy_source(const struct copying *c, int index)
{
    const struct value *value = graph_value(c->from, index);
    fov_shape shape = changed_shape(c, value->shape);
    if (value->kind == VALUE_INPUT) {
        return fov_input(c->to, .name = value->name, .dtype = value->dtype, .shape = shape).id;
    }
    if (value->kind == VALUE_CONSTANT) {
        return shape_equal(&shape, &value->shape)
                   ? fov_constant(c->to, value->name, value->dtype, value->shape, value->data).id
                   : 0;
    }
    fov_value made =
        fov_parameter(c->to, .name = value->name, .shape = shape, .frozen = value->frozen, .dtype = value->dtype);
    if (made.id == 0) {
        return 0;
    }
    bool filled = shape_equal(&shape, &value->shape)
                      ? fov_parameter_set(c->to, made, graph_data(c->from, index), value->bytes) == FOV_OK
                      : random_fill_parameter(c->to, made, (uint64_t)value->number);
    return filled ? made.id : 0;
}

static void change_options(const struct copying *c, const struct node *node, int index, void *options)
{
    union {
        max_align_t align;
        char bytes[OP_MAX_OPTIONS];
    } standard = {.bytes = {0}};
    op_options_default(node->op, &standard);
    for (int a = 0; node->op->attributes != NULL && node->op->attributes[a].name != NULL; a++) {
        const struct op_attribute *at = &node->op->attributes[a];
        char *place = (char *)options + at->offset;
        if (c->change->reset == index && c->change->attribute == a) {
            static const size_t sizes[] = {sizeof(int64_t), sizeof(double), sizeof(bool), sizeof(struct op_list),
                                           sizeof(int)};
            memcpy(place, standard.bytes + at->offset, sizes[at->kind]);
        }
        if (c->change->number != 0 && at->kind == OP_INTEGER && *(int64_t *)(void *)place == c->change->number) {
            *(int64_t *)(void *)place = c->change->becomes;
        }
        if (c->change->number > 2 && at->kind == OP_LIST) {
            struct op_list *list = (void *)place;
            for (int i = 0; i < list->count; i++) {
                list->at[i] = list->at[i] == c->change->number ? c->change->becomes : list->at[i];
            }
        }
    }
}

static bool copy_node(const struct copying *c, int index)
{
    const struct node *node = &c->from->nodes[index];
    int in[OP_MAX_PORTS];
    if (c->change->cut == index) {
        for (int i = 0; i < node->out_count; i++) {
            const struct value *value = graph_value(c->from, node->out[i]);
            if (value->shape.rank >= 0) {
                c->id[node->out[i]] = fov_input(c->to, .name = value->name, .dtype = value->dtype,
                                                .shape = changed_shape(c, value->shape))
                                          .id;
            }
        }
        return true;
    }
    if (c->change->bypassed == index) {
        c->id[node->out[0]] = c->id[node->in[c->change->input]];
        return true;
    }
    union {
        max_align_t align;
        char bytes[OP_MAX_OPTIONS];
    } options = {.bytes = {0}};
    if (node->op->options_size > 0) {
        memcpy(&options, node->options, node->op->options_size);
        change_options(c, node, index, &options);
    }
    for (int i = 0; i < node->in_count; i++) {
        in[i] = c->id[node->in[i]];
        if (node->in[i] != 0 && in[i] == 0) {
            return false;
        }
    }
    const char *name = graph_value(c->from, node->out[0])->name;
    if (graph_add_node(c->to, node->op, in, node->in_count, &options, name) == 0) {
        return false;
    }
    for (int i = 0; i < node->out_count; i++) {
        c->id[node->out[i]] = c->to->nodes[c->to->node_count - 1].out[i];
    }
    return true;
}

/** Marks the nodes and values that the outputs depend on after the change. */
static void mark(const struct copying *c, bool *nodes, bool *values)
{
    for (int i = 0; i < c->drawn->output_count; i++) {
        values[c->drawn->outputs[i].id] = true;
    }
    for (int n = (int)c->from->node_count - 1; n >= 0; n--) {
        const struct node *node = &c->from->nodes[n];
        for (int i = 0; i < node->out_count; i++) {
            nodes[n] = nodes[n] || values[node->out[i]];
        }
        for (int i = 0; nodes[n] && n != c->change->cut && i < node->in_count; i++) {
            values[node->in[i]] = values[node->in[i]] || c->change->bypassed != n || c->change->input == i;
        }
    }
}

bool random_copy(const struct random_case *drawn, fov_graph *to, const struct random_change *change, int *id)
{
    struct copying c = {drawn, change, drawn->graph, to, id};
    bool *nodes = calloc(c.from->node_count + 1, sizeof *nodes), *values = calloc(c.from->value_count, sizeof *values);
    bool copied = true;
    memset(id, 0, c.from->value_count * sizeof *id);
    mark(&c, nodes, values);
    /* In order of creation, so that what a node reads has been copied: a node is copied with its first result. */
    for (size_t v = 1; copied && v < c.from->value_count; v++) {
        const struct value *value = graph_value(c.from, (int)v);
        if (value->kind != VALUE_RESULT) {
            id[v] = values[v] ? copy_source(&c, (int)v) : 0;
            copied = !values[v] || id[v] != 0;
        } else if (value->output == 0 && nodes[value->node]) {
            copied = copy_node(&c, value->node);
        }
    }
    free(nodes);
    free(values);
    return copied && !to->failed;
}
