/* SPDX-License-Identifier: MIT */
/* Saves and loads a graph's parameters: for a model its weights only, for a program's own training loop also the
 * optimiser's state. */
#include "graph/graph.h"
#include "io/safetensors.h"
#include "model/parameters_file.h"
#include <fovea/loop.h>
#include <string.h>

enum { NAME_TEXT = 120 };

static const char in_memory[] = "parameters in memory"; /* stands for the path in messages */

/* Whether a parameter is an optimiser's state (fov_update), not a weight. */
static bool is_optimizers(const struct value *value)
{
    bool is_scalar = value->shape.rank == 0; /* the learning rate, which no node updates */
    return value->frozen && (value->assigned != 0 || is_scalar) && !value->follows &&
           strncmp(value->name, "optimizer.", 10) == 0;
}

bool parameters_is_weight(const struct value *value)
{
    return value->kind == VALUE_PARAMETER && !is_optimizers(value);
}

int *parameters_list(const fov_graph *graph, bool all, size_t *count, struct error *error)
{
    int *ids = memory_allocate(graph->context->memory, (size_t)graph->parameter_count, sizeof *ids,
                               "a list of parameters", error);
    *count = 0;
    for (size_t id = 1; ids != NULL && id < graph->value_count; id++) {
        const struct value *value = graph_value(graph, (int)id);
        bool is_listed = all ? value->kind == VALUE_PARAMETER : parameters_is_weight(value);
        if (is_listed && *count < (size_t)graph->parameter_count) {
            ids[(*count)++] = (int)id;
        }
    }
    return ids;
}

int parameters_write(fov_graph *graph, const char *path, bool all, const struct safetensors_text *notes,
                     size_t note_count, const struct file_system *system)
{
    struct memory *memory = graph->context->memory;
    struct error *error = &graph->context->error;
    size_t count;
    int *ids = parameters_list(graph, all, &count, error);
    struct safetensors_source *tensors = memory_allocate(memory, count, sizeof *tensors, "a list of tensors", error);
    int status = ids == NULL || tensors == NULL ? FOV_E_MEMORY : 0;
    for (size_t i = 0; !status && i < count; i++) {
        const void *data = graph_data(graph, ids[i]);
        const struct value *value = graph_value(graph, ids[i]);
        tensors[i] = (struct safetensors_source){value->name, value->dtype, value->shape, data};
        status = data == NULL ? (int)error->status : 0;
    }
    if (!status && count == 0) {
        status = error_set(error, FOV_E_INPUT, "%s: there are no parameters: there is nothing to write", path);
    }
    if (!status) {
        /* "pt": shapes and the order of axes are PyTorch's. */
        struct safetensors_text beside[1 + PARAMETERS_NOTES] = {{"format", "pt"}};
        note_count = note_count < PARAMETERS_NOTES ? note_count : PARAMETERS_NOTES;
        for (size_t i = 0; i < note_count; i++) {
            beside[1 + i] = notes[i];
        }
        status = safetensors_write(path, tensors, count, beside, 1 + note_count, true, system, memory, error);
    }
    memory_free(memory, tensors);
    memory_free(memory, ids);
    return status;
}

/* Checks that the file has exactly these parameters, before any of them is changed. */
static int check(const fov_graph *graph, const struct safetensors *file, const int *ids, size_t count,
                 struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        const struct value *value = graph_value(graph, ids[i]);
        const struct safetensors_tensor *tensor = safetensors_find(file, value->name);
        if (tensor == NULL) {
            return error_set(error, FOV_E_INPUT, "%s: parameter \"%s\" is not in it", file->file, value->name);
        }
    }
    for (size_t i = 0; i < file->count; i++) {
        fov_value value = fov_find(graph, file->tensors[i].name);
        if (value.id == 0 || graph_value(graph, value.id)->kind != VALUE_PARAMETER) {
            char name[NAME_TEXT];
            return error_set(error, FOV_E_INPUT,
                             "%s: its tensor \"%s\" is no parameter of the graph (%zu tensors, %zu parameters)",
                             file->file, text_escape(name, sizeof name, file->tensors[i].name), file->count, count);
        }
    }
    return FOV_OK;
}

/* Copies an open file's tensors to the graph's parameters and closes the file. */
static int take(fov_graph *graph, struct safetensors *file)
{
    struct memory *memory = graph->context->memory;
    struct error *error = &graph->context->error;
    size_t count, total = 0, at = 0;
    int *ids = parameters_list(graph, true, &count, error);
    int status = ids != NULL ? check(graph, file, ids, count, error) : FOV_E_MEMORY;
    for (size_t i = 0; status == FOV_OK && i < count; i++) {
        total += graph_value(graph, ids[i])->bytes;
    }
    char *data = status == FOV_OK ? memory_allocate_raw(memory, total, 1, "parameters from a file", error) : NULL;
    status = data != NULL || status != FOV_OK ? status : FOV_E_MEMORY;
    for (size_t i = 0; status == FOV_OK && i < count; i++) {
        const struct value *value = graph_value(graph, ids[i]);
        status = safetensors_copy(file, value->name, value->dtype, &value->shape, data + at, error);
        at += value->bytes;
    }
    for (size_t i = 0, from = 0; status == FOV_OK && i < count; i++) {
        size_t bytes = graph_value(graph, ids[i])->bytes;
        status = fov_parameter_set(graph, (fov_value){ids[i]}, data + from, bytes);
        from += bytes;
    }
    memory_free(memory, data);
    memory_free(memory, ids);
    safetensors_close(file);
    return status;
}

static int load(fov_graph *graph, const char *path)
{
    struct safetensors file;
    int status = safetensors_open(&file, path, graph->context->memory, &graph->context->error);
    return status == FOV_OK ? take(graph, &file) : status;
}

int fov_parameters_save(fov_graph *graph, const char *path)
{
    if (graph == NULL || path == NULL) {
        return call_refuse(graph != NULL ? graph->context : NULL, "fov_parameters_save: graph or path is NULL");
    }
    struct call call = call_begin(graph->context);
    int status = graph->failed ? graph_refuse(graph) : parameters_write(graph, path, true, NULL, 0, NULL);
    call_end(&call);
    return status;
}

void parameters_hand_over(struct text *made, int status, fov_buffer *buffer)
{
    if (status != FOV_OK) {
        text_free(made);
        return;
    }
    *buffer = (fov_buffer){.bytes = made->data, .size = made->length, .owner = made->memory};
}

int fov_parameters_save_memory(fov_graph *graph, fov_buffer *buffer)
{
    if (graph == NULL || buffer == NULL) {
        return call_refuse(graph != NULL ? graph->context : NULL, "fov_parameters_save_memory: graph or buffer is NULL");
    }
    struct call call = call_begin(graph->context);
    struct text made = {.memory = graph->context->memory};
    const struct file_system system = {.buffer = &made};
    *buffer = (fov_buffer){.bytes = NULL};
    int status = graph->failed ? graph_refuse(graph) : parameters_write(graph, in_memory, true, NULL, 0, &system);
    parameters_hand_over(&made, status, buffer);
    call_end(&call);
    return status;
}

int fov_parameters_load_memory(fov_graph *graph, const void *bytes, size_t size)
{
    if (graph == NULL || bytes == NULL) {
        return call_refuse(graph != NULL ? graph->context : NULL, "fov_parameters_load_memory: graph or bytes is NULL");
    }
    struct call call = call_begin(graph->context);
    struct safetensors file;
    int status = graph->failed ? graph_refuse(graph)
                               : safetensors_parse(&file, in_memory, bytes, size, graph->context->memory,
                                                   &graph->context->error);
    status = status == FOV_OK ? take(graph, &file) : status;
    call_end(&call);
    return status;
}

int fov_parameters_load(fov_graph *graph, const char *path)
{
    if (graph == NULL || path == NULL) {
        return call_refuse(graph != NULL ? graph->context : NULL, "fov_parameters_load: graph or path is NULL");
    }
    struct call call = call_begin(graph->context);
    int status = graph->failed ? graph_refuse(graph) : load(graph, path);
    call_end(&call);
    return status;
}
