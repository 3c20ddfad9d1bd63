/* SPDX-License-Identifier: MIT */
/* Metadata of model files. Preprocessing stands in the file so that a prediction anywhere starts from the same pixels;
 * class names are written as a JSON list under "names", the key that other tools use too. */
#include "model/metadata.h"
#include "base/text.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_LIMIT = 1000000, DEPTH = 4 };

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static json_t *number_list(const float values[DEPTH])
{
    json_t *list = json_array();
    for (int i = 0; i < DEPTH; i++) {
        json_array_append_new(list, json_real((double)values[i]));
    }
    return list;
}

static char *preprocessing_text(const fov_preprocessing *preprocessing)
{
    /* 9 digits are enough for any float to come back as it was. */
    json_t *object = json_pack("{s:s, s:s, s:o, s:o, s:i}", "scale", "0..1", "resize", "bilinear, antialiased", "mean",
                               number_list(preprocessing->mean), "deviation", number_list(preprocessing->deviation),
                               "pad", preprocessing->pad);
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    return text;
}

static char *names_text(const fov_model *model)
{
    json_t *list = json_array();
    for (int i = 0; list != NULL && i < model->class_count; i++) {
        if (json_array_append_new(list, json_string(model->class_names[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    char *text = list != NULL ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    return text;
}

int metadata_make(const fov_model *model, struct metadata *metadata, struct error *error)
{
    *metadata = (struct metadata){0};
    metadata->entries[metadata->count++] = (struct onnx_text){"fovea.version", fov_version()};
    if (model->name[0] != '\0') {
        metadata->entries[metadata->count++] = (struct onnx_text){"fovea.network", model->name};
    }
    metadata->preprocessing = preprocessing_text(&model->preprocessing);
    if (metadata->preprocessing == NULL) {
        return error_set(error, FOV_E_USAGE,
                         "the preprocessing cannot be written: a mean or deviation is not a number");
    }
    metadata->entries[metadata->count++] = (struct onnx_text){"fovea.preprocessing", metadata->preprocessing};
    if (model->class_count > 0) {
        metadata->names = names_text(model);
        if (metadata->names == NULL) {
            metadata_free(metadata);
            return error_set(error, FOV_E_USAGE,
                             "the class names cannot be written: one is not UTF-8, or memory is short");
        }
        metadata->entries[metadata->count++] = (struct onnx_text){"names", metadata->names};
    }
    return 0;
}

void metadata_free(struct metadata *metadata)
{
    free(metadata->preprocessing);
    free(metadata->names);
    *metadata = (struct metadata){0};
}

/* ---- preprocessing ----------------------------------------------------------------------------------------------- */

static bool take_numbers(const json_t *list, float out[DEPTH])
{
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > DEPTH) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *number = json_array_get(list, i);
        out[i] = (float)json_number_value(number);
        if (!json_is_number(number) || !isfinite(out[i])) {
            return false;
        }
    }
    return true;
}

static int take_preprocessing(fov_model *model, const char *file, const char *text)
{
    fov_preprocessing preprocessing = {0};
    json_t           *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const json_t     *pad = json_object_get(object, "pad");
    bool              good = take_numbers(json_object_get(object, "mean"), preprocessing.mean) &&
                take_numbers(json_object_get(object, "deviation"), preprocessing.deviation);
    if (pad != NULL) {
        json_int_t pixels = json_integer_value(pad);
        good = good && json_is_integer(pad) && pixels >= 0 && pixels <= 16384;
        preprocessing.pad = good ? (int)pixels : 0;
    }
    json_decref(object);
    if (!good) {
        return error_set(&model->context->error, FOV_E_INPUT,
                         "%s: metadata \"fovea.preprocessing\": expected a JSON object "
                         "with mean, deviation and pad",
                         file);
    }
    model->preprocessing = preprocessing;
    return 0;
}

/* ---- class names ------------------------------------------------------------------------------------------------- */

/** Names by index; a file may give them in any order. */
struct names {
    struct memory *memory;
    struct error  *error;
    char         **at;
    size_t         count, capacity;
};

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

static int read_json_names(struct names *names, const json_t *json)
{
    int status = 0;
    if (json_is_array(json)) {
        for (size_t i = 0; !status && i < json_array_size(json); i++) {
            const char *name = json_string_value(json_array_get(json, i));
            status = name != NULL ? put_name(names, (long long)i, name) : FOV_E_INPUT;
        }
        return status;
    }
    const char *key;
    json_t     *value;
    json_object_foreach((json_t *)json, key, value)
    {
        long long index;
        if (!json_is_string(value) || !text_to_integer(key, 0, NAMES_LIMIT - 1, &index)) {
            return FOV_E_INPUT;
        }
        status = put_name(names, index, json_string_value(value));
        if (status) {
            return status;
        }
    }
    return json_is_object(json) ? 0 : FOV_E_INPUT;
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
        status = name.failed ? FOV_E_MEMORY : put_name(names, index, text_string(&name));
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

static int read_names(struct names *names, const char *text)
{
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    int     status = json != NULL ? read_json_names(names, json) : read_dict_names(names, skip_spaces(text));
    json_decref(json);
    for (size_t i = 0; !status && i < names->count; i++) {
        status = names->at[i] == NULL ? FOV_E_INPUT : 0; /* a gap in the numbers */
    }
    return status;
}

static int take_names(fov_model *model, const char *file, const char *text, bool ours)
{
    struct names names = {.memory = model->context->memory, .error = &model->context->error};
    int          status = read_names(&names, text);
    int          outputs = fov_model_classes(model);
    if (status == FOV_E_INPUT || (!status && names.count > 0 && outputs > 0 && (size_t)outputs != names.count)) {
        /* A detector's names are not one per output, and other tools' notes are their own business. */
        context_log(model->context, FOV_LOG_WARNING,
                    "%s: metadata \"names\": %zu names do not fit %d outputs: left out", file, names.count, outputs);
        status = ours ? (int)error_set(&model->context->error, FOV_E_INPUT,
                                       "%s: metadata \"names\": expected a JSON list with a name per output (%d)", file,
                                       outputs)
                      : 0;
    } else if (!status && names.count > 0) {
        status = fov_model_set_classes(model, (const char *const *)names.at, (int)names.count);
    }
    for (size_t i = 0; i < names.count; i++) {
        memory_free(names.memory, names.at[i]);
    }
    memory_free(names.memory, names.at);
    return status;
}

int metadata_take(fov_model *model, const char *file, const struct onnx_text *entries, int count)
{
    int  status = 0;
    bool ours = false;
    for (int i = 0; i < count; i++) {
        ours |= strcmp(entries[i].key, "fovea.version") == 0;
    }
    for (int i = 0; !status && i < count; i++) {
        if (strcmp(entries[i].key, "fovea.network") == 0) {
            fov_model_set_name(model, entries[i].value);
        } else if (strcmp(entries[i].key, "fovea.preprocessing") == 0) {
            status = take_preprocessing(model, file, entries[i].value);
        } else if (strcmp(entries[i].key, "names") == 0) {
            status = take_names(model, file, entries[i].value, ours);
        }
    }
    return status;
}
