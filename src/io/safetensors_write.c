/* SPDX-License-Identifier: MIT */
/* Writing safetensors, and the seal: a SHA-256 of the content inside the file's own metadata, which finds a flipped bit
 * that no rule of the format would notice. Tensors are written straight from the caller's memory, without a copy. */
#include "base/hash.h"
#include "base/text.h"
#include "io/safetensors.h"
#include "io/safetensors_types.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIX_BYTES = 8, NAME_TEXT = 160 };

/* ---- the seal ---------------------------------------------------------------------------------------------------- */

static void hash_text(struct hash_state *state, const char *text)
{
    size_t length = strlen(text);
    hash_add_number(state, length);
    hash_add(state, text, length);
}

static void hash_tensor(struct hash_state *state, const char *name, const char *type, const fov_shape *shape,
                        const void *data, size_t bytes)
{
    hash_text(state, name);
    hash_text(state, type);
    hash_add_number(state, (uint64_t)shape->rank);
    for (int i = 0; i < shape->rank; i++) {
        hash_add_number(state, (uint64_t)shape->dim[i]);
    }
    hash_add_number(state, bytes);
    if (bytes > 0) {
        hash_add(state, data, bytes);
    }
}

static int compare_text(const void *a, const void *b)
{
    const struct safetensors_text *const *left = a, *const *right = b;
    return strcmp((*left)->key, (*right)->key);
}

/** Hashes metadata sorted by key, so that the seal does not depend on the order in which they were given. */
static int hash_metadata(struct hash_state *state, const struct safetensors_text *metadata, size_t count,
                         struct memory *memory, struct error *error)
{
    const struct safetensors_text **sorted = memory_allocate(memory, count, sizeof *sorted, "metadata order", error);
    if (sorted == NULL) {
        return FOV_E_MEMORY;
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(metadata[i].key, SAFETENSORS_SEAL) != 0) {
            sorted[kept++] = &metadata[i];
        }
    }
    qsort(sorted, kept, sizeof *sorted, compare_text);
    hash_add_number(state, kept);
    for (size_t i = 0; i < kept; i++) {
        hash_text(state, sorted[i]->key);
        hash_text(state, sorted[i]->value);
    }
    memory_free(memory, sorted);
    return 0;
}

int safetensors_verify(const struct safetensors *file, struct error *error)
{
    const char *seal = safetensors_metadata(file, SAFETENSORS_SEAL);
    if (seal == NULL) {
        return error_set(error, FOV_E_INPUT,
                         "%s: header: metadata \"%s\" is missing: the file is damaged or not sealed", file->file,
                         SAFETENSORS_SEAL);
    }
    struct hash_state state = {0};
    hash_begin(&state);
    for (size_t i = 0; i < file->count; i++) {
        const struct safetensors_tensor *tensor = &file->tensors[i];
        hash_tensor(&state, tensor->name, tensor->type, &tensor->shape, tensor->data, tensor->bytes);
    }
    int  status = hash_metadata(&state, file->metadata, file->metadata_count, file->memory, error);
    char hex[HASH_HEX_SIZE];
    hash_end(&state, hex);
    if (!status && strcmp(hex, seal) != 0) {
        return error_set(error, FOV_E_INPUT,
                         "%s: damaged: the SHA-256 of its content is not the one it was written with", file->file);
    }
    return status;
}

/* ---- the header -------------------------------------------------------------------------------------------------- */

struct header_writer {
    const struct safetensors_source *tensors;
    size_t                           count;
    const char                      *path;
    struct error                    *error;
};

static int fail_memory(const struct header_writer *writer)
{
    return error_set(writer->error, FOV_E_MEMORY, "%s: out of memory for the header", writer->path);
}

/** Adds `value` to an object under a new key and takes over the reference to it. Keys must be UTF-8 and differ. */
static int add_entry(const struct header_writer *writer, json_t *object, const char *key, json_t *value)
{
    char escaped[NAME_TEXT];
    if (value == NULL) {
        return fail_memory(writer);
    }
    if (json_object_get(object, key) != NULL) {
        json_decref(value);
        return error_set(writer->error, FOV_E_USAGE, "%s: the name \"%s\" is used twice", writer->path,
                         text_escape(escaped, sizeof escaped, key));
    }
    if (json_object_set_new(object, key, value) != 0) {
        return error_set(writer->error, FOV_E_USAGE, "%s: the name \"%s\" is not UTF-8, or memory is short",
                         writer->path, text_escape(escaped, sizeof escaped, key));
    }
    return 0;
}

static int add_tensor(const struct header_writer *writer, json_t *root, const struct safetensors_source *tensor,
                      size_t *offset)
{
    char                           escaped[NAME_TEXT];
    const struct safetensors_type *type = safetensors_type_of(tensor->dtype);
    size_t                         bytes, end;
    if (type == NULL || strcmp(tensor->name, "__metadata__") == 0 ||
        !shape_bytes(&tensor->shape, tensor->dtype, &bytes) || !size_add(*offset, bytes, &end) ||
        end > (size_t)INT64_MAX) {
        char shape[SHAPE_TEXT_SIZE];
        return error_set(writer->error, FOV_E_USAGE, "%s: tensor \"%s\" %s cannot be written", writer->path,
                         text_escape(escaped, sizeof escaped, tensor->name), shape_text(&tensor->shape, shape));
    }
    json_t *dims = json_array();
    for (int i = 0; dims != NULL && i < tensor->shape.rank; i++) {
        if (json_array_append_new(dims, json_integer(tensor->shape.dim[i])) != 0) {
            json_decref(dims);
            dims = NULL;
        }
    }
    if (dims == NULL) {
        return fail_memory(writer);
    }
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", type->name, "shape", dims, "data_offsets",
                              (json_int_t)*offset, (json_int_t)end);
    *offset = end;
    return add_entry(writer, root, tensor->name, entry);
}

static bool is_empty(const struct safetensors_source *tensor)
{
    size_t elements;
    return shape_count(&tensor->shape, &elements) && elements == 0;
}

static int compare_source(const void *a, const void *b)
{
    const struct safetensors_source *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

/** Orders empty tensors that follow each other by name. They lie at one offset, so that a reader cannot tell the order
 *  in which they were given, and orders them like this. */
static void order_empty(const struct safetensors_source **tensors, size_t count)
{
    for (size_t begin = 0, end = 0; begin < count; begin = end + 1) {
        for (end = begin; end < count && is_empty(tensors[end]); end++) {
        }
        if (end > begin) {
            qsort((void *)(tensors + begin), end - begin, sizeof *tensors, compare_source);
        }
    }
}

static int seal_content(const struct header_writer *writer, const struct safetensors_text *metadata,
                        size_t metadata_count, struct memory *memory, char hex[HASH_HEX_SIZE])
{
    struct hash_state state = {0};
    const struct safetensors_source **tensors =
        memory_allocate(memory, writer->count, sizeof *tensors, "an order of tensors", writer->error);
    if (tensors == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t i = 0; i < writer->count; i++) {
        tensors[i] = &writer->tensors[i];
    }
    order_empty(tensors, writer->count);
    hash_begin(&state);
    for (size_t i = 0; i < writer->count; i++) {
        const struct safetensors_source *tensor = tensors[i];
        size_t bytes = 0;
        if (!shape_bytes(&tensor->shape, tensor->dtype, &bytes)) {
            memory_free(memory, tensors);
            return error_set(writer->error, FOV_E_USAGE, "%s: a shape is too large", writer->path);
        }
        hash_tensor(&state, tensor->name, safetensors_type_of(tensor->dtype)->name, &tensor->shape, tensor->data,
                    bytes);
    }
    memory_free(memory, tensors);
    int status = hash_metadata(&state, metadata, metadata_count, memory, writer->error);
    hash_end(&state, hex);
    return status;
}

static int build_header(const struct header_writer *writer, const struct safetensors_text *metadata,
                        size_t metadata_count, bool sealed, struct memory *memory, json_t **root)
{
    json_t *texts = NULL;
    *root = json_object();
    if (*root == NULL) {
        return fail_memory(writer);
    }
    int status = 0;
    if (metadata_count > 0 || sealed) {
        texts = json_object();
        status = add_entry(writer, *root, "__metadata__", texts);
    }
    for (size_t i = 0; !status && i < metadata_count; i++) {
        status = add_entry(writer, texts, metadata[i].key, json_string(metadata[i].value));
    }
    size_t offset = 0;
    for (size_t i = 0; !status && i < writer->count; i++) {
        status = add_tensor(writer, *root, &writer->tensors[i], &offset);
    }
    if (!status && sealed) {
        char hex[HASH_HEX_SIZE];
        status = seal_content(writer, metadata, metadata_count, memory, hex);
        if (!status) {
            status = add_entry(writer, texts, SAFETENSORS_SEAL, json_string(hex));
        }
    }
    return status;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static int write_header(struct file_writer *file, const json_t *root, const char *path, struct error *error)
{
    char *json = json_dumps(root, JSON_COMPACT);
    if (json == NULL) {
        return error_set(error, FOV_E_MEMORY, "%s: out of memory for the header", path);
    }
    /* Spaces after the JSON put the data at a multiple of 64, so that a mapped file is as aligned as memory is. */
    size_t length = strlen(json);
    size_t padding = (SAFETENSORS_ALIGNMENT - (PREFIX_BYTES + length) % SAFETENSORS_ALIGNMENT) % SAFETENSORS_ALIGNMENT;
    int    status = 0;
    if (length + padding > SAFETENSORS_MAX_HEADER) {
        status = error_set(error, FOV_E_USAGE, "%s: the header would take %zu bytes (limit %d)", path, length + padding,
                           SAFETENSORS_MAX_HEADER);
    }
    uint8_t prefix[PREFIX_BYTES];
    for (int i = 0; i < PREFIX_BYTES; i++) {
        prefix[i] = (uint8_t)((uint64_t)(length + padding) >> (8 * i));
    }
    char spaces[SAFETENSORS_ALIGNMENT];
    memset(spaces, ' ', sizeof spaces);
    if (!status) {
        status = file_writer_write(file, prefix, sizeof prefix, error);
    }
    if (!status) {
        status = file_writer_write(file, json, length, error);
    }
    if (!status && padding > 0) {
        status = file_writer_write(file, spaces, padding, error);
    }
    free(json);
    return status;
}

static int write_data(struct file_writer *file, const struct header_writer *writer)
{
    for (size_t i = 0; i < writer->count; i++) {
        const struct safetensors_source *tensor = &writer->tensors[i];
        size_t                           bytes = 0;
        if (!shape_bytes(&tensor->shape, tensor->dtype, &bytes)) {
            return error_set(writer->error, FOV_E_USAGE, "%s: a shape is too large", writer->path);
        }
        int status = bytes > 0 ? file_writer_write(file, tensor->data, bytes, writer->error) : 0;
        if (status) {
            return status;
        }
    }
    return 0;
}

int safetensors_write(const char *path, const struct safetensors_source *tensors, size_t count,
                      const struct safetensors_text *metadata, size_t metadata_count, bool sealed,
                      const struct file_system *system, struct memory *memory, struct error *error)
{
    const struct header_writer writer = {.tensors = tensors, .count = count, .path = path, .error = error};
    json_t                    *root = NULL;
    int                        status = build_header(&writer, metadata, metadata_count, sealed, memory, &root);
    if (!status) {
        struct file_writer *file = memory_allocate(memory, 1, sizeof *file, "a file writer", error);
        status = file == NULL ? FOV_E_MEMORY : file_writer_open(file, path, system, error);
        if (!status) {
            status = write_header(file, root, path, error);
            if (!status) {
                status = write_data(file, &writer);
            }
            if (!status) {
                status = file_writer_commit(file, error);
            }
            if (status) {
                file_writer_abandon(file);
            }
        }
        memory_free(memory, file);
    }
    json_decref(root);
    return status;
}
