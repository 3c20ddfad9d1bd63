/* SPDX-License-Identifier: MIT */
/* Finds the layers that compute a detector's classes. Its rows, [N, cells, 4 + 1 + classes], are a concatenation over
 * maps; each map's numbers are a concatenation of a box, an objectness score and class scores, and the class scores
 * come from one layer for each map (YOLOX's form: boxes_form.c). */
#include "model/head.h"
#include "model/boxes_form.h"
#include <string.h>

enum { BOX_NUMBERS = 5, DEPTH = 64, MOST_LOOKS = 16384 };

int head_box_classes(const fov_model *model, const fov_graph *graph, int output)
{
    struct boxes_rows rows;
    const struct boxes_form *form = boxes_form_of(model, model->output, 0, &rows);
    const fov_shape *shape = &graph_value(graph, output)->shape;
    bool is_known = form != NULL && strcmp(form->name, "yolox") == 0 && shape->rank > 1;
    int64_t numbers = is_known ? shape->dim[shape->rank - 1] : 0;
    return numbers > BOX_NUMBERS && numbers < 1000000 ? (int)numbers - BOX_NUMBERS : 0;
}

/** Whether a concatenation joins the numbers of a row (box, objectness, classes), rather than grid cells. */
static bool joins_numbers(const struct head *head, const struct node *node)
{
    const fov_graph *graph = head->model->graph;
    const fov_shape *last = &graph_value(graph, node->in[node->in_count - 1])->shape;
    const fov_shape *whole = &graph_value(graph, node->out[0])->shape;
    for (int axis = 1; axis < whole->rank; axis++) {
        if (whole->dim[axis] != last->dim[axis]) {
            int64_t part = last->dim[axis] - head->outputs; /* 1: with the objectness before them */
            return whole->dim[axis] == BOX_NUMBERS + head->outputs && (part == 0 || part == 1);
        }
    }
    return false;
}

static int find(struct head *head, int id, int depth)
{
    const fov_graph *graph = head->model->graph;
    const struct value *value = graph_value(graph, id);
    if (value->kind != VALUE_RESULT || depth > DEPTH || head->looks++ > MOST_LOOKS) {
        return FOV_OK;
    }
    const struct node *node = &graph->nodes[value->node];
    const char *name = node->op->name;
    if (strcmp(name, "conv") == 0) {
        return head_change_layer(head, node, 0);
    }
    int more = strcmp(name, "slice") == 0 ? 1 : BOX_NUMBERS; /* objectness and classes, or whole rows */
    int status = head_change_length(head, node, more + head->outputs, more + head->classes);
    bool is_concat = strcmp(name, "concat") == 0, is_one = is_concat && joins_numbers(head, node);
    int first = is_one ? node->in_count - 1 : 0, end = is_concat ? node->in_count : 1;
    for (int i = first; i < end && status == FOV_OK; i++) {
        status = find(head, node->in[i], depth + 1);
    }
    return status;
}

int head_find_boxes(struct head *head)
{
    struct error *error = &head->model->context->error;
    const char *output = graph_value(head->model->graph, head->model->output.id)->name;
    if (head->outputs == 0) {
        return error_set(error, FOV_E_UNSUPPORTED,
                         "the head cannot be replaced: \"%s\" has not YOLOX's form, whose layers are known", output);
    }
    head->rarely = true;
    return find(head, head->model->output.id, 0);
}
