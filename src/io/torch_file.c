/* SPDX-License-Identifier: MIT */
/* A PyTorch file as an opened safetensors file: the pickle says what the tensors are, the archive where their bytes lie,
 * and here each is checked to lie within its storage, in plain order. Nothing is copied. */
#include "io/torch_file.h"
#include "base/text.h"
#include "io/safetensors_types.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_TEXT = 160, KEY_TEXT = 512 };

struct opened {
    struct safetensors *file;
    struct torch_archive archive;
    struct torch_pickle pickle;
    const char *folder; /* of all entries, with its slash; not terminated */
    size_t folder_length;
    const uint8_t *bytes;
    struct error *error;
};

bool torch_begins(const uint8_t *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "PK\3\4", 4) == 0;
}

static const struct torch_entry *find(const struct opened *o, const char *path, const char *key, size_t key_length)
{
    char name[KEY_TEXT];
    int length = snprintf(name, sizeof name, "%.*s%s%.*s", (int)(o->folder_length < 200 ? o->folder_length : 200),
                          o->folder, path, (int)(key_length < 200 ? key_length : 200), key);
    return torch_archive_find(&o->archive, name, (size_t)length);
}

/* The folder that the pickle lies in, which all entries share. */
static int find_pickle(struct opened *o, const struct torch_entry **pickle)
{
    static const char wanted[] = "data.pkl";
    const size_t length = sizeof wanted - 1;
    for (size_t i = 0; i < o->archive.count; i++) {
        const struct torch_entry *entry = &o->archive.entries[i];
        size_t before = entry->name_length - length;
        if (entry->name_length >= length && memcmp(entry->name + before, wanted, length) == 0 &&
            (before == 0 || entry->name[before - 1] == '/')) {
            o->folder = entry->name;
            o->folder_length = before;
            *pickle = entry;
            return FOV_OK;
        }
    }
    return error_set(o->error, FOV_E_INPUT, "%s: an archive without data.pkl: it is no PyTorch file of tensors",
                     o->file->file);
}

static int check_byte_order(const struct opened *o)
{
    const struct torch_entry *order = find(o, "byteorder", "", 0);
    bool big = order != NULL && order->bytes >= 3 && memcmp(order->data, "big", 3) == 0;
    return big ? error_set(o->error, FOV_E_UNSUPPORTED, "%s: its numbers are big-endian", o->file->file) : FOV_OK;
}

/* Whether elements lie one behind the other, the last dimension fastest; dimensions of one element may claim anything. */
static bool is_plain(const struct torch_tensor *tensor)
{
    int64_t step = 1;
    for (int i = tensor->rank - 1; i >= 0; i--) {
        if (tensor->size[i] != 1 && tensor->stride[i] != step) {
            return false;
        }
        step *= tensor->size[i]; /* the shape has been counted: this does not overflow */
    }
    return true;
}

static int place_tensor(const struct opened *o, const struct torch_tensor *from, struct safetensors_tensor *to)
{
    char name[NAME_TEXT], shape[SHAPE_TEXT_SIZE];
    const struct safetensors_type *type = safetensors_type_named(from->type);
    const struct torch_entry *storage = find(o, "data/", from->key, from->key_length);
    size_t count, width = type->bits / 8, begin;
    text_escape(name, sizeof name, from->name);
    *to = (struct safetensors_tensor){.name = from->name, .type = type->name, .dtype = type->dtype};
    to->shape.rank = from->rank;
    memcpy(to->shape.dim, from->size, sizeof from->size);
    if (storage == NULL) {
        return error_set(o->error, FOV_E_INPUT, "%s: tensor \"%s\": its storage is not in the archive", o->file->file,
                         name);
    }
    if (!shape_count(&to->shape, &count) || !size_multiply(count, width, &to->bytes)) {
        return error_set(o->error, FOV_E_INPUT, "%s: tensor \"%s\": size overflow in shape %s", o->file->file, name,
                         shape_text(&to->shape, shape));
    }
    if (count > 0 && !is_plain(from)) {
        return error_set(o->error, FOV_E_UNSUPPORTED,
                         "%s: tensor \"%s\" %s is stored in another order than it reads: save it with .contiguous()",
                         o->file->file, name, shape_text(&to->shape, shape));
    }
    bool fits = size_multiply((size_t)from->offset, width, &begin) && begin <= storage->bytes &&
                to->bytes <= storage->bytes - begin && (uint64_t)from->elements <= storage->bytes / width;
    if (!fits) {
        return error_set(o->error, FOV_E_INPUT,
                         "%s: tensor \"%s\" %s reaches beyond its storage of %zu bytes (offset %lld elements)",
                         o->file->file, name, shape_text(&to->shape, shape), storage->bytes, (long long)from->offset);
    }
    to->data = storage->data + begin;
    to->offset = (size_t)(to->data - o->bytes);
    return FOV_OK;
}

static int compare_offset(const void *a, const void *b)
{
    const struct safetensors_tensor *left = a, *right = b;
    return left->offset != right->offset ? (left->offset < right->offset ? -1 : 1) : strcmp(left->name, right->name);
}

static int compare_name(const void *a, const void *b)
{
    const struct safetensors_tensor *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

/* The names move into one block, which the safetensors file owns. */
static int keep_names(const struct opened *o)
{
    struct safetensors *file = o->file;
    size_t bytes = 1, used = 0;
    for (size_t i = 0; i < file->count; i++) {
        bytes += strlen(file->tensors[i].name) + 1;
    }
    file->names = memory_allocate(file->memory, bytes, 1, "tensor names", o->error);
    if (file->names == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t i = 0; i < file->count; i++) {
        size_t length = strlen(file->tensors[i].name) + 1;
        file->tensors[i].name = memcpy(file->names + used, file->tensors[i].name, length);
        used += length;
    }
    return FOV_OK;
}

static int fill_tables(const struct opened *o)
{
    struct safetensors *file = o->file;
    size_t count = o->pickle.count;
    file->tensors = memory_allocate(file->memory, count, sizeof *file->tensors, "tensors", o->error);
    file->by_name = memory_allocate(file->memory, count, sizeof *file->by_name, "tensors", o->error);
    int status = file->tensors == NULL || file->by_name == NULL ? FOV_E_MEMORY : FOV_OK;
    for (size_t i = 0; i < count && status == FOV_OK; i++) {
        status = place_tensor(o, &o->pickle.tensors[i], &file->tensors[i]);
    }
    if (status != FOV_OK) {
        return status;
    }
    file->count = count;
    status = keep_names(o);
    if (status != FOV_OK || count == 0) {
        return status;
    }
    qsort(file->tensors, count, sizeof *file->tensors, compare_offset);
    for (size_t i = 0; i < count; i++) {
        file->by_name[i] = &file->tensors[i];
    }
    qsort((void *)file->by_name, count, sizeof *file->by_name, compare_name);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(file->by_name[i - 1]->name, file->by_name[i]->name) == 0) {
            char name[NAME_TEXT];
            return error_set(o->error, FOV_E_INPUT, "%s: tensor \"%s\" is there twice", file->file,
                             text_escape(name, sizeof name, file->by_name[i]->name));
        }
    }
    return FOV_OK;
}

int torch_parse(struct safetensors *file, const char *name, const uint8_t *bytes, size_t size, struct memory *memory,
                struct error *error)
{
    *file = (struct safetensors){.file = name, .memory = memory};
    struct opened o = {.file = file, .bytes = bytes, .error = error};
    const struct torch_entry *pickle = NULL;
    int status = torch_archive_read(&o.archive, name, bytes, size, memory, error);
    status = status == FOV_OK ? find_pickle(&o, &pickle) : status;
    status = status == FOV_OK ? check_byte_order(&o) : status;
    status = status == FOV_OK ? torch_pickle_read(&o.pickle, name, pickle->data, pickle->bytes, memory, error) : status;
    status = status == FOV_OK ? fill_tables(&o) : status;
    torch_pickle_free(&o.pickle, memory);
    torch_archive_free(&o.archive, memory);
    if (status != FOV_OK) {
        safetensors_close(file);
    }
    return status;
}

int torch_open(struct safetensors *file, const char *path, struct memory *memory, struct error *error)
{
    *file = (struct safetensors){0};
    struct file_map map;
    int status = file_map(&map, path, memory, error);
    if (status != FOV_OK) {
        return status;
    }
    char *name = memory_copy_text(memory, path, error);
    status = name == NULL ? FOV_E_MEMORY : torch_parse(file, name, map.bytes, map.size, memory, error);
    if (status != FOV_OK) {
        memory_free(memory, name);
        file_unmap(&map);
        return status;
    }
    file->map = map;
    file->mapped = true;
    return FOV_OK;
}
