/* SPDX-License-Identifier: MIT */
/* External data. A location in a model is untrusted text: it must be relative, without "..", unless the user allowed a
 * folder. Links are followed, as caches of models consist of them, but their target must lie in a tree that the user
 * has named: the folder of the model, the folder of the file that the model's name leads to, or the allowed folder. The
 * real path is then opened component by component from that tree's root without following links, so that nothing can be
 * exchanged between the check and the use. */
#include "io/onnx/external.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    const char *location;
    size_t      offset, length;
    bool        has_length;
};

/* Room for the longest error message about a tensor: two names and some words. */
enum { REASON_TEXT = 2 * ONNX_NAME_TEXT + 300 };

static int fail(const struct onnx_model *model, const struct onnx_tensor *tensor, struct error *error, const char *what)
{
    char name[ONNX_NAME_TEXT];
    return error_set(error, FOV_E_INPUT, "%s: byte %zu: tensor \"%s\": external_data: %s", model->file, tensor->offset,
                     text_escape(name, sizeof name, tensor->name), what);
}

/* Keys that do not say where the bytes lie, and are ignored: a checksum that is not verified, a folder that the onnx
 * package notes for itself, and weights that ONNX Runtime has packed for its own kernels. */
static bool is_other_key(const char *key)
{
    return strcmp(key, "checksum") == 0 || strcmp(key, "basepath") == 0 ||
           strncmp(key, "prepacked", strlen("prepacked")) == 0;
}

static int read_place(const struct onnx_model *model, const struct onnx_tensor *tensor, struct place *place,
                      struct error *error)
{
    char reason[REASON_TEXT], key[ONNX_NAME_TEXT], text[ONNX_NAME_TEXT];
    *place = (struct place){0};
    for (size_t i = 0; i < tensor->external_count; i++) {
        const struct onnx_text *entry = &tensor->external[i];
        long long               value = 0;
        if (strcmp(entry->key, "location") == 0) {
            place->location = entry->value;
        } else if (strcmp(entry->key, "offset") == 0 || strcmp(entry->key, "length") == 0) {
            if (!text_to_integer(entry->value, 0, INT64_MAX, &value)) {
                snprintf(reason, sizeof reason, "%s \"%s\" is not a whole number of 0 or more", entry->key,
                         text_escape(text, sizeof text, entry->value));
                return fail(model, tensor, error, reason);
            }
            if (entry->key[0] == 'o') {
                place->offset = (size_t)value;
            } else {
                place->length = (size_t)value;
                place->has_length = true;
            }
        } else if (!is_other_key(entry->key)) {
            snprintf(reason, sizeof reason, "an unknown key \"%s\"", text_escape(key, sizeof key, entry->key));
            return fail(model, tensor, error, reason);
        }
    }
    return place->location == NULL || place->location[0] == '\0' ? fail(model, tensor, error, "location is missing")
                                                                 : 0;
}

/* ---- the folders that are allowed -------------------------------------------------------------------------------- */

/* Whether a path leads downwards by its text: neither absolute nor with "..", nor with an empty component. */
static bool goes_down(const char *location)
{
    if (location[0] == '/') {
        return false;
    }
    for (const char *part = location;; part += strcspn(part, "/") + 1) {
        size_t length = strcspn(part, "/");
        if (length == 0 || (length == 2 && memcmp(part, "..", 2) == 0)) {
            return false;
        }
        if (part[length] == '\0') {
            return true;
        }
    }
}

/* The rest of `path` below `tree`; NULL: `path` does not lie in it. Both are real paths. */
static const char *path_below(const char *tree, const char *path)
{
    size_t length = strlen(tree);
    length -= length > 0 && tree[length - 1] == '/';
    return strncmp(tree, path, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

/* Opens tree/path component by component and refuses links among them. */
static int open_below(const char *tree, const char *path)
{
    char part[NAME_MAX + 1];
    int  at = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (at >= 0) {
        size_t length = strcspn(path, "/");
        bool   is_last = path[length] == '\0';
        if (length >= sizeof part) {
            close(at);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(part, path, length);
        part[length] = '\0';
        int next = openat(at, part, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (is_last ? 0 : O_DIRECTORY));
        int reason = errno;
        close(at);
        errno = reason;
        at = next;
        if (is_last) {
            break;
        }
        path += length + 1;
    }
    return at;
}

/* Where the model's name is a link: the folder of the file that it leads to, to be freed with free(). NULL
 * otherwise. */
static char *store_of(const char *file)
{
    struct stat about;
    char       *real = lstat(file, &about) == 0 && S_ISLNK(about.st_mode) ? realpath(file, NULL) : NULL;
    char       *slash = real != NULL ? strrchr(real, '/') : NULL;
    if (slash != NULL) {
        slash[slash == real] = '\0'; /* "/" stays */
    }
    return real;
}

/** Opens the file that a location leads to, if it lies in an allowed folder; else -1 and an error. */
static int open_allowed(const struct onnx_model *model, const struct onnx_tensor *tensor,
                        const struct onnx_places *places, const char *location, struct error *error)
{
    char reason[REASON_TEXT], text[ONNX_NAME_TEXT], path[PATH_MAX];
    if (places->allowed == NULL && !goes_down(location)) {
        snprintf(reason, sizeof reason,
                 "the path \"%s\" escapes the model's directory or is malformed (--allow-external FOLDER allows one)",
                 text_escape(text, sizeof text, location));
        fail(model, tensor, error, reason);
        return -1;
    }
    int length = location[0] == '/' ? snprintf(path, sizeof path, "%s", location)
                                    : snprintf(path, sizeof path, "%s/%s", places->directory, location);
    bool  fits = length > 0 && (size_t)length < sizeof path;
    char *real = fits ? realpath(path, NULL) : NULL;
    int   file = -1, reason_number = fits ? errno : ENAMETOOLONG;
    if (real == NULL) {
        snprintf(reason, sizeof reason, "cannot open \"%s\": %s", text_escape(text, sizeof text, location),
                 strerror(reason_number));
        fail(model, tensor, error, reason);
        return -1;
    }
    char *trees[] = {realpath(places->directory, NULL), store_of(model->file),
                     places->allowed != NULL ? realpath(places->allowed, NULL) : NULL};
    bool  found = false;
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
        const char *below = !found && trees[i] != NULL ? path_below(trees[i], real) : NULL;
        if (below != NULL) {
            found = true;
            file = open_below(trees[i], below);
            reason_number = errno;
        }
        free(trees[i]);
    }
    if (!found) {
        snprintf(reason, sizeof reason,
                 "\"%s\" leads to %s, outside of the model's folder and store: --allow-external FOLDER allows it",
                 text_escape(text, sizeof text, location), text_clean(path, ONNX_NAME_TEXT, real));
        fail(model, tensor, error, reason);
    } else if (file < 0) {
        snprintf(reason, sizeof reason, "cannot open \"%s\": %s", text_escape(text, sizeof text, location),
                 strerror(reason_number));
        fail(model, tensor, error, reason);
    }
    free(real);
    return file;
}

/* ---- open files -------------------------------------------------------------------------------------------------- */

/** The file with the tensor's data, opened once for all tensors that lie in it, however they spell its name. NULL and
 *  an error where it cannot be opened. */
static struct onnx_outside *open_outside(struct onnx_model *model, const struct onnx_tensor *tensor,
                                         const struct onnx_places *places, const char *location, struct error *error)
{
    struct onnx_outside *outside = model->outside;
    struct stat          about;
    while (outside != NULL && strcmp(outside->location, location) != 0) {
        outside = outside->next;
    }
    if (outside != NULL) {
        return outside;
    }
    int file = open_allowed(model, tensor, places, location, error);
    if (file < 0) {
        return NULL;
    }
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
        close(file);
        fail(model, tensor, error, "not a regular file");
        return NULL;
    }
    for (outside = model->outside; outside != NULL; outside = outside->next) {
        if (outside->device == about.st_dev && outside->inode == about.st_ino) {
            close(file);
            return outside;
        }
    }
    outside = arena_take(model->arena, 1, sizeof *outside);
    if (outside == NULL) {
        close(file);
        return NULL;
    }
    outside->location = location;
    outside->device = about.st_dev;
    outside->inode = about.st_ino;
    if (file_map_opened(&outside->map, file, location, model->arena->memory, error) != 0) {
        return NULL;
    }
    outside->next = model->outside;
    model->outside = outside;
    return outside;
}

const struct onnx_tensor *onnx_external(struct onnx_model *model, const struct onnx_tensor *tensor,
                                        const struct onnx_places *places, struct error *error)
{
    struct place place;
    if (tensor->raw != NULL || tensor->typed_fields != 0) {
        fail(model, tensor, error, "the tensor has data in the model, too");
        return NULL;
    }
    if (places->directory == NULL) {
        fail(model, tensor, error, "a model in memory has no directory");
        return NULL;
    }
    if (read_place(model, tensor, &place, error) != 0) {
        return NULL;
    }
    struct onnx_outside *outside = open_outside(model, tensor, places, place.location, error);
    if (outside == NULL) {
        return NULL;
    }
    size_t size = outside->map.size;
    if (place.offset > size || (place.has_length && place.length > size - place.offset)) {
        char reason[REASON_TEXT];
        snprintf(reason, sizeof reason, "offset %zu and length %zu reach beyond the file's end (%zu bytes)",
                 place.offset, place.has_length ? place.length : 0, size);
        fail(model, tensor, error, reason);
        return NULL;
    }
    struct onnx_tensor *copy = arena_take(model->arena, 1, sizeof *copy);
    if (copy == NULL) {
        return NULL;
    }
    *copy = *tensor;
    copy->is_external = false;
    copy->outside = outside;
    copy->raw = outside->map.bytes + place.offset;
    copy->raw_size = place.has_length ? place.length : size - place.offset;
    return copy;
}

void onnx_external_close(struct onnx_model *model)
{
    for (struct onnx_outside *outside = model->outside; outside != NULL; outside = outside->next) {
        file_source_close(outside->source);
        file_unmap(&outside->map);
    }
    model->outside = NULL;
}
