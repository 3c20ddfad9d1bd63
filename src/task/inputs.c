/* SPDX-License-Identifier: MIT */
/* Inputs besides that of the pictures: what the dataset has for them (data/inputs.h), else what the model was given
 * (fov_model_fill_input), as rows that the loader copies. */
#include "base/text.h"
#include "task/task.h"
#include "tensor/convert.h"
#include "tensor/shape.h"
#include <string.h>

/* The dataset's rows for an input, or NULL. */
static const struct dataset_input *given(const fov_dataset *data, const char *name)
{
    for (int i = 0; i < data->input_count; i++) {
        if (strcmp(data->inputs[i].name, name) == 0) {
            return &data->inputs[i];
        }
    }
    return NULL;
}

/* Makes the dataset's rows elements of the input's type. */
static int convert(struct task_use *use, const struct dataset_input *from, fov_dtype dtype, uint8_t **made,
                   struct error *error)
{
    struct memory *memory = use->model->context->memory;
    size_t rows = from->is_constant ? 1 : use->data->count;
    double *numbers = memory_allocate_raw(memory, from->count + 1, sizeof *numbers, from->name, error);
    *made = memory_allocate_raw(memory, rows * from->count + 1, fov_dtype_size(dtype), from->name, error);
    int status = numbers != NULL && *made != NULL ? FOV_OK : FOV_E_MEMORY;
    for (size_t r = 0; r < rows && status == FOV_OK; r++) {
        const uint8_t *row = from->rows + r * from->count * fov_dtype_size(from->dtype);
        convert_to_double(from->dtype, row, numbers, from->count);
        for (size_t i = 0; i < from->count && status == FOV_OK; i++) {
            status = input_number_fits(numbers[i], dtype, from->name, error);
        }
        convert_between(from->dtype, row, dtype, *made + r * from->count * fov_dtype_size(dtype), numbers, from->count);
    }
    memory_free(memory, numbers);
    return status;
}

/* Fills in rows->rows and rows->stride from the dataset. */
static int take_rows(struct task_use *use, const struct dataset_input *from, fov_value input, struct loader_rows *rows,
                     struct error *error)
{
    fov_dtype dtype = fov_value_dtype(use->model->graph, input);
    fov_shape shape = fov_value_shape(use->model->graph, input);
    char text[SHAPE_TEXT_SIZE];
    if (from->count * fov_dtype_size(dtype) != rows->bytes) {
        return error_set(error, FOV_E_SHAPE, "input \"%s\" %s takes %zu numbers %s, not %zu", from->name,
                         shape_text(&shape, text), rows->bytes / fov_dtype_size(dtype),
                         rows->is_once ? "for a batch" : "for a sample", from->count);
    }
    if (!from->is_constant && rows->is_once) {
        return error_set(error, FOV_E_SHAPE,
                         "input \"%s\" %s has one row for a whole batch, and cannot have one for each sample",
                         from->name, shape_text(&shape, text));
    }
    if (!from->is_constant && use->mixes) {
        return error_set(
            error, FOV_E_UNSUPPORTED,
            "the augmentation mixes several samples into one picture, and input \"%s\" has a row of its own "
            "for each sample",
            from->name);
    }
    rows->rows = from->rows;
    rows->stride = from->is_constant ? 0 : rows->bytes;
    if (from->dtype == dtype) {
        return FOV_OK;
    }
    int status = convert(use, from, dtype, &use->own_rows[use->row_count], error);
    rows->rows = use->own_rows[use->row_count];
    return status;
}

/* Copies what the model was given, which the program may change while training calls it back. */
static int take_fill(struct task_use *use, const void *fill, struct loader_rows *rows, struct error *error)
{
    uint8_t *copy = memory_allocate_raw(use->model->context->memory, rows->bytes, 1, "an input", error);
    use->own_rows[use->row_count] = copy;
    rows->rows = copy != NULL ? memcpy(copy, fill, rows->bytes) : NULL;
    return copy != NULL ? FOV_OK : FOV_E_MEMORY;
}

static int fit_input(struct task_use *use, int place, struct error *error)
{
    const fov_model *model = use->model;
    fov_value input = model->inputs[place];
    fov_shape shape = fov_value_shape(model->graph, input);
    const char *name = fov_value_name(model->graph, input);
    const struct dataset_input *from = given(use->data, name);
    struct loader_rows *rows = &use->rows[use->row_count];
    int status = FOV_OK;
    if (use->row_count == LOADER_MOST_ROWS) {
        return error_set(error, FOV_E_UNSUPPORTED, "the model reads more than %d inputs besides the pictures",
                         LOADER_MOST_ROWS);
    }
    *rows = (struct loader_rows){.bytes = model_sample_bytes(model, input),
                                 .is_once = shape.rank == 0 || shape.dim[0] != FOV_BATCH};
    use->row_inputs[use->row_count] = input;
    if (from != NULL) {
        status = take_rows(use, from, input, rows, error);
    } else if (model->fills != NULL && model->fills[place] != NULL) {
        status = take_fill(use, model->fills[place], rows, error);
    } else {
        char advice[400], shown[128];
        text_escape(shown, sizeof shown, name);
        text_append(advice, sizeof advice, 0,
                    " (--input %s=FILE.npy or numbers, or %s=COLUMN+COLUMN of a table; fov_dataset_set_input, "
                    "fov_model_fill_input)",
                    shown, shown);
        status = model_refuse_input(model, input.id, "the data have nothing for it", advice, error);
    }
    use->row_count++;
    return status;
}

/* Everything that the data have must be an input of the model besides the pictures'. */
static int check_names(const struct task_use *use, struct error *error)
{
    const fov_model *model = use->model;
    char shown[128];
    for (int i = 0; i < use->data->input_count; i++) {
        const char *name = use->data->inputs[i].name;
        fov_value input = fov_model_input_named(model, name);
        if (input.id == 0 || input.id == model->input.id) {
            return error_set(error, FOV_E_USAGE,
                             input.id == 0 ? "the model has no input \"%s\"" : "pictures go into input \"%s\"",
                             text_escape(shown, sizeof shown, name));
        }
    }
    return FOV_OK;
}

int fit_inputs(struct task_use *use, struct error *error)
{
    const fov_model *model = use->model;
    struct memory *memory = model->context->memory;
    fov_value wanted[1 + MOST_AUXILIARY_HEADS] = {use->scores.logits};
    int count = 1, undeclared = 0;
    for (int i = 0; i < model->output_count && count < 1 + MOST_AUXILIARY_HEADS; i++) {
        if (model->outputs[i].auxiliary > 0) {
            wanted[count++] = model->outputs[i].value;
        }
    }
    bool *needed = memory_allocate(memory, (size_t)model->input_count + 1, sizeof *needed, "a mark per input", error);
    int status = needed != NULL ? check_names(use, error) : FOV_E_MEMORY;
    status = status == FOV_OK ? model_needed_inputs(model, wanted, count, needed, &undeclared, error) : status;
    if (status == FOV_OK && undeclared != 0) {
        status = model_refuse_input(model, undeclared, "nothing can be given for it", "", error);
    }
    for (int i = 0; status == FOV_OK && i < model->input_count; i++) {
        status = needed[i] ? fit_input(use, i, error) : FOV_OK;
    }
    memory_free(memory, needed);
    return status;
}
