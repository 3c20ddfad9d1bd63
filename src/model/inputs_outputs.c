/* SPDX-License-Identifier: MIT */
/* A model's inputs and outputs: all that its file has, in the file's order, and the chosen input and output. The
 * meaning of outputs is derived in meaning.c. */
#include "base/text.h"
#include "graph/shared.h"
#include "model/batch_plans.h"
#include "model/model.h"
#include <stdio.h>
#include <string.h>

enum { NAME_TEXT = 120 };

/* ---- the chosen ones --------------------------------------------------------------------------------------------- */

/* Makes the texts "0", "1", ... for classes without names, kept in the model because fov_model_class returns pointers
 * to them. */
static int number_classes(fov_model *model, int count)
{
    if (count <= model->number_count) {
        return FOV_OK;
    }
    char *numbers = memory_allocate(model->context->memory, (size_t)count, CLASS_NUMBER_SIZE, "class numbers",
                                    &model->context->error);
    if (numbers == NULL) {
        return (int)model->context->error.status;
    }
    for (int i = 0; i < count; i++) {
        snprintf(&numbers[(size_t)i * CLASS_NUMBER_SIZE], CLASS_NUMBER_SIZE, "%d", i);
    }
    memory_free(model->context->memory, model->class_numbers);
    model->class_numbers = numbers;
    model->number_count = count;
    return FOV_OK;
}

void model_forget_plan(fov_model *model)
{
    batch_plans_close(model->predicting);
    model->predicting = NULL;
    shared_graph_drop(model->share);
    model->share = NULL;
    model->prediction = (fov_value){0};
    model->changes++;
}

int model_find_meanings(fov_model *model)
{
    for (int i = 0; i < model->output_count; i++) {
        struct model_output *output = &model->outputs[i];
        if (!output->is_stated) {
            output->meaning = model_find_meaning(model, output->value, model->class_count);
        }
    }
    model_forget_plan(model);
    return number_classes(model, model_scores(model, model->output).classes);
}

/* The first input that looks like a picture, float32 of rank 4 with at most 4 channels; else the first input. */
static fov_value usual_input(const fov_model *model)
{
    for (int i = 0; i < model->input_count; i++) {
        const struct value *value = graph_value(model->graph, model->inputs[i].id);
        const fov_shape *shape = &value->shape;
        bool is_picture = value->dtype == FOV_F32 && shape->rank == 4 && (shape->dim[1] <= 4 || shape->dim[3] <= 4);
        if (is_picture) {
            return model->inputs[i];
        }
    }
    return model->inputs[0];
}

/* ---- stating ----------------------------------------------------------------------------------------------------- */

static int check_own(const fov_model *model, fov_value value)
{
    struct error *error = &model->context->error;
    if (model->graph->failed) {
        return graph_refuse(model->graph); /* the builder call that failed has set the error */
    }
    if (value.id == 0) {
        return error_set(error, FOV_E_USAGE, "a model's input and output must be values");
    }
    if (value.id < 0 || value.id >= (int)model->graph->value_count) {
        return error_set(error, FOV_E_USAGE, "a model's input and output must be values of its own graph");
    }
    return FOV_OK;
}

static bool is_result(const fov_model *model, fov_value value)
{
    return graph_value(model->graph, value.id)->kind == VALUE_RESULT;
}

static int check_inputs(const fov_model *model, const fov_value *inputs, int count)
{
    int status = FOV_OK;
    for (int i = 0; i < count && status == FOV_OK; i++) {
        status = check_own(model, inputs[i]);
        if (status == FOV_OK && graph_value(model->graph, inputs[i].id)->kind != VALUE_INPUT) {
            return error_set(&model->context->error, FOV_E_USAGE,
                             "a model's input must be made with fov_input; \"%s\" is not",
                             graph_value(model->graph, inputs[i].id)->name);
        }
    }
    return status;
}

/* *chosen: the first output that is the result of an operator. Other outputs may be any value that the file names, even
 * an input. */
static int check_outputs(const fov_model *model, const fov_value *outputs, int count, fov_value *chosen)
{
    int status = FOV_OK;
    *chosen = (fov_value){0};
    for (int i = 0; i < count && status == FOV_OK; i++) {
        status = check_own(model, outputs[i]);
        if (status == FOV_OK && chosen->id == 0 && is_result(model, outputs[i])) {
            *chosen = outputs[i];
        }
    }
    if (status == FOV_OK && chosen->id == 0) {
        return error_set(&model->context->error, FOV_E_USAGE,
                         "a model's output must be the result of an operator; \"%s\" is not",
                         graph_value(model->graph, outputs[0].id)->name);
    }
    return status;
}

int fov_model_set_inputs_outputs(fov_model *model, const fov_value *inputs, int input_count, const fov_value *outputs,
                                 int output_count)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    if (inputs == NULL || outputs == NULL) {
        return call_refuse(model->context, "fov_model_set_inputs_outputs: inputs or outputs is NULL");
    }
    struct error *error = &model->context->error;
    struct memory *memory = model->context->memory;
    fov_value chosen;
    if (input_count < 1 || output_count < 1) {
        return error_set(error, FOV_E_USAGE, "a model has an input and an output at least, not %d and %d", input_count,
                         output_count);
    }
    if (check_inputs(model, inputs, input_count) != FOV_OK ||
        check_outputs(model, outputs, output_count, &chosen) != FOV_OK) {
        return (int)error->status;
    }
    fov_value *new_inputs = memory_allocate(memory, (size_t)input_count, sizeof *new_inputs, "a model's inputs", error);
    struct model_output *new_outputs =
        memory_allocate(memory, (size_t)output_count, sizeof *new_outputs, "a model's outputs", error);
    if (new_inputs == NULL || new_outputs == NULL) {
        memory_free(memory, new_inputs);
        memory_free(memory, new_outputs);
        return (int)error->status;
    }
    memcpy(new_inputs, inputs, (size_t)input_count * sizeof *inputs);
    for (int i = 0; i < output_count; i++) {
        new_outputs[i] = (struct model_output){.value = outputs[i]};
    }
    model_forget_fills(model);
    memory_free(memory, model->inputs);
    memory_free(memory, model->outputs);
    model->inputs = new_inputs;
    model->input_count = input_count;
    model->outputs = new_outputs;
    model->output_count = output_count;
    model->input = usual_input(model);
    model->output = chosen;
    return model_find_meanings(model);
}

int fov_model_set_input_output(fov_model *model, fov_value input, fov_value output)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    return fov_model_set_inputs_outputs(model, &input, 1, &output, 1);
}

int model_map_inputs_outputs(fov_model *model, const int *copy)
{
    for (int i = 0; i < model->input_count; i++) {
        model->inputs[i].id = copy[model->inputs[i].id];
    }
    for (int i = 0; i < model->output_count; i++) {
        model->outputs[i].value.id = copy[model->outputs[i].value.id];
    }
    model->input.id = copy[model->input.id];
    model->output.id = copy[model->output.id];
    return model_find_meanings(model);
}

int fov_model_set_auxiliary(fov_model *model, fov_value output, float share)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    for (int i = 0; i < model->output_count; i++) {
        if (model->outputs[i].value.id == output.id && share >= 0 && share <= 1) {
            model->outputs[i].auxiliary = share;
            return FOV_OK;
        }
    }
    return error_set(&model->context->error, FOV_E_USAGE,
                     "fov_model_set_auxiliary: value %d is no output of the model, or the share %g is not in 0 .. 1",
                     output.id, (double)share);
}

int model_replace_output(fov_model *model, fov_value end)
{
    if (end.id == 0) {
        return (int)model->context->error.status;
    }
    for (int i = 0; i < model->output_count; i++) {
        if (model->outputs[i].value.id == model->output.id) {
            model->outputs[i] = (struct model_output){.value = end};
        }
    }
    model->output = end;
    model_forget_plan(model);
    return model_find_meanings(model);
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

int fov_model_input_count(const fov_model *model)
{
    if (model == NULL) {
        return 0;
    }
    return model->input_count;
}

int fov_model_output_count(const fov_model *model)
{
    if (model == NULL) {
        return 0;
    }
    return model->output_count;
}

float fov_model_auxiliary(const fov_model *model, fov_value output)
{
    if (model == NULL) {
        return 0;
    }
    for (int i = 0; i < model->output_count; i++) {
        if (model->outputs[i].value.id == output.id) {
            return model->outputs[i].auxiliary;
        }
    }
    return 0;
}

fov_value fov_model_input_at(const fov_model *model, int index)
{
    if (model == NULL) {
        return (fov_value){0};
    }
    return index >= 0 && index < model->input_count ? model->inputs[index] : (fov_value){0};
}

fov_value fov_model_output_at(const fov_model *model, int index)
{
    if (model == NULL) {
        return (fov_value){0};
    }
    return index >= 0 && index < model->output_count ? model->outputs[index].value : (fov_value){0};
}

static bool has_name(const fov_model *model, fov_value value, const char *name)
{
    return name != NULL && strcmp(graph_value(model->graph, value.id)->name, name) == 0;
}

fov_value fov_model_input_named(const fov_model *model, const char *name)
{
    if (model == NULL || name == NULL) {
        return (fov_value){0};
    }
    for (int i = 0; i < model->input_count; i++) {
        if (has_name(model, model->inputs[i], name)) {
            return model->inputs[i];
        }
    }
    return (fov_value){0};
}

fov_value fov_model_output_named(const fov_model *model, const char *name)
{
    if (model == NULL || name == NULL) {
        return (fov_value){0};
    }
    for (int i = 0; i < model->output_count; i++) {
        if (has_name(model, model->outputs[i].value, name)) {
            return model->outputs[i].value;
        }
    }
    return (fov_value){0};
}

fov_value fov_model_input(const fov_model *model)
{
    if (model == NULL) {
        return (fov_value){0};
    }
    return model->input;
}

fov_value fov_model_output(const fov_model *model)
{
    if (model == NULL) {
        return (fov_value){0};
    }
    return model->output;
}

static struct model_output *find_output(const fov_model *model, fov_value value)
{
    for (int i = 0; i < model->output_count; i++) {
        if (model->outputs[i].value.id == value.id) {
            return &model->outputs[i];
        }
    }
    return NULL;
}

fov_meaning fov_model_meaning(const fov_model *model, fov_value value)
{
    if (model == NULL) {
        return FOV_MEANING_VALUES;
    }
    const struct model_output *output = find_output(model, value);
    return output != NULL ? output->meaning : FOV_MEANING_VALUES;
}

int fov_model_set_meaning(fov_model *model, fov_value value, fov_meaning meaning)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    struct error *error = &model->context->error;
    struct model_output *output = find_output(model, value);
    if (output == NULL || fov_meaning_name(meaning)[0] == '\0') {
        return error_set(error, FOV_E_USAGE, "a meaning can be stated of a model's outputs, and is one of six");
    }
    if (model_check_meaning(model, value, meaning) != FOV_OK) {
        return (int)error->status;
    }
    output->meaning = meaning;
    output->is_stated = true;
    return model_find_meanings(model);
}

/* ---- choosing ---------------------------------------------------------------------------------------------------- */

static const char *name_at(const fov_model *model, bool input, int index)
{
    return graph_value(model->graph, input ? model->inputs[index].id : model->outputs[index].value.id)->name;
}

/* E_USAGE with a list of the known names. */
static int fail_unknown(const fov_model *model, bool input, const char *name)
{
    struct text all = {.memory = model->context->memory};
    char shown[NAME_TEXT];
    int count = input ? model->input_count : model->output_count;
    for (int i = 0; i < count && all.length < 4 * NAME_TEXT; i++) {
        text_add(&all, "%s\"%s\"", i > 0 ? ", " : "", text_escape(shown, sizeof shown, name_at(model, input, i)));
    }
    int status = error_set(&model->context->error, FOV_E_USAGE, "the model has no %s \"%s\"; there %s %s",
                           input ? "input" : "output", text_escape(shown, sizeof shown, name != NULL ? name : ""),
                           count == 1 ? "is" : "are", all.failed ? "others" : text_string(&all));
    text_free(&all);
    return status;
}

int fov_model_choose_input(fov_model *model, const char *name)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    if (name == NULL) {
        return call_refuse(model->context, "fov_model_choose_input: name is NULL");
    }
    fov_value value = fov_model_input_named(model, name);
    if (value.id == 0) {
        return fail_unknown(model, true, name);
    }
    model->input = value;
    model_forget_fill(model, value);
    return model_find_meanings(model);
}

int fov_model_choose_output(fov_model *model, const char *name)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    if (name == NULL) {
        return call_refuse(model->context, "fov_model_choose_output: name is NULL");
    }
    fov_value value = fov_model_output_named(model, name);
    if (value.id == 0) {
        return fail_unknown(model, false, name);
    }
    if (!is_result(model, value)) {
        return error_set(&model->context->error, FOV_E_USAGE, "output \"%s\" is no result of an operator", name);
    }
    model->output = value;
    return model_find_meanings(model);
}

/* ---- several inputs ---------------------------------------------------------------------------------------------- */

int model_needed_inputs(const fov_model *model, const fov_value *values, int count, bool *needed, int *undeclared,
                        struct error *error)
{
    const fov_graph *graph = model->graph;
    struct memory *memory = model->context->memory;
    bool *nodes = memory_allocate(memory, graph->node_count, sizeof *nodes, "a mark per node", error);
    *undeclared = 0;
    if (nodes == NULL) {
        return FOV_E_MEMORY;
    }
    for (int k = 0; k < count; k++) {
        graph_mark(graph, &values[k].id, 1, nodes);
    }
    for (size_t n = 0; n < graph->node_count; n++) {
        for (int i = 0; nodes[n] && i < graph->nodes[n].in_count; i++) {
            int id = graph->nodes[n].in[i], place = 0;
            if (id == 0 || graph_value(graph, id)->kind != VALUE_INPUT || id == model->input.id) {
                continue;
            }
            while (place < model->input_count && model->inputs[place].id != id) {
                place++;
            }
            if (place < model->input_count) {
                needed[place] = true;
            } else {
                *undeclared = *undeclared == 0 ? id : *undeclared;
            }
        }
    }
    memory_free(memory, nodes);
    return FOV_OK;
}

int model_refuse_input(const fov_model *model, int id, const char *what, const char *advice, struct error *error)
{
    char name[2][NAME_TEXT], shape[SHAPE_TEXT_SIZE];
    bool is_declared = false;
    for (int i = 0; i < model->input_count; i++) {
        is_declared |= model->inputs[i].id == id;
    }
    return error_set(error, FOV_E_UNSUPPORTED, "output \"%s\" also depends on input \"%s\" %s%s: %s%s",
                     text_escape(name[0], NAME_TEXT, graph_value(model->graph, model->output.id)->name),
                     text_escape(name[1], NAME_TEXT, graph_value(model->graph, id)->name),
                     shape_text(&graph_value(model->graph, id)->shape, shape),
                     is_declared ? "" : ", which is not declared (fov_model_set_inputs_outputs)", what,
                     is_declared ? advice : "");
}

int model_check_single_input(const fov_model *model, fov_value value, bool fills, const char *what, struct error *error)
{
    struct memory *memory = model->context->memory;
    bool *needed = memory_allocate(memory, (size_t)model->input_count + 1, sizeof *needed, "a mark per input", error);
    int other = 0;
    int status = needed != NULL ? model_needed_inputs(model, &value, 1, needed, &other, error) : FOV_E_MEMORY;
    for (int i = 0; status == FOV_OK && i < model->input_count && other == 0; i++) {
        bool is_filled = fills && model->fills != NULL && model->fills[i] != NULL;
        other = needed[i] && !is_filled ? model->inputs[i].id : 0;
    }
    memory_free(memory, needed);
    if (status != FOV_OK || other == 0) {
        return status;
    }
    char purpose[96];
    text_append(purpose, sizeof purpose, 0, "%s fills the input of pictures alone", what);
    return model_refuse_input(model, other, purpose,
                              fills ? " (--input NAME=FILE.npy, fov_model_fill_input)" : "", error);
}
