/* SPDX-License-Identifier: MIT */
/* Tensors spread over several safetensors files, with an index that says which file holds which tensor (Hugging Face's
 * "model.safetensors.index.json"), as one list. Index and files must agree in full; otherwise a file left over from
 * another download would go unnoticed. */
#include "base/text.h"
#include "io/json_size.h"
#include "io/safetensors.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_TEXT = 120, PATH_SIZE = 4096, MOST_SHARDS = 10000, MOST_INDEX = 64 << 20 /* bytes */ };

struct indexing {
    struct safetensors *file;
    const char *path;
    char folder[PATH_SIZE]; /* the folder of the index and of all files, with its slash */
    struct error *error;
};

static int compare_name(const void *a, const void *b)
{
    return strcmp((*(const struct safetensors_tensor *const *)a)->name,
                  (*(const struct safetensors_tensor *const *)b)->name);
}

/* ---- the files --------------------------------------------------------------------------------------------------- */

/* Accepts only the name of a file in the index's own folder: no path, nothing that begins with a dot. */
static int check_name(const struct indexing *x, const char *name)
{
    char shown[NAME_TEXT];
    bool fine = name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL && strchr(name, '\\') == NULL;
    return fine ? FOV_OK
                : error_set(x->error, FOV_E_INPUT, "%s: \"%s\" is no name of a file beside it", x->path,
                            text_escape(shown, sizeof shown, name));
}

static int shard_named(const struct indexing *x, const char *name)
{
    size_t folder = strlen(x->folder);
    for (size_t i = 0; i < x->file->shard_count; i++) {
        if (strcmp(x->file->shards[i].file + folder, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int open_shard(struct indexing *x, const char *name)
{
    struct safetensors *file = x->file;
    char path[PATH_SIZE];
    if (check_name(x, name) != FOV_OK) {
        return FOV_E_INPUT;
    }
    if (file->shard_count == MOST_SHARDS ||
        snprintf(path, sizeof path, "%s%s", x->folder, name) >= (int)sizeof path) {
        return error_set(x->error, FOV_E_INPUT, "%s: more than %d files, or a name that is too long", x->path,
                         MOST_SHARDS);
    }
    struct safetensors *shard = &file->shards[file->shard_count];
    int status = safetensors_open(shard, path, file->memory, x->error);
    if (status == FOV_OK) {
        file->shard_count++;
        status = safetensors_metadata(shard, "fovea.sha256") != NULL ? safetensors_verify(shard, x->error) : FOV_OK;
    }
    return status;
}

/* ---- the list ---------------------------------------------------------------------------------------------------- */

static int read_map(struct indexing *x, const json_t *map)
{
    const char *name;
    json_t *where;
    char shown[2][NAME_TEXT];
    json_object_foreach((json_t *)(uintptr_t)map, name, where)
    {
        const char *in = json_string_value(where);
        if (in == NULL) {
            return error_set(x->error, FOV_E_INPUT, "%s: tensor \"%s\" is in no file", x->path,
                             text_escape(shown[0], NAME_TEXT, name));
        }
        if (shard_named(x, in) < 0 && open_shard(x, in) != FOV_OK) {
            return (int)x->error->status;
        }
        if (safetensors_find(&x->file->shards[shard_named(x, in)], name) == NULL) {
            return error_set(x->error, FOV_E_INPUT, "%s: tensor \"%s\" is not in %s", x->path,
                             text_escape(shown[0], NAME_TEXT, name), text_escape(shown[1], NAME_TEXT, in));
        }
    }
    return FOV_OK;
}

/* Lists the tensors of all files; the index must assign each tensor to the file that holds it. */
static int gather(struct indexing *x, const json_t *map)
{
    struct safetensors *file = x->file;
    size_t total = 0, folder = strlen(x->folder);
    char shown[NAME_TEXT];
    for (size_t i = 0; i < file->shard_count; i++) {
        total += file->shards[i].count;
    }
    file->tensors = memory_allocate(file->memory, total, sizeof *file->tensors, "safetensors index", x->error);
    file->by_name = memory_allocate(file->memory, total, sizeof *file->by_name, "safetensors index", x->error);
    if (file->tensors == NULL || file->by_name == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t i = 0; i < file->shard_count; i++) {
        const struct safetensors *shard = &file->shards[i];
        for (size_t k = 0; k < shard->count; k++) {
            const char *in = json_string_value(json_object_get(map, shard->tensors[k].name));
            if (in == NULL || strcmp(in, shard->file + folder) != 0) {
                return error_set(x->error, FOV_E_INPUT, "%s: tensor \"%s\" of %s does not stand in the index as its",
                                 x->path, text_escape(shown, sizeof shown, shard->tensors[k].name), shard->file);
            }
            file->tensors[file->count] = shard->tensors[k];
            file->by_name[file->count] = &file->tensors[file->count];
            file->count++;
        }
    }
    qsort(file->by_name, file->count, sizeof *file->by_name, compare_name);
    return FOV_OK;
}

static int read_index(struct indexing *x, const uint8_t *bytes, size_t size)
{
    struct safetensors *file = x->file;
    json_error_t why;
    size_t held = json_size((const char *)bytes, size);
    if (memory_hold(file->memory, held, "an index of weights", x->error) != FOV_OK) {
        return FOV_E_MEMORY;
    }
    json_t *root = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &why);
    const json_t *map = json_object_get(root, "weight_map");
    int status = FOV_OK;
    if (root == NULL) {
        status = error_set(x->error, FOV_E_INPUT, "%s: line %d: %s", x->path, why.line, why.text);
    } else if (!json_is_object(map) || json_object_size(map) == 0 ||
               json_object_size(map) > SAFETENSORS_MAX_TENSORS) {
        status = error_set(x->error, FOV_E_INPUT, "%s: it has no \"weight_map\" of 1 to %d tensors", x->path,
                           SAFETENSORS_MAX_TENSORS);
    }
    if (status == FOV_OK) {
        size_t most = json_object_size(map) < MOST_SHARDS ? json_object_size(map) : MOST_SHARDS;
        file->shards = memory_allocate(file->memory, most, sizeof *file->shards, "safetensors files", x->error);
        status = file->shards == NULL ? FOV_E_MEMORY : read_map(x, map);
    }
    status = status == FOV_OK ? gather(x, map) : status;
    json_decref(root);
    memory_release(file->memory, held);
    return status;
}

int safetensors_open_index(struct safetensors *file, const char *path, struct memory *memory, struct error *error)
{
    struct indexing x = {.file = file, .path = path, .error = error};
    uint8_t *bytes = NULL;
    size_t size = 0;
    *file = (struct safetensors){.memory = memory};
    const char *slash = strrchr(path, '/');
    size_t length = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    if (length >= sizeof x.folder) {
        return error_set(error, FOV_E_USAGE, "the name of a file is too long");
    }
    memcpy(x.folder, path, length);
    file->file = file->name = memory_copy_text(memory, path, error);
    int status = file->name != NULL ? file_read(path, MOST_INDEX, memory, &bytes, &size, error) : FOV_E_MEMORY;
    status = status == FOV_OK ? read_index(&x, bytes, size) : status;
    memory_free(memory, bytes);
    if (status != FOV_OK) {
        safetensors_close(file);
    }
    return status;
}
