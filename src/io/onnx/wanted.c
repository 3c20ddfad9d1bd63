/* SPDX-License-Identifier: MIT */
/* Which values are known while a file is read, and on which inputs an unknown value depends. A Reshape whose shape is
 * an input of the file cannot be built. A caller that has the elements of that input (the conformance runner) is told
 * which input it is, and imports the file again with the input as a constant. */
#include "graph/constant_fold.h"
#include "io/onnx/import.h"
#include "tensor/convert.h"

/** The elements of a constant of any size; constant_fold.h keeps those of small ones only. */
static const double *constant_elements(struct importer *importer, const struct value *value)
{
    size_t count;
    if (!shape_count(&value->shape, &count)) {
        return NULL;
    }
    double *elements = arena_take(importer->arena, count, sizeof *elements);
    if (elements == NULL) {
        importer->failed = true;
        return NULL;
    }
    convert_to_double(value->dtype, value->data, elements, count);
    return elements;
}

const double *importer_known(struct importer *importer, fov_value value)
{
    const struct value *found = graph_value(importer->graph, value.id);
    size_t              count;
    if (value.id <= 0) {
        return NULL;
    }
    if (found->kind == VALUE_CONSTANT) {
        return constant_elements(importer, found);
    }
    const double *known = constant_fold_values(&(struct constant_folding){.graph = importer->graph}, value.id);
    if (known == NULL || !shape_count(&found->shape, &count)) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (known[i] == OP_OPEN_BATCH) {
            return NULL;
        }
    }
    return known;
}

/** Sets `wanted` of a value that is a given input; marks the node of a value that a node produces. */
static void follow(const struct importer *importer, int id, bool *marked)
{
    const struct value *value = graph_value(importer->graph, id);
    if (value->node >= 0) {
        marked[value->node] = true;
    }
    for (int i = 0; value->kind == VALUE_INPUT && i < importer->input_count; i++) {
        if (importer->inputs[i].id == id && i < importer->options->given_count) {
            importer->options->given[i].wanted = true;
        }
    }
}

void importer_want(struct importer *importer, fov_value value)
{
    const fov_graph        *graph = importer->graph;
    struct constant_folding folding = {.graph = importer->graph};
    if (importer->options->given == NULL || value.id <= 0 || constant_fold_values(&folding, value.id) != NULL) {
        return;
    }
    bool *marked = arena_take(importer->arena, graph->node_count + 1, sizeof *marked);
    if (marked == NULL) {
        importer->failed = true;
        return;
    }
    follow(importer, value.id, marked);
    for (size_t n = graph->node_count; n-- > 0;) {
        const struct node *node = &graph->nodes[n];
        for (int i = 0; marked[n] && i < node->in_count; i++) {
            if (node->in[i] > 0 && !op_port_at(node->op->in, i)->shape_only &&
                constant_fold_values(&folding, node->in[i]) == NULL) {
                follow(importer, node->in[i], marked);
            }
        }
    }
}
