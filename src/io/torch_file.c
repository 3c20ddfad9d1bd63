/* SPDX-License-Identifier: MIT */
/* Presents a PyTorch file as an opened safetensors file: the pickle describes the tensors, the archive holds their
 * bytes, and this file checks that each tensor lies within its storage, in plain order. Nothing is copied. */
#include "io/torch_file.h"
#include "base/text.h"
#include "io/safetensors_types.h"
#include <stdio.h>
#include <string.h>

enum { NAME_TEXT = 160, KEY_TEXT = 512 };

struct opened {
    struct safetensors *file;
    struct torch_archive archive;
    struct torch_pickle pickle;
    const char *folder; /* the folder in the archive that holds all entries, with its slash; not terminated */
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

/* Finds the pickle, and the folder that it shares with all other entries. */
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

/* TorchScript's archive has constants.pkl beside data.pkl, which then describes a program's objects. */
static int check_script(const struct opened *o)
{
    return find(o, "constants.pkl", "", 0) == NULL
               ? FOV_OK
               : error_set(o->error, FOV_E_UNSUPPORTED,
                           "%s: TorchScript, a program with its weights, which is not run here: export it to ONNX "
                           "(torch.onnx.export), or save its state_dict",
                           o->file->file);
}

static int check_byte_order(const struct opened *o)
{
    const struct torch_entry *order = find(o, "byteorder", "", 0);
    bool big = order != NULL && order->bytes >= 3 && memcmp(order->data, "big", 3) == 0;
    return big ? error_set(o->error, FOV_E_UNSUPPORTED, "%s: its numbers are big-endian", o->file->file) : FOV_OK;
}

/* Whether a tensor is dense and in plain order; the stride of a dimension of size 1 does not matter. */
static bool is_plain(const struct torch_tensor *tensor)
{
    int64_t step = 1;
    for (int i = tensor->rank - 1; i >= 0; i--) {
        if (tensor->size[i] != 1 && tensor->stride[i] != step) {
            return false;
        }
        step *= tensor->size[i]; /* cannot overflow: shape_count has accepted the shape */
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

static int gather(const struct opened *o, struct safetensors *file)
{
    size_t count = o->pickle.count;
    struct safetensors_tensor *tensors = memory_allocate(file->memory, count, sizeof *tensors, "tensors", o->error);
    int status = tensors == NULL ? FOV_E_MEMORY : FOV_OK;
    for (size_t i = 0; i < count && status == FOV_OK; i++) {
        status = place_tensor(o, &o->pickle.tensors[i], &tensors[i]);
    }
    struct memory *memory = file->memory;
    if (status == FOV_OK) {
        status = safetensors_gather(file, file->file, tensors, count, NULL, 0, NULL, memory, o->error);
    }
    memory_free(memory, tensors);
    return status;
}

int torch_parse(struct safetensors *file, const char *name, const uint8_t *bytes, size_t size, struct memory *memory,
                struct error *error)
{
    *file = (struct safetensors){.file = name, .memory = memory};
    struct opened o = {.file = file, .bytes = bytes, .error = error};
    const struct torch_entry *pickle = NULL;
    int status = torch_archive_read(&o.archive, name, bytes, size, memory, error);
    status = status == FOV_OK ? find_pickle(&o, &pickle) : status;
    status = status == FOV_OK ? check_script(&o) : status;
    status = status == FOV_OK ? check_byte_order(&o) : status;
    status = status == FOV_OK ? torch_pickle_read(&o.pickle, name, pickle->data, pickle->bytes, memory, error) : status;
    status = status == FOV_OK ? gather(&o, file) : status;
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
