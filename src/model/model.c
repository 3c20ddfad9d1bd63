/* SPDX-License-Identifier: MIT */
/* Creating an empty model, its name, task, classes and preprocessing, and freeing it. Models of the zoo are made in
 * networks.c; inputs and outputs are in inputs_outputs.c, files in load.c and save.c, prediction in predict.c, the
 * table of layers in summary.c. */
#include "model/model.h"
#include "base/text.h"
#include "model/boxes_form.h"
#include <stdio.h>
#include <string.h>

fov_model *fov_model_create(fov_context *context)
{
    call_fresh(context);
    if (context == NULL) {
        return NULL;
    }
    fov_model *model = memory_allocate(context->memory, 1, sizeof *model, "a model", &context->error);
    if (model == NULL) {
        return NULL;
    }
    model->context = context;
    if (pthread_mutex_init(&model->lock, NULL) != 0) {
        error_set(&context->error, FOV_E_MEMORY, "out of memory: a lock");
        memory_free(context->memory, model);
        return NULL;
    }
    model->graph = fov_graph_create(context);
    if (model->graph == NULL) {
        fov_model_free(model);
        return NULL;
    }
    return model;
}

void model_keep(fov_model *model)
{
    pthread_mutex_lock(&model->lock);
    model->users++;
    pthread_mutex_unlock(&model->lock);
}

/* Releases one reference; true: others remain. */
static bool leave(fov_model *model)
{
    pthread_mutex_lock(&model->lock);
    bool is_used = model->users-- > 0;
    pthread_mutex_unlock(&model->lock);
    return is_used;
}

void fov_model_free(fov_model *model)
{
    if (model == NULL || leave(model)) {
        return;
    }
    struct memory *memory = model->context->memory;
    model_forget_plan(model); /* before the graph it was made from */
    fov_graph_free(model->graph);
    model_forget_fills(model);
    memory_free(memory, model->inputs);
    memory_free(memory, model->outputs);
    memory_free(memory, model->graph_name);
    memory_free(memory, model->doc);
    memory_free(memory, model->notes);
    memory_free(memory, model->class_names);
    memory_free(memory, model->class_numbers);
    memory_free(memory, model->layers);
    pthread_mutex_destroy(&model->lock);
    memory_free(memory, model);
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

fov_graph *fov_model_graph(fov_model *model)
{
    if (model == NULL) {
        return NULL;
    }
    return model->graph;
}

const char *fov_model_name(const fov_model *model)
{
    if (model == NULL) {
        return "";
    }
    return model->name;
}

void fov_model_set_name(fov_model *model, const char *name)
{
    if (model == NULL) {
        return;
    }
    text_escape(model->name, sizeof model->name, name != NULL ? name : "");
}

const char *fov_model_task(const fov_model *model)
{
    if (model == NULL) {
        return "";
    }
    return model->task;
}

void fov_model_set_task(fov_model *model, const char *task)
{
    if (model == NULL) {
        return;
    }
    size_t length = task != NULL ? strlen(task) : 0;
    if (length >= sizeof model->task) {
        call_refuse(model->context, "fov_model_set_task: the text of a task is at most 2047 bytes long");
        return;
    }
    memcpy(model->task, length > 0 ? task : "", length + 1);
}

fov_preprocessing fov_model_preprocessing(const fov_model *model)
{
    if (model == NULL) {
        return (fov_preprocessing){0};
    }
    return model->preprocessing;
}

bool fov_model_states_preprocessing(const fov_model *model)
{
    if (model == NULL) {
        return false;
    }
    return !model->preprocessing_assumed;
}

void fov_model_set_preprocessing(fov_model *model, const fov_preprocessing *preprocessing)
{
    if (model == NULL) {
        return;
    }
    model->preprocessing = preprocessing != NULL ? *preprocessing : (fov_preprocessing){0};
    model->preprocessing_assumed = false;
    model->preprocessing_by_name = false;
}

int fov_model_classes(const fov_model *model)
{
    if (model == NULL) {
        return 0;
    }
    return model_scores(model, model->output).classes;
}

const char *fov_model_class(const fov_model *model, int index)
{
    if (model == NULL) {
        return "";
    }
    /* The names in a file may belong to another output than the chosen one. */
    int classes = fov_model_classes(model), count = classes > 0 ? classes : fov_model_scores(model);
    bool is_named = model->class_names != NULL && model->class_count == count;
    if (is_named && index >= 0 && index < model->class_count) {
        return model->class_names[index];
    }
    return index >= 0 && index < model->number_count ? model->class_numbers + (size_t)index * CLASS_NUMBER_SIZE : "";
}

/* One block of memory: the pointers, then the texts they point at. */
static char **copy_names(fov_model *model, const char *const *names, int count)
{
    size_t bytes = (size_t)count * sizeof *names;
    for (int i = 0; i < count; i++) {
        bytes += strlen(names[i]) + 1;
    }
    char **block = memory_allocate(model->context->memory, bytes, 1, "class names", &model->context->error);
    if (block == NULL) {
        return NULL;
    }
    char *text = (char *)(block + count);
    for (int i = 0; i < count; i++) {
        size_t length = strlen(names[i]) + 1;
        block[i] = memcpy(text, names[i], length);
        text += length;
    }
    return block;
}

bool model_takes_names(const fov_model *model, fov_value output, int count)
{
    struct boxes_rows rows;
    const struct boxes_form *form = boxes_form_of(model, output, 0, &rows);
    return model_scores(model, output).classes == count || (count == 2 && model_count_values(model, output) == 1) ||
           (form != NULL && form->is_kept && model->class_names == NULL);
}

/* Whether some output has `count` classes or values. */
static bool fits_an_output(const fov_model *model, int count)
{
    for (int i = 0; i < model->output_count; i++) {
        fov_value output = model->outputs[i].value;
        bool is_values =
            model->outputs[i].meaning == FOV_MEANING_VALUES && model_count_values(model, output) == count;
        if (model_takes_names(model, output, count) || is_values) {
            return true;
        }
    }
    return model->output_count == 0;
}

int fov_model_set_classes(fov_model *model, const char *const *names, int count)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    struct error *error = &model->context->error;
    if (count < 0 || (count > 0 && names == NULL)) {
        return error_set(error, FOV_E_USAGE, "fov_model_set_classes: %d classes without names", count);
    }
    if (count > 0 && !fits_an_output(model, count)) {
        return error_set(error, FOV_E_SHAPE, "%d class names for a model with %d outputs", count,
                         fov_model_classes(model));
    }
    char **block = count > 0 ? copy_names(model, names, count) : NULL;
    if (count > 0 && block == NULL) {
        return (int)error->status;
    }
    memory_free(model->context->memory, model->class_names);
    model->class_names = block;
    model->class_count = count;
    for (int i = 0; i < model->output_count; i++) { /* two names make a single number a logit */
        struct model_output *output = &model->outputs[i];
        bool is_score = count == 2 && output->value.id == model->output.id && output->meaning == FOV_MEANING_VALUES &&
                        model_count_values(model, output->value) == 1;
        output->is_stated = output->is_stated && !is_score;
    }
    return model->output_count > 0 ? model_find_meanings(model) : FOV_OK;
}
