/* SPDX-License-Identifier: MIT */
/* External data. A path from a file is somebody else's text: it must be relative, without "..", and no part of it may be a
 * link (symbolic, or a file with several names); each part is opened from the directory before it, so that nothing can be
 * exchanged between the check and the use. */
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
    return place->location == NULL || place->location[0] == '\0' ? fail(model, tensor, error, "location is missing") : 0;
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

static int read_all(int file, uint8_t *bytes, size_t count, size_t offset)
{
    while (count > 0) {
        ssize_t got = pread(file, bytes, count, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return -1;
        }
        bytes += got;
        offset += (size_t)got;
        count -= (size_t)got;
    }
    return 0;
}

static uint8_t *read_inside(const struct onnx_model *model, const struct onnx_tensor *tensor, int file,
                            struct place *place, struct error *error)
{
    struct stat about;
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode) || about.st_nlink > 1) {
        fail(model, tensor, error, "not a regular file with one name");
        return NULL;
    }
    size_t size = (size_t)about.st_size;
    if (place->offset > size || (place->has_length && place->length > size - place->offset)) {
        fail(model, tensor, error, "offset and length reach beyond the file's end");
        return NULL;
    }
    if (!place->has_length) {
        place->length = size - place->offset;
    }
    uint8_t *bytes = arena_take(model->arena, place->length, 1);
    if (bytes != NULL && read_all(file, bytes, place->length, place->offset) != 0) {
        fail(model, tensor, error, "the file changed or cannot be read");
        return NULL;
    }
    return bytes;
}

const struct onnx_tensor *onnx_external(const struct onnx_model *model, const struct onnx_tensor *tensor,
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
    int file = open_inside(model, tensor, directory, place.location, error);
    if (file < 0) {
        return NULL;
    }
    struct onnx_tensor *copy = arena_take(model->arena, 1, sizeof *copy);
    uint8_t            *bytes = copy != NULL ? read_inside(model, tensor, file, &place, error) : NULL;
    close(file);
    if (bytes == NULL) {
        return NULL;
    }
    *copy = *tensor;
    copy->is_external = false;
    copy->raw = bytes;
    copy->raw_size = place.length;
    return copy;
}
