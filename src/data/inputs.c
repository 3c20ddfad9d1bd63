/* SPDX-License-Identifier: MIT */
/* Reads the text of fov_dataset_options.inputs, and holds the rows of a dataset's inputs. */
#include "data/inputs.h"
#include "base/hash.h"
#include "base/text.h"
#include "data/dataset.h"
#include "io/npy.h"
#include "tensor/convert.h"
#include <stdlib.h>
#include <string.h>

/* ---- the text ---------------------------------------------------------------------------------------------------- */

char *input_entry_word(char **from)
{
    char *word = *from;
    if (word == NULL) {
        return NULL;
    }
    char *plus = strchr(word, '+');
    *from = plus != NULL ? plus + 1 : NULL;
    if (plus != NULL) {
        *plus = '\0';
    }
    return word;
}

/* Whether every word is a number; "1e+5" is not one word, and must be written 1e5. */
static bool is_numbers(const char *text)
{
    char word[64];
    double number;
    for (const char *at = text; at != NULL;) {
        size_t length = strcspn(at, "+");
        if (length == 0 || length >= sizeof word) {
            return false;
        }
        memcpy(word, at, length);
        word[length] = '\0';
        if (!text_to_number(word, &number)) {
            return false;
        }
        at = at[length] == '+' ? at + length + 1 : NULL;
    }
    return true;
}

static bool is_array(const char *text)
{
    static const char suffix[] = ".npy";
    size_t length = strlen(text), tail = sizeof suffix - 1;
    return length > tail && strcmp(text + length - tail, suffix) == 0;
}

int input_entry_read(const char **text, struct input_entry *entry, struct error *error)
{
    size_t length = strcspn(*text, ","), name = strcspn(*text, "=,");
    char shown[128];
    bool is_entry = name > 0 && (*text)[name] == '=' && length > name + 1;
    if (!is_entry || name >= sizeof entry->name || length - name > INPUT_TEXT) {
        return error_set(error, FOV_E_USAGE,
                         "what goes into an input is NAME=FILE.npy, NAME=NUMBER+NUMBER or NAME=COLUMN+COLUMN, several "
                         "with commas, not \"%s\"",
                         text_escape(shown, sizeof shown, *text));
    }
    memcpy(entry->name, *text, name);
    entry->name[name] = '\0';
    memcpy(entry->from, *text + name + 1, length - name - 1);
    entry->from[length - name - 1] = '\0';
    entry->kind = is_array(entry->from) ? INPUT_FILE : is_numbers(entry->from) ? INPUT_NUMBERS : INPUT_COLUMNS;
    *text = (*text)[length] == ',' ? *text + length + 1 : NULL;
    return FOV_OK;
}

int input_numbers(struct memory *memory, struct input_entry *entry, double **numbers, size_t *count,
                  struct error *error)
{
    *numbers = memory_allocate_raw(memory, strlen(entry->from), sizeof **numbers, "an input's numbers", error);
    *count = 0;
    char *from = entry->from, *word;
    while (*numbers != NULL && (word = input_entry_word(&from)) != NULL) {
        (void)text_to_number(word, &(*numbers)[(*count)++]);
    }
    return *numbers != NULL ? FOV_OK : FOV_E_MEMORY;
}

int input_number_fits(double number, fov_dtype dtype, const char *input, struct error *error)
{
    char back[sizeof(double)];
    double again = number;
    if (dtype != FOV_F32 && dtype != FOV_F64 && dtype != FOV_F16) {
        convert_from_double(dtype, &number, back, 1);
        convert_to_double(dtype, back, &again, 1);
    }
    return again == number ? FOV_OK
                           : error_set(error, FOV_E_INPUT, "input \"%.100s\" is %s, which cannot hold %g", input,
                                       fov_dtype_name(dtype), number);
}

int input_array(struct memory *memory, const char *path, fov_dtype *dtype, uint8_t **elements, size_t *count,
                struct error *error)
{
    struct file_map map;
    struct npy npy;
    *elements = NULL;
    int status = file_map(&map, path, memory, error);
    if (status != FOV_OK) {
        return status;
    }
    status = npy_parse(&npy, path, map.bytes, map.size, error);
    if (status == FOV_OK) {
        *elements = memory_allocate_raw(memory, npy.count + 1, sizeof(double), path, error); /* the widest */
        status = *elements != NULL ? FOV_OK : FOV_E_MEMORY;
    }
    if (status == FOV_OK) {
        npy_copy(&npy, *elements);
        *dtype = npy.dtype;
        *count = npy.count;
    }
    file_unmap(&map);
    return status;
}

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

int dataset_add_input(struct fov_dataset *dataset, const char *name, fov_dtype dtype, size_t count, bool is_constant,
                      uint8_t *rows, struct error *error)
{
    struct memory *memory = dataset->context->memory;
    char shown[128];
    int status = FOV_OK;
    for (int i = 0; i < dataset->input_count && status == FOV_OK; i++) {
        if (strcmp(dataset->inputs[i].name, name) == 0) {
            status =
                error_set(error, FOV_E_USAGE, "input \"%s\" is given twice", text_escape(shown, sizeof shown, name));
        }
    }
    if (status == FOV_OK && dataset->input_count == INPUTS_MOST) {
        status = error_set(error, FOV_E_USAGE, "more than %d inputs besides the pictures'", INPUTS_MOST);
    }
    if (status == FOV_OK && dataset->inputs == NULL) {
        dataset->inputs = memory_allocate(memory, INPUTS_MOST, sizeof *dataset->inputs, "a dataset's inputs", error);
        status = dataset->inputs != NULL ? FOV_OK : FOV_E_MEMORY;
    }
    char *copy = status == FOV_OK ? memory_copy_text(memory, name, error) : NULL;
    if (copy == NULL) {
        memory_free(memory, rows);
        return (int)error->status;
    }
    dataset->inputs[dataset->input_count++] = (struct dataset_input){copy, dtype, count, is_constant, rows};
    return FOV_OK;
}

static int add_constant(struct fov_dataset *dataset, struct input_entry *entry, struct error *error)
{
    struct memory *memory = dataset->context->memory;
    uint8_t *elements = NULL;
    double *numbers = NULL;
    size_t count = 0;
    fov_dtype dtype = FOV_F64;
    if (entry->kind == INPUT_COLUMNS) {
        return FOV_OK;
    }
    int status = entry->kind == INPUT_FILE ? input_array(memory, entry->from, &dtype, &elements, &count, error)
                                           : input_numbers(memory, entry, &numbers, &count, error);
    elements = numbers != NULL ? (uint8_t *)numbers : elements;
    if (status != FOV_OK) {
        memory_free(memory, elements);
        return status;
    }
    return dataset_add_input(dataset, entry->name, dtype, count, true, elements, error);
}

int dataset_add_constants(struct fov_dataset *dataset, const char *text, struct error *error)
{
    struct input_entry entry;
    int status = FOV_OK;
    while (text != NULL && status == FOV_OK) {
        status = input_entry_read(&text, &entry, error);
        status = status == FOV_OK ? add_constant(dataset, &entry, error) : status;
    }
    return status;
}

int dataset_refuse_columns(const struct fov_dataset *dataset, const char *text, struct error *error)
{
    struct input_entry entry;
    char shown[2][128];
    int status = FOV_OK;
    while (text != NULL && status == FOV_OK) {
        status = input_entry_read(&text, &entry, error);
        if (status == FOV_OK && entry.kind == INPUT_COLUMNS) {
            status = error_set(error, FOV_E_USAGE,
                               "input \"%s\" is to have the column%s \"%s\", but %s has no columns: a table (CSV) has; "
                               "else it is a FILE.npy or numbers, the same for all samples",
                               text_escape(shown[0], sizeof shown[0], entry.name),
                               strchr(entry.from, '+') != NULL ? "s" : "",
                               text_escape(shown[1], sizeof shown[1], entry.from), dataset->name);
        }
    }
    return status;
}

uint64_t dataset_hash_inputs(const struct fov_dataset *dataset, uint64_t hash)
{
    for (int i = 0; i < dataset->input_count; i++) {
        const struct dataset_input *input = &dataset->inputs[i];
        size_t rows = input->is_constant ? 1 : dataset->count;
        hash = hash_fold(hash, input->name, strlen(input->name));
        hash = hash_fold(hash, input->rows, rows * input->count * fov_dtype_size(input->dtype));
    }
    return hash;
}

void dataset_free_inputs(struct fov_dataset *dataset)
{
    struct memory *memory = dataset->context->memory;
    for (int i = 0; i < dataset->input_count; i++) {
        memory_free(memory, dataset->inputs[i].name);
        memory_free(memory, dataset->inputs[i].rows);
    }
    memory_free(memory, dataset->inputs);
    dataset->inputs = NULL;
    dataset->input_count = 0;
}

/* ---- public ------------------------------------------------------------------------------------------------------ */

int fov_dataset_inputs(const fov_dataset *dataset)
{
    return dataset != NULL ? dataset->input_count : 0;
}

int fov_dataset_set_input(fov_dataset *dataset, const fov_tensor *rows)
{
    if (dataset == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(dataset->context);
    if (rows == NULL || rows->name == NULL || rows->data == NULL) {
        return call_refuse(dataset->context, "fov_dataset_set_input: rows, their name or their data are NULL");
    }
    struct error *error = &dataset->context->error;
    struct memory *memory = dataset->context->memory;
    char shape[SHAPE_TEXT_SIZE];
    size_t bytes;
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    bool is_known =
        rows->shape.rank >= 1 && rows->shape.rank <= FOV_MAX_RANK && shape_bytes(&rows->shape, rows->dtype, &bytes);
    int64_t samples = is_known ? rows->shape.dim[0] : 0;
    if (samples < 1 || bytes == 0 || (samples != 1 && (uint64_t)samples != dataset->count)) {
        return error_set(
            error, FOV_E_SHAPE,
            "the rows for input \"%.100s\" are %s; their first dimension is the number of samples, %zu, or 1",
            rows->name, is_known ? shape_text(&rows->shape, shape) : "of no known size", dataset->count);
    }
    uint8_t *copy = memory_allocate_raw(memory, bytes, 1, rows->name, error);
    if (copy == NULL) {
        return FOV_E_MEMORY;
    }
    memcpy(copy, rows->data, bytes);
    return dataset_add_input(dataset, rows->name, rows->dtype, bytes / (size_t)samples / fov_dtype_size(rows->dtype),
                             samples == 1, copy, error);
}
