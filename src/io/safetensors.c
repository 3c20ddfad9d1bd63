/* SPDX-License-Identifier: MIT */
/* An open safetensors file: element types, tensors by name, elements as floats. safetensors_header.c reads the header,
 * safetensors_write.c writes files. */
#include "io/safetensors.h"
#include "base/text.h"
#include "io/safetensors_types.h"
#include "tensor/convert.h"
#include <stdlib.h>
#include <string.h>

/* Elements are little-endian in the file and used as they lie. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors are read in place: little-endian machines only");

enum { NAME_TEXT = 160 };

/** The types of the format. Those of less than a byte must fill whole bytes. */
static const struct safetensors_type type_list[] = {
    {"BOOL", FOV_BOOL, 8},          {"U8", FOV_U8, 8},
    {"I8", FOV_I8, 8},              {"I16", FOV_I16, 16},
    {"U16", FOV_U16, 16},           {"F16", FOV_F16, 16},
    {"BF16", FOV_DTYPE_COUNT, 16},  {"I32", FOV_I32, 32},
    {"U32", FOV_U32, 32},           {"F32", FOV_F32, 32},
    {"F64", FOV_F64, 64},           {"I64", FOV_I64, 64},
    {"U64", FOV_U64, 64},           {"C64", FOV_DTYPE_COUNT, 64},
    {"F8_E4M3", FOV_DTYPE_COUNT, 8}, {"F8_E5M2", FOV_DTYPE_COUNT, 8},
    {"F8_E8M0", FOV_DTYPE_COUNT, 8}, {"F6_E2M3", FOV_DTYPE_COUNT, 6},
    {"F6_E3M2", FOV_DTYPE_COUNT, 6}, {"F4", FOV_DTYPE_COUNT, 4},
};

const struct safetensors_type *safetensors_type_named(const char *name)
{
    for (size_t i = 0; i < sizeof type_list / sizeof type_list[0]; i++) {
        if (strcmp(type_list[i].name, name) == 0) {
            return &type_list[i];
        }
    }
    return NULL;
}

const struct safetensors_type *safetensors_type_of(fov_dtype dtype)
{
    for (size_t i = 0; i < sizeof type_list / sizeof type_list[0]; i++) {
        if (type_list[i].dtype == dtype && dtype != FOV_DTYPE_COUNT) {
            return &type_list[i];
        }
    }
    return NULL;
}

bool safetensors_is_index(const char *path)
{
    static const char end[] = ".safetensors.index.json";
    size_t length = strlen(path);
    return length >= sizeof end - 1 && strcmp(path + length - (sizeof end - 1), end) == 0;
}

int safetensors_open(struct safetensors *file, const char *path, struct memory *memory, struct error *error)
{
    *file = (struct safetensors){0};
    struct file_map map;
    int             status = file_map(&map, path, memory, error);
    if (status) {
        return status;
    }
    /* The file keeps its own copy of the name, so the caller may free the path. */
    char *name = memory_copy_text(memory, path, error);
    status = name == NULL ? FOV_E_MEMORY : safetensors_parse(file, name, map.bytes, map.size, memory, error);
    if (status) {
        memory_free(memory, name);
        file_unmap(&map);
        return status;
    }
    file->map = map;
    file->mapped = true;
    return 0;
}

void safetensors_close(struct safetensors *file)
{
    if (file->memory == NULL) {
        return;
    }
    for (size_t i = 0; i < file->shard_count; i++) {
        safetensors_close(&file->shards[i]);
    }
    memory_free(file->memory, file->shards);
    memory_free(file->memory, file->name);
    memory_free(file->memory, file->tensors);
    memory_free(file->memory, file->by_name);
    memory_free(file->memory, file->metadata);
    memory_free(file->memory, file->names);
    memory_free(file->memory, file->block);
    if (file->mapped) {
        memory_free(file->memory, (void *)(uintptr_t)file->file);
        file_unmap(&file->map);
    }
    *file = (struct safetensors){0};
}

/* ---- finding and copying ----------------------------------------------------------------------------------------- */

const struct safetensors_tensor *safetensors_find(const struct safetensors *file, const char *name)
{
    size_t low = 0, high = file->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int    order = strcmp(file->by_name[middle]->name, name);
        if (order == 0) {
            return file->by_name[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const char *safetensors_metadata(const struct safetensors *file, const char *key)
{
    for (size_t i = 0; i < file->metadata_count; i++) {
        if (strcmp(file->metadata[i].key, key) == 0) {
            return file->metadata[i].value;
        }
    }
    return NULL;
}

int safetensors_copy(const struct safetensors *file, const char *name, fov_dtype dtype, const fov_shape *shape,
                     void *data, struct error *error)
{
    char                             escaped[NAME_TEXT], got[SHAPE_TEXT_SIZE], wanted[SHAPE_TEXT_SIZE];
    const struct safetensors_tensor *tensor = safetensors_find(file, name);
    text_escape(escaped, sizeof escaped, name);
    if (tensor == NULL) {
        return error_set(error, FOV_E_INPUT, "%s: tensor \"%s\" is missing", file->file, escaped);
    }
    if (tensor->dtype != dtype || !shape_equal(&tensor->shape, shape)) {
        const struct safetensors_type *type = safetensors_type_of(dtype);
        return error_set(error, FOV_E_INPUT, "%s: byte %zu: tensor \"%s\": does not fit (got %s %s, expected %s %s)",
                         file->file, tensor->offset, escaped, tensor->type, shape_text(&tensor->shape, got),
                         type != NULL ? type->name : "?", shape_text(shape, wanted));
    }
    if (tensor->bytes > 0) {
        memcpy(data, tensor->data, tensor->bytes);
    }
    return 0;
}

int safetensors_to_float(const struct safetensors *file, const struct safetensors_tensor *tensor, float *data,
                         struct error *error)
{
    size_t count = 0;
    if (!shape_count(&tensor->shape, &count)) {
        return error_set(error, FOV_E_INTERNAL, "%s: a shape that was checked is too large", file->file);
    }
    if (tensor->dtype == FOV_F32) {
        if (tensor->bytes > 0) {
            memcpy(data, tensor->data, tensor->bytes);
        }
        return 0;
    }
    bool brain = strcmp(tensor->type, "BF16") == 0;
    if (!brain && tensor->dtype != FOV_F16 && tensor->dtype != FOV_F64) {
        char escaped[NAME_TEXT];
        return error_set(error, FOV_E_UNSUPPORTED,
                         "%s: byte %zu: tensor \"%s\": %s elements cannot be weights (expected F32, "
                         "F16, BF16 or F64)",
                         file->file, tensor->offset, text_escape(escaped, sizeof escaped, tensor->name), tensor->type);
    }
    for (size_t i = 0; i < count; i++) {
        if (tensor->dtype == FOV_F64) {
            double value;
            memcpy(&value, tensor->data + i * sizeof value, sizeof value);
            data[i] = (float)value;
            continue;
        }
        uint16_t half;
        memcpy(&half, tensor->data + i * sizeof half, sizeof half);
        data[i] = brain ? convert_bfloat16_to_float(half) : convert_half_to_float(half);
    }
    return 0;
}
