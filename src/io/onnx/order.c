/* SPDX-License-Identifier: MIT */
/* Sorts nodes so that each comes after the producers of its inputs. A file that is sorted already, as the format
 * demands, keeps its order; others are sorted by depth-first search with an explicit stack. */
#include "base/text.h"
#include "io/onnx/import.h"
#include <string.h>

enum { NEW, OPEN, DONE };

struct visit {
    size_t node, input;
};

/** The index-th name that a node depends on: its inputs, then the conditions of the branches that contain it. NULL: no
 *  more. */
static const char *dependency(const struct onnx_node *node, size_t index)
{
    const struct onnx_guard *guard = node->guard;
    if (index < node->in.count) {
        return node->in.at[index];
    }
    for (index -= node->in.count; guard != NULL && index > 0; index--) {
        guard = guard->outer;
    }
    return guard != NULL ? guard->condition : NULL;
}

/** The node that produces `name`; SIZE_MAX: no node does. */
static size_t producer(const struct importer *importer, const char *name)
{
    size_t      slot = name[0] != '\0' ? arena_table_find(&importer->table, name) : SIZE_MAX;
    return slot != SIZE_MAX && importer->slots[slot].kind == SLOT_RESULT ? importer->slots[slot].node : SIZE_MAX;
}

static int check_inputs(const struct importer *importer)
{
    char name[ONNX_NAME_TEXT], label[ONNX_NAME_TEXT];
    for (size_t n = 0; n < importer->model->graph.node_count; n++) {
        const struct onnx_node *node = &importer->model->graph.nodes[n];
        for (size_t i = 0; i < node->in.count; i++) {
            if (node->in.at[i][0] != '\0' && arena_table_find(&importer->table, node->in.at[i]) == SIZE_MAX) {
                return error_set(importer->error, FOV_E_INPUT,
                                 "%s: byte %zu: node \"%s\": input %zu: \"%s\" is made by nobody",
                                 importer->model->file, node->offset, text_escape(label, sizeof label, node->name), i,
                                 text_escape(name, sizeof name, node->in.at[i]));
            }
        }
    }
    return 0;
}

/** Visits `first` and everything it depends on, and appends each node to `order` after its producers. */
static int visit(const struct importer *importer, size_t first, char *state, struct visit *stack, size_t *count)
{
    size_t depth = 0;
    stack[depth++] = (struct visit){first, 0};
    state[first] = OPEN;
    while (depth > 0) {
        struct visit           *top = &stack[depth - 1];
        const struct onnx_node *node = &importer->model->graph.nodes[top->node];
        const char             *name = dependency(node, top->input++);
        if (name == NULL) {
            state[top->node] = DONE;
            importer->order[(*count)++] = top->node;
            depth--;
            continue;
        }
        size_t next = producer(importer, name);
        if (next == SIZE_MAX || state[next] == DONE) {
            continue;
        }
        if (state[next] == OPEN) {
            char label[ONNX_NAME_TEXT];
            return error_set(importer->error, FOV_E_INPUT,
                             "%s: byte %zu: node \"%s\" (%s): the graph has a cycle through it", importer->model->file,
                             node->offset, text_escape(label, sizeof label, node->name), node->type);
        }
        state[next] = OPEN;
        stack[depth++] = (struct visit){next, 0}; /* each node is opened once: the stack has room for all */
    }
    return 0;
}

static void mark(struct importer *importer, const char *name)
{
    size_t slot = name[0] != '\0' ? arena_table_find(&importer->table, name) : SIZE_MAX;
    if (slot != SIZE_MAX) {
        importer->slots[slot].used = true;
        if (importer->slots[slot].kind == SLOT_RESULT) {
            importer->needed[importer->slots[slot].node] = true;
        }
    }
}

int importer_sort(struct importer *importer)
{
    size_t        nodes = importer->model->graph.node_count, count = 0;
    char         *state = arena_take(importer->arena, nodes, sizeof *state);
    struct visit *stack = arena_take(importer->arena, nodes, sizeof *stack);
    importer->order = arena_take(importer->arena, nodes, sizeof *importer->order);
    importer->needed = arena_take(importer->arena, nodes, sizeof *importer->needed);
    if (state == NULL || stack == NULL || importer->order == NULL || importer->needed == NULL) {
        return FOV_E_MEMORY;
    }
    int status = check_inputs(importer);
    for (size_t n = 0; !status && n < nodes; n++) {
        if (state[n] == NEW) {
            status = visit(importer, n, state, stack, &count);
        }
    }
    if (status) {
        return status;
    }
    for (size_t i = 0; i < importer->model->graph.output_count; i++) {
        mark(importer, importer->model->graph.outputs[i].name);
    }
    for (size_t i = count; i-- > 0;) {
        const struct onnx_node *node = &importer->model->graph.nodes[importer->order[i]];
        for (size_t k = 0; importer->needed[importer->order[i]] && k < node->in.count; k++) {
            mark(importer, node->in.at[k]);
        }
    }
    return 0;
}
