/* SPDX-License-Identifier: MIT */
/* If nodes. Operators have no side effects, so the nodes of both branches are merged into the main graph, and the If
 * becomes a choice between the outputs of the two. Where the condition follows from constants and shapes, as in the If
 * that exporters write around a Squeeze, the branch that cannot be taken is not even read. Loop and Scan are not
 * supported: a plan has no loops. Next: import.c. */
#include "base/text.h"
#include "graph/constant_fold.h"
#include "io/onnx/import.h"
#include "op/common.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- names ------------------------------------------------------------------------------------------------------- */

/** The names that one graph of the file defines, and their new names in the merged graph. */
struct scope {
    struct arena_table table; /* name -> index in `now` */
    const char **now;         /* the new names */
    const struct scope *outer;
    struct onnx_guard *guard;
};

/** Merges the main graph and all branches into one graph. `taken`: the names used in it so far. */
struct merger {
    struct importer *importer;
    struct arena_table taken;
    size_t taken_count;
    struct onnx_graph merged;
    int fresh; /**< counts generated names, so that none is tried twice */
};

static bool is_standard(const struct onnx_node *node)
{
    return node->domain[0] == '\0' || strcmp(node->domain, "ai.onnx") == 0;
}

static bool is_if(const struct onnx_node *node)
{
    return strcmp(node->type, "If") == 0 && is_standard(node);
}

static struct onnx_attribute *branch_of(const struct onnx_node *node, const char *name)
{
    for (size_t i = 0; i < node->attribute_count; i++) {
        if (strcmp(node->attributes[i].name, name) == 0) {
            return node->attributes[i].graph != NULL ? &node->attributes[i] : NULL;
        }
    }
    return NULL;
}

/** How many names a graph defines, without those of its branches. */
static size_t count_own(const struct onnx_graph *graph)
{
    size_t count = graph->initializer_count + graph->input_count;
    for (size_t i = 0; i < graph->node_count; i++) {
        count += graph->nodes[i].out.count;
    }
    return count;
}

static size_t count_all(const struct onnx_graph *graph)
{
    size_t count = count_own(graph);
    for (size_t i = 0; i < graph->node_count; i++) {
        for (size_t k = 0; is_if(&graph->nodes[i]) && k < graph->nodes[i].attribute_count; k++) {
            count += graph->nodes[i].attributes[k].graph != NULL ? count_all(graph->nodes[i].attributes[k].graph) : 0;
        }
    }
    return count;
}

/** A name in the merged graph for a name of a branch: the same, unless it is taken; NULL: out of memory. */
static const char *free_name(struct merger *merger, const char *name)
{
    const char *chosen = name;
    char made[ONNX_MAX_NAME + 16];
    while (!arena_table_add(&merger->taken, chosen, merger->taken_count)) {
        int length = snprintf(made, sizeof made, "%s.%d", name, ++merger->fresh);
        chosen = arena_text(merger->importer->arena, made, (size_t)length);
        if (chosen == NULL) {
            return NULL;
        }
    }
    merger->taken_count++;
    return chosen;
}

static bool define(struct merger *merger, struct scope *scope, const char *name, size_t *count)
{
    if (name[0] == '\0' || !arena_table_add(&scope->table, name, *count)) {
        return true; /* defined twice: import.c refuses that when it gathers all names */
    }
    bool is_whole = scope->outer == NULL;
    if (is_whole) {
        arena_table_add(&merger->taken, name, merger->taken_count++);
    }
    scope->now[*count] = is_whole ? name : free_name(merger, name);
    return scope->now[(*count)++] != NULL;
}

static int make_scope(struct merger *merger, struct scope *scope, const struct onnx_graph *graph)
{
    struct arena *arena = merger->importer->arena;
    size_t own = count_own(graph), count = 0;
    scope->now = arena_take(arena, own, sizeof *scope->now);
    bool good = scope->now != NULL && arena_table_make(arena, &scope->table, own) == 0;
    for (size_t i = 0; good && i < graph->input_count; i++) {
        good = define(merger, scope, graph->inputs[i].name, &count);
    }
    for (size_t i = 0; good && i < graph->initializer_count; i++) {
        good = define(merger, scope, graph->initializers[i].name, &count);
    }
    for (size_t i = 0; good && i < graph->node_count; i++) {
        for (size_t k = 0; good && k < graph->nodes[i].out.count; k++) {
            good = define(merger, scope, graph->nodes[i].out.at[k], &count);
        }
    }
    return good ? 0 : FOV_E_MEMORY;
}

/** The new name for `name` as this scope sees it; NULL: neither its graph nor an outer one defines it. */
static const char *find_name(const struct scope *scope, const char *name)
{
    for (; name[0] != '\0' && scope != NULL; scope = scope->outer) {
        size_t index = arena_table_find(&scope->table, name);
        if (index != SIZE_MAX) {
            return scope->now[index];
        }
    }
    return name[0] == '\0' ? name : NULL;
}

/* ---- merging all graphs into one --------------------------------------------------------------------------------- */

static int refuse(struct merger *merger, const struct onnx_node *node, fov_status status, const char *what,
                  const char *name)
{
    char label[ONNX_NAME_TEXT], escaped[ONNX_NAME_TEXT];
    return error_set(merger->importer->error, status, "%s: byte %zu: node \"%s\" (%s): %s \"%s\"",
                     merger->importer->model->file, node->offset, text_escape(label, sizeof label, node->name),
                     node->type, what, text_escape(escaped, sizeof escaped, name));
}

/** Copies names, translated to those of the merged graph. */
static int take_names(struct merger *merger, const struct scope *scope, const struct onnx_node *node,
                      const struct onnx_names *from, const char **to)
{
    for (size_t i = 0; i < from->count; i++) {
        to[i] = find_name(scope, from->at[i]);
        if (to[i] == NULL) {
            return refuse(merger, node, FOV_E_INPUT, "made by nobody that it can see:", from->at[i]);
        }
    }
    return 0;
}

static struct onnx_node *add_node(struct merger *merger, const struct onnx_node *node)
{
    struct onnx_graph *merged = &merger->merged;
    struct onnx_node *grown = arena_grow(merger->importer->arena, merged->nodes, merged->node_count, sizeof *grown);
    if (grown == NULL) {
        return NULL;
    }
    merged->nodes = grown;
    grown[merged->node_count] = *node;
    return &grown[merged->node_count++];
}

static int merge_graph(struct merger *merger, const struct onnx_graph *graph, const struct scope *scope);

/** Merges one branch of an If; stores the new names of its outputs in `results`. */
static int merge_branch(struct merger *merger, const struct onnx_node *node, const struct scope *outer,
                        const char *condition, bool when, const char **results)
{
    struct onnx_attribute *attribute = branch_of(node, when ? "then_branch" : "else_branch");
    if (attribute == NULL) {
        return refuse(merger, node, FOV_E_INPUT, "there is no graph in", when ? "then_branch" : "else_branch");
    }
    const struct onnx_graph *graph = attribute->graph;
    struct scope scope = {.outer = outer};
    char text[80];
    if (graph->input_count > 0 || graph->output_count != node->out.count || graph->has_sparse) {
        snprintf(text, sizeof text,
                 "a branch with %zu inputs and %zu outputs where the node has %zu:", graph->input_count,
                 graph->output_count, node->out.count);
        return refuse(merger, node, FOV_E_INPUT, graph->has_sparse ? "sparse initializers in" : text, attribute->name);
    }
    scope.guard = arena_take(merger->importer->arena, 1, sizeof *scope.guard);
    if (scope.guard == NULL) {
        return FOV_E_MEMORY;
    }
    *scope.guard = (struct onnx_guard){.condition = condition, .when = when, .outer = outer->guard};
    attribute->used = true;
    int status = make_scope(merger, &scope, graph);
    if (!status) {
        status = merge_graph(merger, graph, &scope);
    }
    for (size_t i = 0; !status && i < graph->output_count; i++) {
        results[i] = find_name(&scope, graph->outputs[i].name);
        if (results[i] == NULL || results[i][0] == '\0') { /* no name stands for an absent input, not for an output */
            status = refuse(merger, node, FOV_E_INPUT, "a branch's output is made by nobody:", graph->outputs[i].name);
        }
    }
    return status;
}

static int merge_if(struct merger *merger, const struct onnx_node *node, const struct scope *scope, const char **in,
                    const char **out)
{
    size_t count = node->out.count;
    const char **names = arena_take(merger->importer->arena, 2 * count + 1, sizeof *names);
    if (names == NULL) {
        return FOV_E_MEMORY;
    }
    if (node->in.count != 1 || in[0][0] == '\0') {
        return refuse(merger, node, FOV_E_INPUT, "it takes one input, the condition, not those of", node->type);
    }
    names[0] = in[0];
    int status = merge_branch(merger, node, scope, in[0], true, names + 1);
    if (!status) {
        status = merge_branch(merger, node, scope, in[0], false, names + 1 + count);
    }
    if (!status) {
        struct onnx_node *choice = add_node(merger, node);
        if (choice == NULL) {
            return FOV_E_MEMORY;
        }
        choice->in = (struct onnx_names){names, 2 * count + 1};
        choice->out.at = out;
        choice->guard = scope->guard;
        choice->is_choice = true;
    }
    return status;
}

static int merge_node(struct merger *merger, const struct onnx_node *node, const struct scope *scope)
{
    struct arena *arena = merger->importer->arena;
    const char **in = arena_take(arena, node->in.count, sizeof *in);
    const char **out = arena_take(arena, node->out.count, sizeof *out);
    int status = in == NULL || out == NULL ? FOV_E_MEMORY : 0;
    if (!status) {
        status = take_names(merger, scope, node, &node->in, in);
    }
    if (!status) {
        status = take_names(merger, scope, node, &node->out, out);
    }
    if (status || is_if(node)) {
        return status ? status : merge_if(merger, node, scope, in, out);
    }
    struct onnx_node *copy = add_node(merger, node);
    if (copy == NULL) {
        return FOV_E_MEMORY;
    }
    copy->in.at = in;
    copy->out.at = out;
    copy->guard = scope->guard;
    return 0;
}

static int merge_graph(struct merger *merger, const struct onnx_graph *graph, const struct scope *scope)
{
    struct onnx_graph *merged = &merger->merged;
    for (size_t i = 0; i < graph->initializer_count; i++) {
        struct onnx_tensor *grown =
            arena_grow(merger->importer->arena, merged->initializers, merged->initializer_count, sizeof *grown);
        if (grown == NULL) {
            return FOV_E_MEMORY;
        }
        merged->initializers = grown;
        grown[merged->initializer_count] = graph->initializers[i];
        grown[merged->initializer_count++].name = find_name(scope, graph->initializers[i].name);
    }
    int status = 0;
    for (size_t i = 0; !status && i < graph->node_count; i++) {
        status = merge_node(merger, &graph->nodes[i], scope);
    }
    return status;
}

int importer_merge_branches(struct importer *importer)
{
    struct onnx_graph *graph = &importer->model->graph;
    bool has_if = false;
    for (size_t i = 0; i < graph->node_count; i++) {
        has_if = has_if || is_if(&graph->nodes[i]);
    }
    if (!has_if) {
        return 0;
    }
    struct merger merger = {.importer = importer, .merged = *graph};
    struct scope scope = {.outer = NULL};
    merger.merged.nodes = NULL;
    merger.merged.initializers = NULL;
    merger.merged.node_count = merger.merged.initializer_count = 0;
    int status = arena_table_make(importer->arena, &merger.taken, count_all(graph));
    if (!status) {
        status = make_scope(&merger, &scope, graph);
    }
    if (!status) {
        status = merge_graph(&merger, graph, &scope);
    }
    if (!status) {
        *graph = merger.merged;
    }
    return status;
}

/* ---- conditions -------------------------------------------------------------------------------------------------- */

/** The value of the graph that a name stands for; id 0: it has not been computed. */
static fov_value value_of(struct importer *importer, const char *name)
{
    size_t index = arena_table_find(&importer->table, name);
    const struct onnx_slot *slot = &importer->slots[index];
    fov_value value = slot->kind == SLOT_TENSOR ? (fov_value){-(int)index - 1} : slot->value;
    return importer_make_value(importer, value, NULL, 0);
}

/** Whether a condition is true: 1 yes, 0 no, -1 only a run can tell. */
static int condition_holds(struct importer *importer, const char *name)
{
    fov_value value = value_of(importer, name);
    const double *known = value.id > 0 ? importer_known(importer, value) : NULL;
    size_t count;
    if (known == NULL || !shape_count(&graph_value(importer->graph, value.id)->shape, &count) || count != 1) {
        return -1;
    }
    return known[0] != 0;
}

bool importer_is_taken(struct importer *importer, struct onnx_guard *guard)
{
    if (guard == NULL) {
        return true;
    }
    if (guard->state == GUARD_UNASKED) {
        bool reached = importer_is_taken(importer, guard->outer);
        int holds = reached ? condition_holds(importer, guard->condition) : -1;
        guard->state = !reached || (holds >= 0 && (holds != 0) != guard->when) ? GUARD_SHUT : GUARD_OPEN;
    }
    return guard->state == GUARD_OPEN;
}

/* ---- the choice -------------------------------------------------------------------------------------------------- */

/** The output of the taken branch, under the name that the If gives to it. */
static fov_value take(struct importer *importer, const char *from, const char *name)
{
    fov_value value = value_of(importer, from);
    size_t index = arena_table_find(&importer->table, from);
    bool is_inner = importer->slots[index].kind == SLOT_RESULT &&
                    importer->model->graph.nodes[importer->slots[index].node].guard != NULL;
    if (value.id > 0 && is_inner && strcmp(graph_value(importer->graph, value.id)->name, from) == 0) {
        /* computed in the branch, so nothing outside refers to its name: rename it */
        return graph_rename(importer->graph, value.id, name) == 0 ? value : (fov_value){0};
    }
    return value.id > 0 ? importer->emitter.node(importer->emitter.graph, "identity", &value, 1, NULL, name)
                        : (fov_value){0};
}

static int choose(struct importer *importer, const struct onnx_node *node, size_t index)
{
    size_t count = node->out.count;
    fov_value in[3] = {value_of(importer, node->in.at[0]), value_of(importer, node->in.at[1 + index]),
                       value_of(importer, node->in.at[1 + count + index])};
    if (in[0].id <= 0 || in[1].id <= 0 || in[2].id <= 0) {
        return error_set(importer->error, FOV_E_UNSUPPORTED, "what its branches give for output %zu is not computed",
                         index);
    }
    const fov_graph *graph = importer->graph;
    fov_shape shape = fov_value_shape(graph, in[1]), other = fov_value_shape(graph, in[2]);
    fov_shape condition = fov_value_shape(graph, in[0]);
    fov_dtype dtype = fov_value_dtype(graph, in[1]), other_dtype = fov_value_dtype(graph, in[2]);
    char text[SHAPE_TEXT_SIZE], other_text[SHAPE_TEXT_SIZE];
    if (!shape_equal(&shape, &other) || dtype != other_dtype) {
        importer_want(importer, in[0]);
        return error_set(
            importer->error, FOV_E_UNSUPPORTED,
            "its branches give %s %s and %s %s for output %zu, and which one is taken depends on the data: "
            "then they must be of one type and shape",
            fov_dtype_name(dtype), shape_text(&shape, text), fov_dtype_name(other_dtype),
            shape_text(&other, other_text), index);
    }
    if (condition.rank > 0) {
        in[0] = op_emit_reshape(&importer->emitter, in[0], &(fov_shape){.rank = 0});
    }
    importer->result[index] =
        importer->emitter.node(importer->emitter.graph, "where", in, 3, NULL, node->out.at[index]);
    return importer->result[index].id > 0 ? 0 : (int)importer->error->status;
}

int importer_read_choice(struct importer *importer, const struct onnx_node *node)
{
    size_t count = node->out.count;
    if (count > OP_MAX_PORTS || count == 0) {
        return error_set(importer->error, FOV_E_INPUT, "%zu outputs (one at least, %d at most)", count, OP_MAX_PORTS);
    }
    memset(importer->result, 0, sizeof importer->result);
    importer->in_count = 0;
    importer->node_label = node->out.at[0][0] != '\0' ? node->out.at[0] : "If";
    int holds = condition_holds(importer, node->in.at[0]), status = 0;
    for (size_t i = 0; !status && i < count; i++) {
        const char *name = node->out.at[i];
        if (name[0] == '\0') {
            continue;
        }
        if (holds < 0) {
            status = choose(importer, node, i);
            continue;
        }
        importer->result[i] = take(importer, node->in.at[holds != 0 ? 1 + i : 1 + count + i], name);
        status = importer->result[i].id > 0 ? 0 : FOV_E_UNSUPPORTED;
    }
    return status;
}
