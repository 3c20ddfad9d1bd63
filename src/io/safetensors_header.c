/* SPDX-License-Identifier: MIT */
/* The header of a safetensors file, which is JSON. Every rule of the reference implementation is checked before a
 * caller sees a tensor: the offsets cover the data from its first byte to its last without holes or overlaps, and every
 * tensor has exactly the bytes that its shape needs. Builds without jansson use json_absent.c instead. */
#include "base/text.h"
#include "io/json_size.h"
#include "io/safetensors.h"
#include "io/safetensors_types.h"
#include "io/sniff.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIX_BYTES = 8, NAME_TEXT = 160, MAX_COMMAS = 4000000 };

/* ---- the header as text ------------------------------------------------------------------------------------------ */

/** Bounds what the JSON parser will build before it runs: nesting, and the number of values. */
static int check_json_size(const char *file, const uint8_t *json, size_t size, struct error *error)
{
    size_t depth = 0, commas = 0, entries = 0;
    bool   in_string = false;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = json[i];
        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
            continue;
        }
        switch (c) {
        case '"':
            in_string = true;
            break;
        case '{':
        case '[':
            if (++depth > SAFETENSORS_MAX_DEPTH) {
                return error_set(error, FOV_E_INPUT, "%s: byte %zu: header: nested too deeply (limit %d)", file,
                                 i + PREFIX_BYTES, SAFETENSORS_MAX_DEPTH);
            }
            break;
        case '}':
        case ']':
            depth -= depth > 0;
            break;
        case ',':
            commas++;
            entries += depth == 1;
            if (entries > SAFETENSORS_MAX_TENSORS || commas > MAX_COMMAS) {
                return error_set(error, FOV_E_INPUT, "%s: byte %zu: header: too many tensors (limit %d)", file,
                                 i + PREFIX_BYTES, SAFETENSORS_MAX_TENSORS);
            }
            break;
        default:
            break;
        }
    }
    return 0;
}

/** Parses the header into *root. Sets *held to the bytes that it holds against the memory limit, after failures too;
 *  the caller releases them. */
static int parse_header(const char *file, const uint8_t *bytes, size_t size, json_t **root, size_t *data_start,
                        size_t *held, struct memory *memory, struct error *error)
{
    const char *hint = sniff_hint(sniff_content(bytes, size));
    if (size < PREFIX_BYTES) {
        return error_set(error, FOV_E_INPUT,
                         "%s: truncated: need 8 bytes at offset 0 for the header length, file has %zu%s", file, size,
                         hint);
    }
    uint64_t length = 0;
    for (int i = PREFIX_BYTES - 1; i >= 0; i--) {
        length = length << 8 | bytes[i];
    }
    if (length > SAFETENSORS_MAX_HEADER) {
        return error_set(error, FOV_E_INPUT,
                         "%s: byte 0: header length: not a safetensors file (got %llu, limit %d bytes)%s", file,
                         (unsigned long long)length, SAFETENSORS_MAX_HEADER, hint);
    }
    if (length > size - PREFIX_BYTES) {
        return error_set(error, FOV_E_INPUT,
                         "%s: truncated: need %llu bytes at offset 8 for the header, file has %zu%s", file,
                         (unsigned long long)length, size, hint);
    }
    if (length < 2) {
        return error_set(error, FOV_E_INPUT, "%s: byte 0: header length: too short (got %llu, the least is 2: {})",
                         file, (unsigned long long)length);
    }
    const uint8_t *json = bytes + PREFIX_BYTES;
    if (json[0] != '{') {
        return error_set(error, FOV_E_INPUT, "%s: byte 8: header: must start with '{' (got byte 0x%02x)%s", file,
                         json[0], hint);
    }
    size_t need = json_size((const char *)json, (size_t)length);
    int    status = check_json_size(file, json, (size_t)length, error);
    if (!status) {
        status = memory_hold(memory, need, "a safetensors header", error);
    }
    if (status) {
        return status;
    }
    *held = need;
    json_error_t why;
    *root = json_loadb((const char *)json, (size_t)length, JSON_REJECT_DUPLICATES, &why);
    if (*root == NULL) {
        if (json_error_code(&why) == json_error_out_of_memory) {
            return error_set(error, FOV_E_MEMORY, "%s: out of memory while reading the header", file);
        }
        return error_set(error, FOV_E_INPUT, "%s: byte %lld: header: not valid JSON: %s", file,
                         (long long)why.position + PREFIX_BYTES, why.text);
    }
    if (!json_is_object(*root)) {
        json_decref(*root);
        *root = NULL;
        return error_set(error, FOV_E_INPUT, "%s: byte 8: header: not a JSON object", file);
    }
    *data_start = PREFIX_BYTES + (size_t)length;
    return 0;
}

/* ---- one entry --------------------------------------------------------------------------------------------------- */

/** Reads a whole number >= 0; refuses 1.0, 1e3 and -1. */
static bool whole_number(const json_t *json, int64_t *value)
{
    *value = json_is_integer(json) ? (int64_t)json_integer_value(json) : -1;
    return *value >= 0;
}

struct entry_reader {
    const char                *file;
    const char                *name; /**< escaped, for messages */
    struct safetensors_tensor *tensor;
    size_t                     begin, end; /**< within the data */
    struct error              *error;
};

static int read_shape(struct entry_reader *entry, const json_t *shape)
{
    size_t rank = json_array_size(shape);
    if (!json_is_array(shape) || rank > FOV_MAX_RANK) {
        return error_set(entry->error, FOV_E_INPUT,
                         "%s: byte 8: header: tensor \"%s\": shape: expected a list of at most %d sizes (got %zu)",
                         entry->file, entry->name, FOV_MAX_RANK, rank);
    }
    entry->tensor->shape.rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        if (!whole_number(json_array_get(shape, i), &entry->tensor->shape.dim[i])) {
            return error_set(entry->error, FOV_E_INPUT,
                             "%s: byte 8: header: tensor \"%s\": shape: element %zu is not a whole number of 0 or more",
                             entry->file, entry->name, i);
        }
    }
    return 0;
}

static int read_offsets(struct entry_reader *entry, const json_t *offsets)
{
    int64_t begin = 0, end = 0;
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
        !whole_number(json_array_get(offsets, 0), &begin) || !whole_number(json_array_get(offsets, 1), &end)) {
        return error_set(entry->error, FOV_E_INPUT,
                         "%s: byte 8: header: tensor \"%s\": data_offsets: expected two whole numbers of 0 or more",
                         entry->file, entry->name);
    }
    if (begin > end) {
        return error_set(entry->error, FOV_E_INPUT,
                         "%s: byte 8: header: tensor \"%s\": data_offsets: reversed (got [%lld, %lld])", entry->file,
                         entry->name, (long long)begin, (long long)end);
    }
    entry->begin = (size_t)begin;
    entry->end = (size_t)end;
    return 0;
}

/** Checks that the shape needs exactly as many bytes as the offsets span. */
static int check_extent(struct entry_reader *entry, size_t bits)
{
    char   shape[SHAPE_TEXT_SIZE];
    size_t count, total;
    if (!shape_count(&entry->tensor->shape, &count) || !size_multiply(count, bits, &total)) {
        return error_set(entry->error, FOV_E_INPUT, "%s: byte 8: header: tensor \"%s\": size overflow in shape %s",
                         entry->file, entry->name, shape_text(&entry->tensor->shape, shape));
    }
    if (total % 8 != 0) {
        return error_set(entry->error, FOV_E_INPUT,
                         "%s: byte 8: header: tensor \"%s\": %zu elements of %zu bits do not fill whole bytes",
                         entry->file, entry->name, count, bits);
    }
    entry->tensor->bytes = total / 8;
    if (entry->end - entry->begin != total / 8) {
        return error_set(entry->error, FOV_E_INPUT,
                         "%s: byte 8: header: tensor \"%s\": data_offsets: wrong size for %s %s (got %zu bytes, "
                         "expected %zu)",
                         entry->file, entry->name, entry->tensor->type, shape_text(&entry->tensor->shape, shape),
                         entry->end - entry->begin, total / 8);
    }
    return 0;
}

static int read_entry(struct entry_reader *entry, const json_t *json)
{
    if (!json_is_object(json)) {
        return error_set(entry->error, FOV_E_INPUT, "%s: byte 8: header: tensor \"%s\": expected an object",
                         entry->file, entry->name);
    }
    const char *const known[] = {"dtype", "shape", "data_offsets"};
    for (size_t i = 0; i < 3; i++) {
        if (json_object_get(json, known[i]) == NULL) {
            return error_set(entry->error, FOV_E_INPUT, "%s: byte 8: header: tensor \"%s\": %s is missing", entry->file,
                             entry->name, known[i]);
        }
    }
    const char *key;
    json_t     *value;
    json_object_foreach((json_t *)json, key, value)
    {
        if (strcmp(key, known[0]) != 0 && strcmp(key, known[1]) != 0 && strcmp(key, known[2]) != 0) {
            char escaped[NAME_TEXT];
            return error_set(entry->error, FOV_E_INPUT,
                             "%s: byte 8: header: tensor \"%s\": unknown key \"%s\" (expected dtype, shape, "
                             "data_offsets)",
                             entry->file, entry->name, text_escape(escaped, sizeof escaped, key));
        }
    }
    const char                    *type_name = json_string_value(json_object_get(json, "dtype"));
    const struct safetensors_type *type = type_name != NULL ? safetensors_type_named(type_name) : NULL;
    if (type == NULL) {
        char escaped[NAME_TEXT];
        return error_set(entry->error, FOV_E_INPUT,
                         "%s: byte 8: header: tensor \"%s\": dtype: unknown (got \"%s\", expected F32, F16, I64, ...)",
                         entry->file, entry->name,
                         text_escape(escaped, sizeof escaped, type_name != NULL ? type_name : "not a string"));
    }
    entry->tensor->type = type->name;
    entry->tensor->dtype = type->dtype;
    int status = read_shape(entry, json_object_get(json, "shape"));
    if (!status) {
        status = read_offsets(entry, json_object_get(json, "data_offsets"));
    }
    return status ? status : check_extent(entry, type->bits);
}

/* ---- the whole header -------------------------------------------------------------------------------------------- */

static int compare_offset(const void *a, const void *b)
{
    const struct safetensors_tensor *left = a, *right = b;
    if (left->offset != right->offset) {
        return left->offset < right->offset ? -1 : 1;
    }
    /* Empty tensors sort before the tensor that starts at the same offset. */
    if (left->bytes != right->bytes) {
        return left->bytes < right->bytes ? -1 : 1;
    }
    return strcmp(left->name, right->name);
}

static int compare_name(const void *a, const void *b)
{
    const struct safetensors_tensor *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static int compare_key(const void *a, const void *b)
{
    const struct safetensors_text *left = a, *right = b;
    return strcmp(left->key, right->key);
}

/** Copies a string to the block of names. */
static const char *keep_text(char **next, const char *text)
{
    size_t length = strlen(text) + 1;
    char  *copy = *next;
    memcpy(copy, text, length);
    *next += length;
    return copy;
}

static int read_metadata(struct safetensors *file, const json_t *metadata, struct error *error)
{
    if (!json_is_object(metadata)) {
        return error_set(error, FOV_E_INPUT, "%s: byte 8: header: __metadata__: expected an object", file->file);
    }
    const char *key;
    json_t     *value;
    json_object_foreach((json_t *)metadata, key, value)
    {
        if (!json_is_string(value)) {
            char escaped[NAME_TEXT];
            return error_set(error, FOV_E_INPUT, "%s: byte 8: header: __metadata__: \"%s\" is not a string", file->file,
                             text_escape(escaped, sizeof escaped, key));
        }
    }
    return 0;
}

/** Allocates the arrays, and one block for all names, metadata keys and values. */
static int allocate_tables(struct safetensors *file, const json_t *root, struct error *error)
{
    size_t      text_bytes = 1;
    const char *key;
    json_t     *value;
    json_object_foreach((json_t *)root, key, value)
    {
        if (strcmp(key, "__metadata__") == 0) {
            const char *inner;
            json_t     *text;
            json_object_foreach(value, inner, text)
            {
                text_bytes += strlen(inner) + json_string_length(text) + 2;
                file->metadata_count++;
            }
        } else {
            text_bytes += strlen(key) + 1;
            file->count++;
        }
    }
    struct memory *memory = file->memory;
    file->names = memory_allocate(memory, text_bytes, 1, "safetensors names", error);
    file->tensors = memory_allocate(memory, file->count, sizeof *file->tensors, "safetensors index", error);
    file->by_name = memory_allocate(memory, file->count, sizeof *file->by_name, "safetensors index", error);
    file->metadata =
        memory_allocate(memory, file->metadata_count, sizeof *file->metadata, "safetensors metadata", error);
    return file->names == NULL || file->tensors == NULL || file->by_name == NULL || file->metadata == NULL
               ? FOV_E_MEMORY
               : 0;
}

static int read_tables(struct safetensors *file, const json_t *root, size_t data_start, const uint8_t *bytes,
                       struct error *error)
{
    const json_t *metadata = json_object_get(root, "__metadata__");
    int           status = metadata != NULL ? read_metadata(file, metadata, error) : 0;
    if (!status) {
        status = allocate_tables(file, root, error);
    }
    if (status) {
        return status;
    }
    char       *next = file->names;
    size_t      tensors = 0, texts = 0;
    const char *key;
    json_t     *value;
    json_object_foreach((json_t *)root, key, value)
    {
        if (strcmp(key, "__metadata__") == 0) {
            const char *inner;
            json_t     *text;
            json_object_foreach(value, inner, text)
            {
                file->metadata[texts].key = keep_text(&next, inner);
                file->metadata[texts++].value = keep_text(&next, json_string_value(text));
            }
            continue;
        }
        char                escaped[NAME_TEXT];
        struct entry_reader entry = {.file = file->file,
                                     .name = text_escape(escaped, sizeof escaped, key),
                                     .tensor = &file->tensors[tensors],
                                     .error = error};
        file->tensors[tensors].name = keep_text(&next, key);
        status = read_entry(&entry, value);
        if (status) {
            return status;
        }
        file->tensors[tensors].offset = entry.begin;
        tensors++;
    }
    qsort(file->metadata, texts, sizeof *file->metadata, compare_key);
    qsort(file->tensors, tensors, sizeof *file->tensors, compare_offset);
    /* All data pointers begin at the start of the data; check_cover adds the offsets once it has checked them. */
    for (size_t i = 0; i < tensors; i++) {
        file->tensors[i].data = bytes + data_start;
    }
    for (size_t i = 0; i < tensors; i++) {
        file->by_name[i] = &file->tensors[i];
    }
    qsort(file->by_name, tensors, sizeof *file->by_name, compare_name);
    return 0;
}

/** The tensors, in order, cover the data from first to last byte: no hole can hide anything, no byte is used twice. */
static int check_cover(struct safetensors *file, size_t data_start, size_t size, struct error *error)
{
    char   name[NAME_TEXT];
    size_t expected = 0, available = size - data_start;
    for (size_t i = 0; i < file->count; i++) {
        struct safetensors_tensor *tensor = &file->tensors[i];
        text_escape(name, sizeof name, tensor->name);
        if (tensor->offset != expected) {
            return error_set(error, FOV_E_INPUT,
                             "%s: byte %zu: tensor \"%s\": %s (data_offsets begin at %zu, expected %zu)", file->file,
                             data_start + expected, name,
                             tensor->offset > expected ? "a hole lies before it" : "it overlaps the one before",
                             tensor->offset, expected);
        }
        if (tensor->bytes > available - expected) {
            return error_set(error, FOV_E_INPUT,
                             "%s: truncated: tensor \"%s\" needs %zu bytes at offset %zu, file has %zu", file->file,
                             name, tensor->bytes, data_start + expected, size);
        }
        tensor->data += expected;
        tensor->offset = data_start + expected;
        expected += tensor->bytes;
    }
    if (expected != available) {
        return error_set(error, FOV_E_INPUT, "%s: byte %zu: %zu unexpected bytes after the last tensor", file->file,
                         data_start + expected, available - expected);
    }
    return 0;
}

int safetensors_parse(struct safetensors *file, const char *name, const uint8_t *bytes, size_t size,
                      struct memory *memory, struct error *error)
{
    *file = (struct safetensors){.file = name, .memory = memory};
    json_t *root = NULL;
    size_t  data_start = 0, held = 0;
    int     status = parse_header(name, bytes, size, &root, &data_start, &held, memory, error);
    if (!status) {
        status = read_tables(file, root, data_start, bytes, error);
    }
    if (!status) {
        status = check_cover(file, data_start, size, error);
    }
    json_decref(root);
    memory_release(memory, held);
    if (status) {
        safetensors_close(file);
    }
    return status;
}
