/* SPDX-License-Identifier: MIT */
/* Inputs besides the chosen one: a scale, a threshold, the encoding of a question. Their data are given once, for one
 * sample, and repeated for each sample of a batch. */
#include "graph/shared.h"
#include "io/npy.h"
#include "model/model.h"
#include "tensor/convert.h"
#include <string.h>

/* Bytes of one sample of an input; 0: its shape is not known. */
static size_t sample_bytes(const fov_model *model, fov_value input)
{
    const struct value *value = graph_value(model->graph, input.id);
    fov_shape sample = shape_with_batch(&value->shape, 1);
    size_t bytes;
    return shape_bytes(&sample, value->dtype, &bytes) ? bytes : 0;
}

/* Index of the input with that name, which must not be the chosen one; else -1 and E_USAGE. */
static int find_other(fov_model *model, const char *name)
{
    fov_value input = fov_model_input_named(model, name);
    for (int i = 0; input.id != 0 && input.id != model->input.id && i < model->input_count; i++) {
        if (model->inputs[i].id == input.id) {
            return i;
        }
    }
    error_set(&model->context->error, FOV_E_USAGE,
              input.id != 0 ? "pictures go into input \"%s\"" : "the model has no input \"%s\"",
              name != NULL ? name : "");
    return -1;
}

int fov_model_fill_input(fov_model *model, const char *name, const void *data, size_t bytes)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    if (name == NULL || data == NULL) {
        return call_refuse(model->context, "fov_model_fill_input: name or data is NULL");
    }
    struct error *error = &model->context->error;
    struct memory *memory = model->context->memory;
    int place = find_other(model, name);
    if (place < 0) {
        return (int)error->status;
    }
    size_t wanted = sample_bytes(model, model->inputs[place]);
    if (bytes != wanted || bytes == 0) {
        char shape[SHAPE_TEXT_SIZE];
        return error_set(error, FOV_E_SHAPE, "input \"%s\" %s takes %zu bytes for a picture, not %zu", name,
                         shape_text(&graph_value(model->graph, model->inputs[place].id)->shape, shape), wanted, bytes);
    }
    if (model->fills == NULL) {
        model->fills =
            memory_allocate(memory, (size_t)model->input_count, sizeof *model->fills, "a model's inputs", error);
    }
    void *copy = model->fills != NULL ? memory_allocate_raw(memory, bytes, 1, name, error) : NULL;
    if (copy == NULL) {
        return FOV_E_MEMORY;
    }
    memcpy(copy, data, bytes);
    memory_free(memory, model->fills[place]);
    model->fills[place] = copy;
    return FOV_OK;
}

/* Fills an input with an array's elements, which must be of the input's type; numbers of any type become float32. */
static int fill_array(fov_model *model, const char *name, const char *path, const struct npy *npy)
{
    struct error *error = &model->context->error;
    struct memory *memory = model->context->memory;
    fov_dtype dtype = fov_value_dtype(model->graph, fov_model_input_named(model, name));
    if (npy->dtype != dtype && dtype != FOV_F32) {
        return error_set(error, FOV_E_INPUT, "%s: holds %s, input \"%s\" is %s", path, fov_dtype_name(npy->dtype), name,
                         fov_dtype_name(dtype));
    }
    size_t room = npy->count < SIZE_MAX / sizeof(double) ? npy->count * sizeof(double) : SIZE_MAX; /* the widest */
    void *elements = memory_allocate_raw(memory, room, 1, path, error);
    double *numbers = memory_allocate_raw(memory, npy->count, sizeof *numbers, path, error);
    float *floats = memory_allocate_raw(memory, npy->count, sizeof *floats, path, error);
    int status = elements != NULL && numbers != NULL && floats != NULL ? FOV_OK : FOV_E_MEMORY;
    if (status == FOV_OK) {
        bool converts = npy->dtype != dtype;
        npy_copy(npy, elements);
        if (converts) {
            convert_between(npy->dtype, elements, FOV_F32, floats, numbers, npy->count);
        }
        status = fov_model_fill_input(model, name, converts ? floats : elements, npy->count * fov_dtype_size(dtype));
        error_prefix(error, "%s", path);
    }
    memory_free(memory, floats);
    memory_free(memory, elements);
    memory_free(memory, numbers);
    return status;
}

int fov_model_fill_input_file(fov_model *model, const char *name, const char *path)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    if (name == NULL || path == NULL) {
        return call_refuse(model->context, "fov_model_fill_input_file: name or path is NULL");
    }
    struct error *error = &model->context->error;
    struct file_map map;
    struct npy npy;
    if (error->status != FOV_OK || find_other(model, name) < 0) {
        return (int)error->status;
    }
    int status = file_map(&map, path, model->context->memory, error);
    if (status == FOV_OK) {
        status = npy_parse(&npy, path, map.bytes, map.size, error);
        status = status == FOV_OK ? fill_array(model, name, path, &npy) : status;
        file_unmap(&map);
    }
    return status;
}

/* Copies the data given for the model's input i into every sample of the plan's value `input`. */
static void fill_plan(const fov_model *model, int i, fov_value input, fov_plan *plan)
{
    char *to = model->fills[i] != NULL ? fov_plan_data(plan, input) : NULL;
    size_t sample = sample_bytes(model, model->inputs[i]), total = fov_plan_bytes(plan, input);
    for (size_t done = 0; to != NULL && done + sample <= total; done += sample) {
        memcpy(to + done, model->fills[i], sample);
    }
}

void model_fill_others(const fov_model *model, const struct shared_graph *share, fov_plan *plan)
{
    for (int i = 0; model->fills != NULL && i < model->input_count; i++) {
        fill_plan(model, i, shared_graph_value(share, model->inputs[i]), plan);
    }
}

void model_fill_own(const fov_model *model, fov_plan *plan)
{
    for (int i = 0; model->fills != NULL && i < model->input_count; i++) {
        fill_plan(model, i, model->inputs[i], plan);
    }
}

void model_forget_fill(fov_model *model, fov_value input)
{
    for (int i = 0; model->fills != NULL && i < model->input_count; i++) {
        if (model->inputs[i].id == input.id) {
            memory_free(model->context->memory, model->fills[i]);
            model->fills[i] = NULL;
        }
    }
}

void model_forget_fills(fov_model *model)
{
    for (int i = 0; model->fills != NULL && i < model->input_count; i++) {
        memory_free(model->context->memory, model->fills[i]);
    }
    memory_free(model->context->memory, model->fills);
    model->fills = NULL;
}
