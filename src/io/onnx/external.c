/* SPDX-License-Identifier: MIT */
/* External data. A path from a file is somebody else's text: it must be relative, without "..", and no part of it may
 * be a link (symbolic, or a file with several names); each part is opened from the directory before it, so that nothing
 * can be exchanged between the check and the use. */
#include "io/onnx/external.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    const char *location;
    size_t      offset, length;
    bool        has_length;
};

static int fail(const struct onnx_model *model, const struct onnx_tensor *tensor, struct error *error, const char *what)
{
    char name[ONNX_NAME_TEXT];
    return error_set(error, FOV_E_INPUT, "%s: byte %zu: tensor \"%s\": external_data: %s", model->file, tensor->offset,
                     text_escape(name, sizeof name, tensor->name), what);
}

static int read_place(const struct onnx_model *model, const struct onnx_tensor *tensor, struct place *place,
                      struct error *error)
{
    *place = (struct place){0};
    for (size_t i = 0; i < tensor->external_count; i++) {
        const struct onnx_text *entry = &tensor->external[i];
        long long               value = 0;
        if (strcmp(entry->key, "location") == 0) {
            place->location = entry->value;
        } else if (strcmp(entry->key, "offset") == 0 || strcmp(entry->key, "length") == 0) {
            if (!text_to_integer(entry->value, 0, INT64_MAX, &value)) {
                return fail(model, tensor, error, "offset or length is not a whole number of 0 or more");
            }
            if (entry->key[0] == 'o') {
                place->offset = (size_t)value;
            } else {
                place->length = (size_t)value;
                place->has_length = true;
            }
        } else if (strcmp(entry->key, "checksum") != 0) {
            return fail(model, tensor, error, "an unknown key");
        }
    }
    return place->location == NULL || place->location[0] == '\0' ? fail(model, tensor, error, "location is missing")
                                                                 : 0;
}

/** Opens directory/location part by part without following links; -1 and an error. */
static int open_inside(const struct onnx_model *model, const struct onnx_tensor *tensor, const char *directory,
                       const char *location, struct error *error)
{
    char part[256];
    if (location[0] == '/') {
        fail(model, tensor, error, "the path is absolute and escapes the model's directory");
        return -1;
    }
    int at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (at >= 0) {
        size_t length = strcspn(location, "/");
        bool   is_last = location[length] == '\0';
        if (length == 0 || length >= sizeof part || (length == 2 && memcmp(location, "..", 2) == 0)) {
            close(at);
            fail(model, tensor, error, "the path escapes the model's directory or is malformed");
            return -1;
        }
        memcpy(part, location, length);
        part[length] = '\0';
        int next = openat(at, part, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (is_last ? 0 : O_DIRECTORY));
        int reason = errno;
        close(at);
        errno = reason;
        at = next;
        if (is_last) {
            break;
        }
        location += length + 1;
    }
    if (at < 0) {
        char text[ONNX_NAME_TEXT];
        snprintf(text, sizeof text, "cannot open it: %s", errno == ELOOP ? "links are not followed" : strerror(errno));
        fail(model, tensor, error, text);
    }
    return at;
}

/** The file with the tensor's data, opened once for all tensors that lie in it. NULL and an error. */
static struct onnx_outside *open_outside(struct onnx_model *model, const struct onnx_tensor *tensor,
                                         const char *directory, const char *location, struct error *error)
{
    struct onnx_outside *outside = model->outside;
    struct stat          about;
    while (outside != NULL && strcmp(outside->location, location) != 0) {
        outside = outside->next;
    }
    if (outside != NULL) {
        return outside;
    }
    int file = open_inside(model, tensor, directory, location, error);
    if (file < 0) {
        return NULL;
    }
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode) || about.st_nlink > 1) {
        close(file);
        fail(model, tensor, error, "not a regular file with one name");
        return NULL;
    }
    outside = arena_take(model->arena, 1, sizeof *outside);
    if (outside == NULL) {
        close(file);
        return NULL;
    }
    outside->location = location;
    if (file_map_opened(&outside->map, file, location, model->arena->memory, error) != 0) {
        return NULL;
    }
    outside->next = model->outside;
    model->outside = outside;
    return outside;
}

const struct onnx_tensor *onnx_external(struct onnx_model *model, const struct onnx_tensor *tensor,
                                        const char *directory, struct error *error)
{
    struct place place;
    if (tensor->raw != NULL || tensor->typed_fields != 0) {
        fail(model, tensor, error, "the tensor has data in the model, too");
        return NULL;
    }
    if (directory == NULL) {
        fail(model, tensor, error, "a model in memory has no directory");
        return NULL;
    }
    if (read_place(model, tensor, &place, error) != 0) {
        return NULL;
    }
    struct onnx_outside *outside = open_outside(model, tensor, directory, place.location, error);
    if (outside == NULL) {
        return NULL;
    }
    size_t size = outside->map.size;
    if (place.offset > size || (place.has_length && place.length > size - place.offset)) {
        fail(model, tensor, error, "offset and length reach beyond the file's end");
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
