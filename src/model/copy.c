/* SPDX-License-Identifier: MIT */
/* Copies of a model, with weights of their own or borrowed: for training or evaluating at another picture size beside
 * the original. What only the model's file needs (notes, texts) is not copied. */
#include "graph/copy.h"
#include "model/model.h"
#include <string.h>

static int copy_parts(fov_model *made, fov_model *model, const int *copy)
{
    struct memory *memory = model->context->memory;
    struct error *error = &model->context->error;
    size_t inputs = (size_t)model->input_count, outputs = (size_t)model->output_count;
    made->inputs = memory_allocate(memory, inputs, sizeof *made->inputs, "a model's inputs", error);
    made->outputs = memory_allocate(memory, outputs, sizeof *made->outputs, "a model's outputs", error);
    if (made->inputs == NULL || made->outputs == NULL) {
        return FOV_E_MEMORY;
    }
    memcpy(made->inputs, model->inputs, inputs * sizeof *made->inputs);
    memcpy(made->outputs, model->outputs, outputs * sizeof *made->outputs);
    made->input_count = model->input_count;
    made->output_count = model->output_count;
    made->input = model->input;
    made->output = model->output;
    made->preprocessing = model->preprocessing;
    made->preprocessing_assumed = model->preprocessing_assumed;
    made->assumption_told = model->assumption_told;
    made->layout_stated = model->layout_stated;
    made->layout = model->layout;
    memcpy(made->name, model->name, sizeof made->name);
    memcpy(made->task, model->task, sizeof made->task);
    int status = model_map_inputs_outputs(made, copy);
    status = status == FOV_OK ? model_copy_fills(made, model) : status;
    if (status != FOV_OK || model->class_names == NULL) {
        return status;
    }
    status = fov_model_set_classes(made, (const char *const *)model->class_names, model->class_count);
    for (int i = 0; i < made->output_count; i++) { /* meanings that were stated after the names */
        made->outputs[i].meaning = model->outputs[i].meaning;
        made->outputs[i].is_stated = model->outputs[i].is_stated;
    }
    return status == FOV_OK ? model_find_meanings(made) : status;
}

static fov_model *copy(fov_model *model, bool borrows)
{
    fov_context *context = model->context;
    int *ids = memory_allocate(context->memory, model->graph->value_count, sizeof *ids, "a copy of the graph",
                               &context->error);
    fov_model *made = ids != NULL ? fov_model_create(context) : NULL;
    fov_graph *graph = made == NULL ? NULL
                       : borrows    ? graph_borrow(model->graph, context, ids)
                                    : graph_copy(model->graph, ids);
    if (graph != NULL) {
        fov_graph_free(made->graph);
        made->graph = graph;
    }
    if (graph == NULL || copy_parts(made, model, ids) != FOV_OK) {
        fov_model_free(made);
        made = NULL;
    }
    memory_free(context->memory, ids);
    return made;
}

fov_model *model_copy(fov_model *model)
{
    return copy(model, false);
}

fov_model *model_borrow(fov_model *model)
{
    return copy(model, true);
}
