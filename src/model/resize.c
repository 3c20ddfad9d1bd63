/* SPDX-License-Identifier: MIT */
/* Changes the picture size of a model. Values of a graph cannot change their shape, so the graph is rebuilt with the
 * other input and every shape is inferred again; that fails in a network that flattens a map into a dense layer. */
#include "graph/copy.h"
#include "model/model.h"

int model_take_graph(fov_model *model, fov_graph *rebuilt, const int *copy, const struct graph_change *changes,
                     int count)
{
    graph_hand_over(model->graph, rebuilt, copy, changes, count);
    model_forget_plan(model); /* belongs to the old graph */
    fov_graph_free(model->graph);
    model->graph = rebuilt;
    return model_map_inputs_outputs(model, copy);
}

int fov_model_resize(fov_model *model, int height, int width)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    struct error *error = &model->context->error;
    char text[SHAPE_TEXT_SIZE];
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    fov_shape shape = model->input.id != 0 ? fov_value_shape(model->graph, model->input) : (fov_shape){.rank = 0};
    size_t first = shape.rank == 4 && fov_model_layout(model, model->input) == FOV_LAYOUT_NHWC ? 1 : 2;
    if (shape.rank != 4 || height < 1 || width < 1) {
        return error_set(error, FOV_E_USAGE, "an input %s cannot take the size %d x %d", shape_text(&shape, text),
                         height, width);
    }
    shape.dim[first] = height;
    shape.dim[first + 1] = width;
    struct graph_change change = {.id = model->input.id, .shape = shape};
    int *copy =
        memory_allocate(model->context->memory, model->graph->value_count, sizeof *copy, "a copy of the graph", error);
    fov_graph *graph = copy != NULL ? graph_rebuild(model->graph, copy, &change, 1) : NULL;
    if (graph == NULL) {
        error_prefix(error, "the model cannot take pictures of %d x %d", height, width);
    }
    int status = graph != NULL ? model_take_graph(model, graph, copy, &change, 1) : (int)error->status;
    memory_free(model->context->memory, copy);
    return status;
}
