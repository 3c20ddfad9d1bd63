/* SPDX-License-Identifier: MIT */
/* Copies a graph value by value, in order of creation, which is a topological order: inputs are copied before the nodes
 * that read them. */
#include "base/file.h"
#include "graph/copy.h"
#include <stdio.h>
#include <string.h>

struct copying {
    const fov_graph *from;
    fov_graph       *to;
    int       *id; /**< per value of `from`: its id in the copy */
    const struct graph_change *changes;
    int                        change_count;
    bool                       bare; /**< copies no data: they are handed over later */
    bool                       borrows; /**< shares the original's data in memory */
    fov_graph                 *fixed; /**< not NULL: `from`, whose parameters become constants of the copy */
    const char                *prefix; /**< put in front of all names; NULL: none */
    char                      *name; /**< [name_size] space for a name with the prefix */
    size_t                     name_size;
};

static const char *name_of(const struct copying *copying, const char *name)
{
    if (copying->prefix == NULL) {
        return name;
    }
    snprintf(copying->name, copying->name_size, "%s%s", copying->prefix, name);
    return copying->name;
}

/* In a copy without prefix, gives the last node the original's name, by which users know the layer. */
static int keep_name(const struct copying *copying, const struct node *node)
{
    struct node *made = &copying->to->nodes[copying->to->node_count - 1];
    struct fov_context *context = copying->to->context;
    if (copying->prefix != NULL || strcmp(made->name, node->name) == 0) {
        return FOV_OK;
    }
    const char *name = memory_copy_text(context->memory, node->name, &context->error);
    if (name == NULL) {
        return FOV_E_MEMORY;
    }
    memory_free(context->memory, (void *)(uintptr_t)made->name);
    made->name = name;
    return FOV_OK;
}

static int copy_node(const struct copying *copying, const struct node *node)
{
    int in[OP_MAX_PORTS];
    for (int i = 0; i < node->in_count; i++) {
        in[i] = copying->id[node->in[i]];
    }
    /* Named after its result: importers may have renamed values, and only values' names are unique. */
    const char *name = name_of(copying, graph_value(copying->from, node->out[0])->name);
    int first = graph_add_node(copying->to, node->op, in, node->in_count, node->options, name);
    for (int i = 0; first != 0 && i < node->out_count; i++) {
        copying->id[node->out[i]] = copying->to->nodes[copying->to->node_count - 1].out[i];
    }
    return first != 0 && keep_name(copying, node) == FOV_OK ? first : 0;
}

static const struct graph_change *find_change(const struct copying *copying, int id)
{
    for (int i = 0; i < copying->change_count; i++) {
        if (copying->changes[i].id == id) {
            return &copying->changes[i];
        }
    }
    return NULL;
}

static int copy_constant(const struct copying *copying, const struct value *value)
{
    int made = fov_constant(copying->to, name_of(copying, value->name), value->dtype, value->shape, value->data).id;
    if (made != 0 && copying->borrows) {
        struct value *taken = graph_value(copying->to, made);
        memory_free(copying->to->context->memory, taken->data);
        taken->data = value->data;
        taken->borrowed = true;
    }
    return made;
}

static int copy_parameter(const struct copying *copying, int id)
{
    const struct value *value = graph_value(copying->from, id);
    const struct graph_change *change = find_change(copying, id);
    if (copying->fixed != NULL) {
        return graph_data(copying->fixed, id) != NULL ? copy_constant(copying, value) : 0;
    }
    if (change != NULL) {
        return fov_parameter(copying->to, .name = value->name, .shape = change->shape, .initial = change->initial,
                             .scale = change->scale, .frozen = value->frozen, .dtype = value->dtype).id;
    }
    fov_value made = fov_parameter(copying->to, .name = name_of(copying, value->name), .shape = value->shape,
                                   .initial = value->initial, .scale = value->scale, .frozen = value->frozen,
                                   .dtype = value->dtype);
    if (made.id == 0 || (copying->bare && (value->data != NULL || value->file != NULL))) {
        return made.id;
    }
    struct value *taken = graph_value(copying->to, made.id);
    if (copying->borrows && value->data != NULL) {
        taken->data = value->data;
        taken->borrowed = true;
        return made.id;
    }
    if (value->file != NULL) { /* data in a file stay there */
        taken->file = file_source_share(value->file);
        taken->file_offset = value->file_offset;
        return made.id;
    }
    if (copying->borrows && copying->prefix == NULL) {
        return made.id; /* drawn later: a full copy numbers its parameters as the original does */
    }
    /* Copied, or drawn now if not drawn yet: a parameter's number, which keys its values, may differ in the copy. */
    struct fov_context *context = copying->to->context;
    taken->data = memory_allocate_raw(context->memory, value->bytes, 1, value->name, &context->error);
    if (taken->data == NULL || graph_read(copying->from, id, 0, taken->data, value->bytes, &context->error) != FOV_OK) {
        return 0;
    }
    return made.id;
}

static int copy_value(const struct copying *copying, int index)
{
    const struct value *value = graph_value(copying->from, index);
    const struct graph_change *change;
    switch (value->kind) {
    case VALUE_INPUT:
        change = find_change(copying, index);
        return fov_input(copying->to, .name = value->name, .dtype = value->dtype,
                         .shape = change != NULL ? change->shape : value->shape).id;
    case VALUE_PARAMETER:
        return copy_parameter(copying, index);
    case VALUE_CONSTANT:
        return copy_constant(copying, value);
    case VALUE_RESULT:
        /* A node is copied at its first result; that copies its other results, too. */
        return value->output == 0 ? copy_node(copying, &copying->from->nodes[value->node]) : copying->id[index];
    }
    return 0;
}

static fov_graph *copy(struct copying *copying, struct fov_context *context)
{
    const fov_graph *from = copying->from;
    fov_graph *to = fov_graph_create(context);
    copying->to = to;
    for (size_t v = 1; to != NULL && v < from->value_count; v++) {
        copying->id[v] = copy_value(copying, (int)v);
        if (copying->id[v] == 0) {
            /* Takes effect only if the failed call has not set an error itself. */
            error_set(&context->error, FOV_E_INTERNAL, "copying the graph failed at \"%s\"",
                      graph_value(from, (int)v)->name);
            fov_graph_free(to);
            return NULL;
        }
    }
    for (size_t v = 1; to != NULL && v < from->value_count; v++) {
        const struct value *value = graph_value(from, (int)v);
        if (value->kind == VALUE_PARAMETER && value->assigned != 0 && !value->follows) {
            fov_assign(to, (fov_value){copying->id[v]}, (fov_value){copying->id[value->assigned]});
        }
    }
    if (to != NULL && to->failed) {
        fov_graph_free(to);
        return NULL;
    }
    return to;
}

fov_graph *graph_copy(fov_graph *graph, int *id)
{
    struct copying copying = {.from = graph, .id = id};
    return copy(&copying, graph->context);
}

fov_graph *graph_borrow(const fov_graph *graph, struct fov_context *context, int *id)
{
    struct copying copying = {.from = graph, .id = id, .borrows = true};
    return copy(&copying, context);
}

/* Adds a node a second time if one of its inputs has a replacement. again[id]: the value that replaces value id; 0:
 * none, it does not depend on `from`. */
static void apply_node(fov_graph *graph, size_t number, int *again)
{
    const struct node *node = &graph->nodes[number];
    int in[OP_MAX_PORTS], out_count = node->out_count;
    bool depends = false;
    for (int i = 0; i < node->in_count; i++) {
        depends = depends || again[node->in[i]] != 0;
        in[i] = again[node->in[i]] != 0 ? again[node->in[i]] : node->in[i];
    }
    if (!depends || graph_add_node(graph, node->op, in, node->in_count, node->options, NULL) == 0) {
        return;
    }
    node = &graph->nodes[number]; /* the array may have moved */
    for (int i = 0; i < out_count; i++) {
        again[node->out[i]] = graph->nodes[graph->node_count - 1].out[i];
    }
}

fov_value graph_apply(fov_graph *graph, fov_value from, fov_value to, fov_value instead)
{
    struct memory *memory = graph->context->memory;
    struct error *error = &graph->context->error;
    size_t nodes = graph->node_count;
    bool *needed = memory_allocate(memory, nodes + 1, sizeof *needed, "a mark per node", error);
    int *again = memory_allocate(memory, graph->value_count, sizeof *again, "values by others", error);
    fov_value made = {0};
    if (needed != NULL && again != NULL && !graph->failed) {
        graph_mark(graph, &to.id, 1, needed);
        again[from.id] = instead.id;
        for (size_t n = 0; n < nodes && !graph->failed; n++) {
            if (needed[n]) {
                apply_node(graph, n, again);
            }
        }
        made.id = graph->failed ? 0 : again[to.id] != 0 ? again[to.id] : to.id;
    }
    if (made.id == 0) {
        graph_fail(graph);
    }
    memory_free(memory, needed);
    memory_free(memory, again);
    return made;
}

/* Whether value `id` is a result of a needed node or is read by one. */
static bool is_needed(const fov_graph *graph, const bool *needed, size_t id, const bool *read)
{
    const struct value *value = graph_value(graph, (int)id);
    return value->kind == VALUE_RESULT ? needed[value->node] : read[id];
}

static int insert(struct copying *copying, const bool *needed, bool *read)
{
    const fov_graph *from = copying->from;
    struct error *error = &copying->to->context->error;
    for (size_t n = 0; n < from->node_count; n++) {
        for (int i = 0; needed[n] && i < from->nodes[n].in_count; i++) {
            read[from->nodes[n].in[i]] = true;
        }
    }
    for (size_t v = 1; v < from->value_count; v++) {
        if (copying->id[v] != 0 || !is_needed(from, needed, v, read)) {
            continue;
        }
        if (graph_value(from, (int)v)->kind == VALUE_INPUT) {
            return error_set(error, FOV_E_USAGE, "the network also depends on input \"%s\"",
                             graph_value(from, (int)v)->name);
        }
        copying->id[v] = copy_value(copying, (int)v);
        if (copying->id[v] == 0) {
            return error_set(error, FOV_E_INTERNAL, "copying the graph failed at \"%s\"",
                             graph_value(from, (int)v)->name);
        }
    }
    return FOV_OK;
}

int graph_insert(fov_graph *to, fov_graph *from, fov_value input, fov_value instead, const int *wanted, int count,
                 const char *prefix, enum graph_inserted how, int *id)
{
    enum { NAME_SIZE = 4096 + 64 }; /* the longest name and a prefix: graph_add_node refuses one that is too long */
    struct memory *memory = to->context->memory;
    struct error *error = &to->context->error;
    bool *needed = memory_allocate(memory, from->node_count + 1, sizeof *needed, "a mark per node", error);
    bool *read = memory_allocate(memory, from->value_count, sizeof *read, "a mark per value", error);
    char *name = memory_allocate(memory, NAME_SIZE, 1, "a name", error);
    int status = FOV_E_MEMORY;
    if (needed != NULL && read != NULL && name != NULL && !to->failed) {
        struct copying copying = {
            .from = from, .to = to, .id = id, .borrows = how == GRAPH_FIXED, .fixed = how == GRAPH_FIXED ? from : NULL,
            .prefix = prefix, .name = name, .name_size = NAME_SIZE};
        memset(id, 0, from->value_count * sizeof *id);
        id[input.id] = instead.id;
        graph_mark(from, wanted, count, needed);
        status = insert(&copying, needed, read);
    }
    if (status != FOV_OK) {
        status = graph_fail(to);
    }
    memory_free(memory, needed);
    memory_free(memory, read);
    memory_free(memory, name);
    return status;
}

fov_graph *graph_rebuild(fov_graph *graph, int *id, const struct graph_change *changes, int count)
{
    struct copying copying = {.from = graph, .id = id, .changes = changes, .change_count = count, .bare = true};
    return copy(&copying, graph->context);
}

void graph_hand_over(fov_graph *graph, fov_graph *rebuilt, const int *id, const struct graph_change *changes, int count)
{
    const struct copying copying = {.changes = changes, .change_count = count};
    for (size_t v = 1; v < graph->value_count; v++) {
        struct value *old = graph_value(graph, (int)v);
        if (old->kind == VALUE_PARAMETER && find_change(&copying, (int)v) == NULL) {
            struct value *taken = graph_value(rebuilt, id[v]);
            if (old->data == NULL && old->file == NULL) {
                continue; /* was drawn while copying */
            }
            taken->data = old->data;
            taken->borrowed = old->borrowed;
            taken->file = old->file;
            taken->file_offset = old->file_offset;
            old->data = NULL;
            old->file = NULL;
        }
    }
}
