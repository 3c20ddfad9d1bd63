/* SPDX-License-Identifier: MIT */
/* Presents the tensors that readers of other formats found (torch_file.c, keras_file.c) as an open safetensors file, so
 * that code that loads weights handles one kind of file. */
#include "base/text.h"
#include "io/safetensors.h"
#include <stdlib.h>
#include <string.h>

enum { NAME_TEXT = 160 };

static int compare_data(const void *a, const void *b)
{
    const struct safetensors_tensor *left = a, *right = b;
    return left->data != right->data ? (left->data < right->data ? -1 : 1) : strcmp(left->name, right->name);
}

static int compare_name(const void *a, const void *b)
{
    const struct safetensors_tensor *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static const char *keep(struct safetensors *file, size_t *used, const char *text)
{
    size_t length = strlen(text) + 1;
    char *kept = memcpy(file->names + *used, text, length);
    *used += length;
    return kept;
}

/* Copies names and metadata into one block that the file owns. */
static int keep_texts(struct safetensors *file, struct error *error)
{
    size_t bytes = 1, used = 0;
    for (size_t i = 0; i < file->count; i++) {
        bytes += strlen(file->tensors[i].name) + 1;
    }
    for (size_t i = 0; i < file->metadata_count; i++) {
        bytes += strlen(file->metadata[i].key) + strlen(file->metadata[i].value) + 2;
    }
    file->names = memory_allocate(file->memory, bytes, 1, "tensor names", error);
    if (file->names == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t i = 0; i < file->count; i++) {
        file->tensors[i].name = keep(file, &used, file->tensors[i].name);
    }
    for (size_t i = 0; i < file->metadata_count; i++) {
        file->metadata[i].key = keep(file, &used, file->metadata[i].key);
        file->metadata[i].value = keep(file, &used, file->metadata[i].value);
    }
    return FOV_OK;
}

static int order(struct safetensors *file, struct error *error)
{
    size_t count = file->count;
    if (count == 0) {
        return FOV_OK;
    }
    qsort(file->tensors, count, sizeof *file->tensors, compare_data);
    for (size_t i = 0; i < count; i++) {
        file->by_name[i] = &file->tensors[i];
    }
    qsort((void *)file->by_name, count, sizeof *file->by_name, compare_name);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(file->by_name[i - 1]->name, file->by_name[i]->name) == 0) {
            char name[NAME_TEXT];
            return error_set(error, FOV_E_INPUT, "%s: tensor \"%s\" is there twice", file->file,
                             text_escape(name, sizeof name, file->by_name[i]->name));
        }
    }
    return FOV_OK;
}

int safetensors_gather(struct safetensors *file, const char *name, const struct safetensors_tensor *tensors,
                       size_t count, const struct safetensors_text *metadata, size_t metadata_count, uint8_t *block,
                       struct memory *memory, struct error *error)
{
    *file = (struct safetensors){.file = name, .memory = memory, .block = block};
    file->tensors = memory_allocate(memory, count, sizeof *file->tensors, "tensors", error);
    file->by_name = memory_allocate(memory, count, sizeof *file->by_name, "tensors", error);
    file->metadata = memory_allocate(memory, metadata_count, sizeof *file->metadata, "metadata", error);
    int status = file->tensors == NULL || file->by_name == NULL || file->metadata == NULL ? FOV_E_MEMORY : FOV_OK;
    if (status == FOV_OK && count > 0) {
        memcpy(file->tensors, tensors, count * sizeof *tensors);
        file->count = count;
    }
    if (status == FOV_OK && metadata_count > 0) {
        memcpy(file->metadata, metadata, metadata_count * sizeof *metadata);
        file->metadata_count = metadata_count;
    }
    status = status == FOV_OK ? keep_texts(file, error) : status;
    status = status == FOV_OK ? order(file, error) : status;
    if (status != FOV_OK) {
        safetensors_close(file);
    }
    return status;
}
