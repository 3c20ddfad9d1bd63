/* SPDX-License-Identifier: MIT */
/* Saves models as ONNX and weights as safetensors, and computes the hash that identifies a set of weights. The formats
 * are in io/, the metadata beside the graph in metadata.c. */
#include "base/arithmetic.h"
#include "base/hash.h"
#include "base/text.h"
#include "model/metadata.h"
#include "model/parameters_file.h"
#include <fovea/memory.h>
#include <stdlib.h>
#include <string.h>

int fov_model_save(fov_model *model, const char *path)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    if (path == NULL) {
        return call_refuse(model->context, "fov_model_save: path is NULL");
    }
    return fov_model_save_opset(model, path, 0);
}

static int save(fov_model *model, const char *path, int opset, const struct metadata *metadata,
                const struct file_system *system)
{
    struct memory *memory = model->context->memory;
    fov_value     *outputs = memory_allocate(memory, (size_t)model->output_count, sizeof *outputs, "a list of outputs",
                                             &model->context->error);
    if (outputs == NULL) {
        return FOV_E_MEMORY;
    }
    for (int i = 0; i < model->output_count; i++) {
        outputs[i] = model->outputs[i].value;
    }
    const struct onnx_exported exported = {.inputs = model->inputs,
                                           .outputs = outputs,
                                           .input_count = model->input_count,
                                           .output_count = model->output_count,
                                           .name = model->name[0] != '\0' || model->graph_name == NULL
                                                       ? model->name
                                                       : model->graph_name,
                                           .doc = model->doc,
                                           .metadata = metadata->entries,
                                           .metadata_count = metadata->count,
                                           .opset = opset};
    int                        status = onnx_export(model->graph, &exported, path, system);
    memory_free(memory, outputs);
    return status;
}

/* `system`: NULL, or a buffer to write to; then `path` is only used in messages. */
static int save_opset(fov_model *model, const char *path, int opset, const struct file_system *system)
{
    struct error   *error = &model->context->error;
    struct metadata metadata;
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    if (model->output.id == 0) {
        return error_set(error, FOV_E_USAGE, "%s: the model has no output yet (fov_model_set_input_output)", path);
    }
    int status = metadata_make(model, &metadata, error);
    if (status) {
        error_prefix(error, "%s", path);
        return status;
    }
    status = save(model, path, opset, &metadata, system);
    metadata_free(&metadata);
    return status;
}

int fov_model_save_opset(fov_model *model, const char *path, int opset)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    if (path == NULL) {
        return call_refuse(model->context, "fov_model_save_opset: path is NULL");
    }
    struct call call = call_begin(model->context);
    int status = save_opset(model, path, opset, NULL);
    call_end(&call);
    return status;
}

void fov_buffer_free(fov_buffer *buffer)
{
    if (buffer != NULL && buffer->owner != NULL) {
        memory_free(buffer->owner, buffer->bytes);
        *buffer = (fov_buffer){.bytes = NULL};
    }
}

int fov_model_save_memory(fov_model *model, int opset, fov_buffer *buffer)
{
    if (model == NULL || buffer == NULL) {
        return call_refuse(model != NULL ? model->context : NULL, "fov_model_save_memory: model or buffer is NULL");
    }
    struct call call = call_begin(model->context);
    struct text made = {.memory = model->context->memory};
    const struct file_system system = {.buffer = &made};
    *buffer = (fov_buffer){.bytes = NULL};
    int status = save_opset(model, "a model in memory", opset, &system);
    parameters_hand_over(&made, status, buffer);
    call_end(&call);
    return status;
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

/* Beside the weights lies how pictures were prepared for them, since no network by name tells. */
static int save_weights(fov_model *model, const char *path, const struct file_system *system)
{
    struct error *error = &model->context->error;
    struct safetensors_text notes[PARAMETERS_NOTES];
    struct metadata metadata;
    size_t count = 0;
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    if (model->output_count == 0) { /* a graph without outputs has parameters, too */
        return parameters_write(model->graph, path, false, NULL, 0, system);
    }
    int status = metadata_make(model, &metadata, error);
    if (status != FOV_OK) {
        error_prefix(error, "%s", path);
        return status;
    }
    for (int i = 0; i < metadata.count && count < PARAMETERS_NOTES; i++) {
        const struct onnx_text *entry = &metadata.entries[i];
        if (metadata_is_of_weights(entry->key)) {
            notes[count++] = (struct safetensors_text){entry->key, entry->value};
        }
    }
    status = parameters_write(model->graph, path, false, notes, count, system);
    metadata_free(&metadata);
    return status;
}

int fov_model_save_weights(fov_model *model, const char *path)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    if (path == NULL) {
        return call_refuse(model->context, "fov_model_save_weights: path is NULL");
    }
    return save_weights(model, path, NULL);
}

int fov_model_save_weights_memory(fov_model *model, fov_buffer *buffer)
{
    if (model == NULL || buffer == NULL) {
        return call_refuse(model != NULL ? model->context : NULL,
                           "fov_model_save_weights_memory: model or buffer is NULL");
    }
    call_fresh(model->context);
    struct text made = {.memory = model->context->memory};
    const struct file_system system = {.buffer = &made};
    *buffer = (fov_buffer){.bytes = NULL};
    int status = save_weights(model, "weights in memory", &system);
    parameters_hand_over(&made, status, buffer);
    return status;
}

/* ---- the hash ---------------------------------------------------------------------------------------------------- */

struct hashed {
    const char *name;
    int         id;
};

static int compare_name(const void *a, const void *b)
{
    const struct hashed *left = a, *right = b;
    return strcmp(left->name, right->name);
}

int fov_model_hash(fov_model *model, char hex[65])
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    if (hex == NULL) {
        return call_refuse(model->context, "fov_model_hash: hex is NULL");
    }
    fov_graph     *graph = model->graph;
    struct memory *memory = model->context->memory;
    struct error  *error = &model->context->error;
    size_t         count;
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    int           *ids = parameters_list(graph, false, &count, error);
    struct hashed *sorted = memory_allocate(memory, count, sizeof *sorted, "an order of parameters", error);
    int            status = ids == NULL || sorted == NULL ? FOV_E_MEMORY : 0;
    for (size_t i = 0; !status && i < count; i++) {
        sorted[i] = (struct hashed){graph_value(graph, ids[i])->name, ids[i]};
    }
    struct hash_state state = {0};
    hash_begin(&state);
    if (!status) {
        qsort(sorted, count, sizeof *sorted, compare_name);
    }
    for (size_t i = 0; !status && i < count; i++) {
        const void         *data = graph_data(graph, sorted[i].id);
        const struct value *value = graph_value(graph, sorted[i].id);
        if (data == NULL) {
            status = (int)error->status;
            break;
        }
        hash_add_number(&state, strlen(value->name));
        hash_add(&state, value->name, strlen(value->name));
        hash_add_number(&state, (uint64_t)value->shape.rank);
        for (int d = 0; d < value->shape.rank; d++) {
            hash_add_number(&state, (uint64_t)value->shape.dim[d]);
        }
        hash_add_number(&state, value->bytes);
        if (value->bytes > 0) {
            hash_add(&state, data, value->bytes);
        }
    }
    hash_end(&state, hex);
    memory_free(memory, sorted);
    memory_free(memory, ids);
    return status;
}
