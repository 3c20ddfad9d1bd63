/* SPDX-License-Identifier: MIT */
/* Inputs besides the chosen one: a scale, a threshold, the encoding of a question. Their data are given once, for one
 * sample, and repeated for each sample of a batch. */
#include "data/dataset.h"
#include "graph/shared.h"
#include "model/model.h"
#include "tensor/convert.h"
#include <string.h>

size_t model_sample_bytes(const fov_model *model, fov_value input)
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
    size_t wanted = model_sample_bytes(model, model->inputs[place]);
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

/* Fills an input with elements of any type, which are converted where the input is float32 or `converts`. */
static int fill_elements(fov_model *model, const char *name, fov_dtype from, const void *elements, size_t count,
                         bool converts)
{
    struct error *error = &model->context->error;
    struct memory *memory = model->context->memory;
    fov_dtype dtype = fov_value_dtype(model->graph, fov_model_input_named(model, name));
    if (from == dtype) {
        return fov_model_fill_input(model, name, elements, count * fov_dtype_size(dtype));
    }
    if (dtype != FOV_F32 && !converts) {
        return error_set(error, FOV_E_INPUT, "holds %s, input \"%s\" is %s", fov_dtype_name(from), name,
                         fov_dtype_name(dtype));
    }
    double *numbers = memory_allocate_raw(memory, count + 1, sizeof *numbers, name, error);
    void *made = memory_allocate_raw(memory, count + 1, fov_dtype_size(dtype), name, error);
    int status = numbers != NULL && made != NULL ? FOV_OK : FOV_E_MEMORY;
    if (status == FOV_OK) {
        convert_between(from, elements, dtype, made, numbers, count);
        status = fov_model_fill_input(model, name, made, count * fov_dtype_size(dtype));
    }
    memory_free(memory, made);
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
    uint8_t *elements;
    fov_dtype dtype;
    size_t count;
    if (error->status != FOV_OK || find_other(model, name) < 0) {
        return (int)error->status;
    }
    int status = input_array(model->context->memory, path, &dtype, &elements, &count, error);
    if (status == FOV_OK) {
        status = fill_elements(model, name, dtype, elements, count, false);
        error_prefix(error, "%s", path);
        memory_free(model->context->memory, elements);
    }
    return status;
}

/* Fills an input with numbers, which are whole where it holds integers. */
static int fill_row(fov_model *model, const char *name, fov_dtype dtype, const void *row, size_t count)
{
    struct error *error = &model->context->error;
    int place = find_other(model, name), status = place < 0 ? (int)error->status : FOV_OK;
    for (size_t i = 0; i < count && status == FOV_OK; i++) {
        double number;
        convert_to_double(dtype, (const uint8_t *)row + i * fov_dtype_size(dtype), &number, 1);
        status = input_number_fits(number, fov_value_dtype(model->graph, model->inputs[place]), name, error);
    }
    return status == FOV_OK ? fill_elements(model, name, dtype, row, count, true) : status;
}

static int fill_numbers(fov_model *model, struct input_entry *entry)
{
    double *numbers;
    size_t count;
    int status = input_numbers(model->context->memory, entry, &numbers, &count, &model->context->error);
    if (status == FOV_OK) {
        status = fill_row(model, entry->name, FOV_F64, numbers, count);
        memory_free(model->context->memory, numbers);
    }
    return status;
}

int fov_model_fill_inputs(fov_model *model, const char *text)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    if (text == NULL) {
        return call_refuse(model->context, "fov_model_fill_inputs: text is NULL");
    }
    struct error *error = &model->context->error;
    struct input_entry entry;
    int status = (int)error->status;
    while (text != NULL && status == FOV_OK) {
        status = input_entry_read(&text, &entry, error);
        if (status == FOV_OK) { /* there is no table: a word is the name of a file */
            status = entry.kind == INPUT_NUMBERS ? fill_numbers(model, &entry)
                                                 : fov_model_fill_input_file(model, entry.name, entry.from);
        }
    }
    return status;
}

int fov_model_fill_from(fov_model *model, const fov_dataset *dataset, int64_t index)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    if (dataset == NULL || index < 0 || (uint64_t)index >= dataset->count) {
        return call_refuse(model->context, "fov_model_fill_from: there is no such sample");
    }
    int status = (int)model->context->error.status;
    for (int i = 0; i < dataset->input_count && status == FOV_OK; i++) {
        const struct dataset_input *input = &dataset->inputs[i];
        size_t row = input->is_constant ? 0 : (size_t)index, bytes = input->count * fov_dtype_size(input->dtype);
        status = fill_row(model, input->name, input->dtype, input->rows + row * bytes, input->count);
    }
    return status;
}

/* Copies the data given for the model's input i into every sample of the plan's value `input`. */
static void fill_plan(const fov_model *model, int i, fov_value input, fov_plan *plan)
{
    char *to = model->fills[i] != NULL ? fov_plan_data(plan, input) : NULL;
    size_t sample = model_sample_bytes(model, model->inputs[i]), total = fov_plan_bytes(plan, input);
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

int model_copy_fills(fov_model *made, const fov_model *model)
{
    for (int i = 0; model->fills != NULL && i < model->input_count; i++) {
        const char *name = fov_value_name(model->graph, model->inputs[i]);
        size_t bytes = model_sample_bytes(model, model->inputs[i]);
        if (model->fills[i] != NULL && fov_model_fill_input(made, name, model->fills[i], bytes) != FOV_OK) {
            return (int)made->context->error.status;
        }
    }
    return FOV_OK;
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
