/* SPDX-License-Identifier: MIT */
/* Parses class names: a JSON list or object, Ultralytics' Python dict, or one name on each line. The text comes from a
 * model file's metadata (metadata.c) or from a file of names (fov_model_read_classes). */
#include "base/file.h"
#include "io/json_walk.h"
#include "model/metadata.h"
#include <stdlib.h>
#include <string.h>

enum { NAMES_LIMIT = 1000000 };

/** Names by index; a file may give them in any order. */
struct names {
    struct memory *memory;
    struct error  *error;
    char         **at;
    size_t         count, capacity;
};

/* Sets the error of a struct text that failed to grow, since that sets none itself. */
static int memory_short(const struct names *names)
{
    return error_set(names->error, FOV_E_MEMORY, "out of memory: class names");
}

static int put_name(struct names *names, long long index, const char *name)
{
    if (index < 0 || index >= NAMES_LIMIT) {
        return FOV_E_INPUT;
    }
    while (names->count <= (size_t)index) {
        if (memory_grow(names->memory, (void **)&names->at, &names->capacity, names->count, sizeof *names->at,
                        "class names", names->error)) {
            return FOV_E_MEMORY;
        }
        names->at[names->count++] = NULL;
    }
    if (names->at[index] != NULL) {
        return FOV_E_INPUT;
    }
    names->at[index] = memory_copy_text(names->memory, name, names->error);
    return names->at[index] == NULL ? FOV_E_MEMORY : 0;
}

/* Reads a name, "tench", or a list that ends in it: ["n01440764", "tench"] */
static bool read_json_name(struct json_walk *walk)
{
    enum walk_kind kind = walk_value(walk), last = kind;
    for (size_t count = 0; kind == WALK_LIST && walk_more(walk, ']', &count);) {
        last = walk_value(walk);
        walk_leave(walk, last);
    }
    return last == WALK_TEXT;
}

static int read_json_names(struct names *names, struct json_walk *walk)
{
    enum walk_kind kind = walk_value(walk);
    int            status = kind == WALK_LIST || kind == WALK_OBJECT ? FOV_OK : FOV_E_INPUT;
    for (size_t count = 0; !status && walk_more(walk, kind == WALK_LIST ? ']' : '}', &count);) {
        long long index = (long long)count - 1;
        if (kind == WALK_OBJECT) {
            walk_key(walk);
            status = text_to_integer(text_string(&walk->text), 0, NAMES_LIMIT - 1, &index) ? FOV_OK : FOV_E_INPUT;
        }
        bool is_name = kind == WALK_LIST ? walk_value(walk) == WALK_TEXT : read_json_name(walk);
        if (!status) {
            status = walk->text.failed ? memory_short(names)
                     : is_name         ? put_name(names, index, text_string(&walk->text))
                                       : FOV_E_INPUT;
        }
    }
    return !status && !walk_ends(walk) ? FOV_E_INPUT : status;
}

static const char *skip_spaces(const char *text)
{
    return text + strspn(text, " \t\r\n");
}

/** A Python string in either kind of quotes; \' \" \\ and the like are unescaped. Returns what follows it, or NULL. */
static const char *read_quoted(const char *text, struct text *out)
{
    char quote = *text++;
    out->length = 0;
    text_add_bytes(out, "", 0);
    for (; *text != '\0' && *text != quote; text++) {
        char c = *text;
        if (c == '\\') {
            c = *++text;
            if (c == '\0') {
                return NULL;
            }
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        text_add_bytes(out, &c, 1);
    }
    return *text == quote ? text + 1 : NULL;
}

/** {0: 'person', 1: "o'clock"}: what Ultralytics writes. */
static int read_dict_names(struct names *names, const char *text)
{
    struct text name = {.memory = names->memory};
    int         status = 0;
    if (*text != '{') {
        return FOV_E_INPUT;
    }
    text = skip_spaces(text + 1);
    while (!status && *text != '}') {
        char     *end;
        long long index = strtoll(text, &end, 10);
        if (end == text || *(text = skip_spaces(end)) != ':') {
            status = FOV_E_INPUT;
            break;
        }
        text = skip_spaces(text + 1);
        text = *text == '\'' || *text == '"' ? read_quoted(text, &name) : NULL;
        if (text == NULL) {
            status = FOV_E_INPUT;
            break;
        }
        status = name.failed ? memory_short(names) : put_name(names, index, text_string(&name));
        text = skip_spaces(text);
        if (*text == ',') {
            text = skip_spaces(text + 1);
        } else if (*text != '}') {
            status = status ? status : FOV_E_INPUT;
        }
    }
    text_free(&name);
    return status;
}

static void free_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        memory_free(names->memory, names->at[i]);
    }
    memory_free(names->memory, names->at);
    names->at = NULL;
    names->count = names->capacity = 0;
}

static int read_names(struct names *names, const char *text)
{
    struct json_walk walk = {.at = text, .text = {.memory = names->memory}};
    int              status = read_json_names(names, &walk);
    if (status == FOV_E_INPUT && walk.wrong) {
        free_names(names);
        status = read_dict_names(names, skip_spaces(text));
    }
    walk_close(&walk);
    for (size_t i = 0; !status && i < names->count; i++) {
        status = names->at[i] == NULL ? FOV_E_INPUT : 0; /* a gap in the numbers */
    }
    return status;
}

/* Names that do not fit are an error only in fovea's own files: other tools may keep anything under this key, and a
 * detector's names are not one for each number of its output. */
int metadata_take_names(fov_model *model, const char *file, const char *text, bool ours, bool *taken)
{
    struct error *error = &model->context->error;
    struct names names = {.memory = model->context->memory, .error = error};
    int          status = read_names(&names, text);
    if (!status && names.count > 0) {
        status = fov_model_set_classes(model, (const char *const *)names.at, (int)names.count);
        *taken = status == FOV_OK;
    }
    if (status == FOV_E_SHAPE && !ours) {
        error_clear(error);
    }
    if (status == FOV_E_INPUT || status == FOV_E_SHAPE) {
        int classes = fov_model_classes(model);
        context_log(model->context, FOV_LOG_WARNING,
                    "%s: metadata \"names\": %zu names do not fit %d classes: not used", file, names.count, classes);
        error_clear(error);
        status = ours ? (int)error_set(error, FOV_E_INPUT,
                                       "%s: metadata \"names\": expected a JSON list with a name per class (%d)", file,
                                       classes)
                      : FOV_OK;
    }
    free_names(&names);
    return status;
}

/* Reads one name from each line, without trailing spaces; empty lines at the end are ignored. */
static int read_lines(struct names *names, const char *text)
{
    struct text line = {.memory = names->memory};
    int         status = 0;
    size_t      all = strlen(text);
    while (all > 0 && strchr(" \t\r\n", text[all - 1]) != NULL) {
        all--;
    }
    for (size_t at = 0; !status && at < all;) {
        size_t length = strcspn(text + at, "\n"), kept = at + length < all ? length : all - at;
        while (kept > 0 && strchr(" \t\r", text[at + kept - 1]) != NULL) {
            kept--;
        }
        line.length = 0;
        text_add_bytes(&line, text + at, kept);
        text_add_bytes(&line, "", 0);
        status = line.failed ? memory_short(names) : put_name(names, (long long)names->count, text_string(&line));
        at += length + 1;
    }
    text_free(&line);
    return status;
}

int fov_model_read_classes(fov_model *model, const char *path)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    if (path == NULL) {
        return call_refuse(model->context, "fov_model_read_classes: path is NULL");
    }
    enum { MOST = 16 << 20 }; /* bytes */
    struct error *error = &model->context->error;
    struct names  names = {.memory = model->context->memory, .error = error};
    uint8_t      *bytes = NULL;
    size_t        size;
    int           status = file_read(path, MOST, names.memory, &bytes, &size, error);
    if (!status) {
        const char *mark = "\xef\xbb\xbf"; /* a byte order mark, as some editors put it */
        size_t      skipped = strncmp((const char *)bytes, mark, 3) == 0 ? 3 : 0;
        const char *text = (const char *)bytes + skipped, *start = skip_spaces(text);
        bool        is_json = *start == '[' || *start == '{';
        status = strlen(text) < size - skipped ? FOV_E_INPUT
                 : is_json                     ? read_names(&names, start)
                                               : read_lines(&names, text);
        if (status == FOV_E_INPUT) {
            status = error_set(error, FOV_E_INPUT,
                               "%s: neither a name to a line, nor a list or dictionary with a name for each number",
                               path);
        }
    }
    if (!status && (names.count > INT32_MAX || model->output.id == 0 ||
                    !model_takes_names(model, model->output, (int)names.count))) {
        status = error_set(error, FOV_E_INPUT, "%s: %zu names, the model has %d classes", path, names.count,
                           fov_model_classes(model));
    }
    if (!status) {
        status = fov_model_set_classes(model, (const char *const *)names.at, (int)names.count);
    }
    free_names(&names);
    memory_free(model->context->memory, bytes);
    return status;
}
