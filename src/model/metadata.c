/* SPDX-License-Identifier: MIT */
/* Metadata of model files. Preprocessing stands in the file so that a prediction anywhere starts from the same pixels;
 * class names are written as a JSON list under "names", the key that other tools use too; what other programs wrote
 * there goes out again as it came in. */
#include "model/metadata.h"
#include "base/file.h"
#include "base/text.h"
#include "io/json_size.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_LIMIT = 1000000, DEPTH = 4, OWN_ENTRIES = 9 };

static const char key_version[] = "fovea.version", key_network[] = "fovea.network",
                  key_preprocessing[] = "fovea.preprocessing", key_output[] = "fovea.output",
                  key_outputs[] = "fovea.outputs", key_names[] = "names", key_layout[] = "fovea.layout",
                  key_auxiliary[] = "fovea.auxiliary", key_task[] = "fovea.task",
                  key_other_names[] = "fovea.names"; /* there where "names" is another program's */

static const char *find(const struct onnx_text *entries, int count, const char *key)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(entries[i].key, key) == 0) {
            return entries[i].value;
        }
    }
    return NULL;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static json_t *number_list(const float values[DEPTH])
{
    json_t *list = json_array();
    for (int i = 0; i < DEPTH; i++) {
        json_array_append_new(list, json_real((double)values[i]));
    }
    return list;
}

/* By their enumerations; absent where nothing is said. */
static const char *const fit_names[] = {"", "stretch", "crop", "pad", "ink"};
static const char *const invert_names[] = {"", "no", "yes", "auto"};
static const char *const letterboxes[] = {"none", "corner", "centred"};

/* What differs from the usual stands in keys of its own, so that files of before are read as they were meant. */
static json_t *preprocessing_json(const fov_preprocessing *p)
{
    json_t *scale = p->scale > 0 ? json_real((double)p->scale) : json_string("0..1");
    json_t *object = json_pack("{s:o, s:s, s:o, s:o, s:i}", "scale", scale, "resize", "bilinear, antialiased", "mean",
                               number_list(p->mean), "deviation", number_list(p->deviation), "pad", p->pad);
    int failed = object == NULL;
    failed |= p->bgr ? json_object_set_new(object, "channels", json_string("bgr")) : 0;
    failed |= p->shorter > 0 ? json_object_set_new(object, "shorter", json_integer(p->shorter)) : 0;
    failed |= p->crop > 0 ? json_object_set_new(object, "crop", json_integer(p->crop)) : 0;
    failed |= p->letterbox != 0 ? json_object_set_new(object, "letterbox", json_string(letterboxes[p->letterbox])) : 0;
    failed |= p->fit != FOV_FIT_UNSAID ? json_object_set_new(object, "fit", json_string(fit_names[p->fit])) : 0;
    failed |= p->invert != FOV_INVERT_UNSAID
                  ? json_object_set_new(object, "invert", json_string(invert_names[p->invert]))
                  : 0;
    if (failed) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static char *preprocessing_text(const fov_preprocessing *preprocessing)
{
    /* 9 digits are enough for any float to come back as it was. */
    json_t *object = preprocessing_json(preprocessing);
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

/* {"logits": "logits", "mask": "map"} */
static char *outputs_text(const fov_model *model)
{
    json_t *object = json_object();
    for (int i = 0; object != NULL && i < model->output_count; i++) {
        const struct model_output *output = &model->outputs[i];
        /* A name that is not UTF-8 is left out: what it means is found again. */
        json_object_set_new(object, fov_value_name(model->graph, output->value),
                            json_string(fov_meaning_name(output->meaning)));
    }
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

/* {"aux1.fc2": 0.3}; NULL where no output is one. */
static char *auxiliary_text(const fov_model *model)
{
    json_t *object = json_object();
    for (int i = 0; object != NULL && i < model->output_count; i++) {
        const struct model_output *output = &model->outputs[i];
        if (output->auxiliary > 0) {
            json_object_set_new(object, fov_value_name(model->graph, output->value),
                                json_real((double)output->auxiliary));
        }
    }
    char *text = json_object_size(object) > 0 ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    return text;
}

static void add_entry(struct metadata *metadata, const char *key, const char *value)
{
    metadata->entries[metadata->count++] = (struct onnx_text){key, value};
}

static int add_entries(const fov_model *model, struct metadata *metadata, struct error *error)
{
    metadata->preprocessing = preprocessing_text(&model->preprocessing);
    metadata->outputs = outputs_text(model);
    metadata->auxiliary = auxiliary_text(model);
    metadata->names = model->class_count > 0 ? names_text(model) : NULL;
    if (metadata->preprocessing == NULL) {
        return error_set(error, FOV_E_USAGE,
                         "the preprocessing cannot be written: a mean or deviation is not a number");
    }
    if (metadata->outputs == NULL || (model->class_count > 0 && metadata->names == NULL)) {
        return error_set(error, FOV_E_USAGE,
                         "the class names cannot be written: one is not UTF-8, or memory is short");
    }
    add_entry(metadata, key_version, fov_version());
    if (model->name[0] != '\0') {
        add_entry(metadata, key_network, model->name);
    }
    if (model->task[0] != '\0') {
        add_entry(metadata, key_task, model->task);
    }
    if (!model->preprocessing_assumed) {
        add_entry(metadata, key_preprocessing, metadata->preprocessing);
    }
    if (model->layout_stated) {
        add_entry(metadata, key_layout, model->layout == FOV_LAYOUT_NHWC ? "nhwc" : "nchw");
    }
    if (model->output.id != model->outputs[0].value.id) {
        add_entry(metadata, key_output, fov_value_name(model->graph, model->output));
    }
    add_entry(metadata, key_outputs, metadata->outputs);
    if (metadata->auxiliary != NULL) {
        add_entry(metadata, key_auxiliary, metadata->auxiliary);
    }
    if (metadata->names != NULL) {
        add_entry(metadata, key_names, metadata->names);
    }
    bool others = metadata->names == NULL && find(model->notes, model->note_count, key_names) != NULL;
    if (others) {
        add_entry(metadata, key_other_names, "not class names of this model, kept as they came");
    }
    for (int i = 0; i < model->note_count; i++) {
        const struct onnx_text *note = &model->notes[i];
        if (others || strcmp(note->key, key_names) != 0) {
            add_entry(metadata, note->key, note->value);
        }
    }
    return FOV_OK;
}

int metadata_make(const fov_model *model, struct metadata *metadata, struct error *error)
{
    *metadata = (struct metadata){.memory = model->context->memory};
    metadata->entries = memory_allocate(metadata->memory, (size_t)model->note_count + OWN_ENTRIES,
                                        sizeof *metadata->entries, "metadata", error);
    int status = metadata->entries == NULL ? FOV_E_MEMORY : add_entries(model, metadata, error);
    if (status != FOV_OK) {
        metadata_free(metadata);
    }
    return status;
}

void metadata_free(struct metadata *metadata)
{
    free(metadata->preprocessing);
    free(metadata->outputs);
    free(metadata->names);
    free(metadata->auxiliary);
    memory_free(metadata->memory, metadata->entries);
    *metadata = (struct metadata){0};
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

/** A parsed text whose memory is held against the limit; `root` NULL: it is no JSON. */
struct parsed {
    json_t        *root;
    struct memory *memory;
    size_t         held;
};

static int parse(struct parsed *parsed, const char *text, struct memory *memory, struct error *error)
{
    size_t length = strlen(text);
    *parsed = (struct parsed){.memory = memory, .held = json_size(text, length)};
    int status = memory_hold(memory, parsed->held, "metadata", error);
    if (status != FOV_OK) {
        parsed->held = 0;
        return status;
    }
    parsed->root = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    return FOV_OK;
}

static void parsed_free(struct parsed *parsed)
{
    json_decref(parsed->root);
    memory_release(parsed->memory, parsed->held);
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

/* A whole number of pixels; absent: 0. */
static bool take_pixels(const json_t *number, int *pixels)
{
    json_int_t value = json_integer_value(number);
    *pixels = value >= 0 && value <= 16384 ? (int)value : 0;
    return number == NULL || (json_is_integer(number) && value >= 0 && value <= 16384);
}

/* "0..1", "0..255" or a factor. */
static bool take_scale(const json_t *json, float *scale)
{
    const char *word = json_string_value(json);
    bool        is_whole = word != NULL && strcmp(word, "0..255") == 0;
    bool        is_word = is_whole || (word != NULL && strcmp(word, "0..1") == 0);
    *scale = json_is_number(json) ? (float)json_number_value(json) : is_whole ? 1.0F : 0.0F;
    return json == NULL || is_word || (json_is_number(json) && *scale > 0 && isfinite(*scale));
}

static bool take_order(const json_t *json, bool *bgr)
{
    const char *word = json_string_value(json);
    *bgr = word != NULL && strcmp(word, "bgr") == 0;
    return json == NULL || *bgr || (word != NULL && strcmp(word, "rgb") == 0);
}

/* One of `count` names; absent: 0. -1: none of them. */
static int take_name(const json_t *json, const char *const *names, int count)
{
    const char *word = json_string_value(json);
    for (int i = 0; word != NULL && i < count; i++) {
        if (strcmp(names[i], word) == 0) {
            return i;
        }
    }
    return json == NULL ? 0 : -1;
}

static int take_preprocessing(fov_model *model, const char *file, const char *text)
{
    fov_preprocessing p = {0};
    struct parsed     parsed;
    if (parse(&parsed, text, model->context->memory, &model->context->error) != FOV_OK) {
        return (int)model->context->error.status;
    }
    const json_t *object = parsed.root;
    int fit = take_name(json_object_get(object, "fit"), fit_names, FOV_FIT_INK + 1);
    int invert = take_name(json_object_get(object, "invert"), invert_names, FOV_INVERT_AUTO + 1);
    int letterbox = take_name(json_object_get(object, "letterbox"), letterboxes, FOV_LETTERBOX_CENTRED + 1);
    const char       *wrong = object == NULL                                                   ? "it is no JSON object"
                              : !take_numbers(json_object_get(object, "mean"), p.mean)         ? "mean"
                              : !take_numbers(json_object_get(object, "deviation"), p.deviation) ? "deviation"
                              : !take_pixels(json_object_get(object, "pad"), &p.pad)           ? "pad"
                              : !take_scale(json_object_get(object, "scale"), &p.scale)        ? "scale"
                              : !take_order(json_object_get(object, "channels"), &p.bgr)       ? "channels"
                              : !take_pixels(json_object_get(object, "shorter"), &p.shorter)   ? "shorter"
                              : !take_pixels(json_object_get(object, "crop"), &p.crop)         ? "crop"
                              : letterbox < 0                                                  ? "letterbox"
                              : fit < 0                                                        ? "fit"
                              : invert < 0                                                     ? "invert"
                                                                                               : NULL;
    parsed_free(&parsed);
    if (wrong != NULL) {
        return error_set(&model->context->error, FOV_E_INPUT,
                         "%s: metadata \"fovea.preprocessing\": expected a JSON object with mean, deviation and pad "
                         "(wrong: %s)",
                         file, wrong);
    }
    p.letterbox = (fov_letterbox_kind)letterbox;
    p.fit = (fov_fit)fit;
    p.invert = (fov_invert)invert;
    fov_model_set_preprocessing(model, &p);
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
        if (json_is_array(value) && json_array_size(value) > 0) { /* ["n01440764", "tench"] */
            value = json_array_get(value, json_array_size(value) - 1);
        }
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
    struct parsed parsed;
    int           status = parse(&parsed, text, names->memory, names->error);
    if (status != FOV_OK) {
        return status;
    }
    status = parsed.root != NULL ? read_json_names(names, parsed.root) : read_dict_names(names, skip_spaces(text));
    parsed_free(&parsed);
    for (size_t i = 0; !status && i < names->count; i++) {
        status = names->at[i] == NULL ? FOV_E_INPUT : 0; /* a gap in the numbers */
    }
    return status;
}

static void free_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        memory_free(names->memory, names->at[i]);
    }
    memory_free(names->memory, names->at);
}

/* *taken: the model has these names now. A detector's are not one per output, and other tools' notes are their own
 * business. */
static int take_names(fov_model *model, const char *file, const char *text, bool ours, bool *taken)
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

/* One to a line, without the spaces around it; empty lines at the end are none. */
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
        status = line.failed ? FOV_E_MEMORY : put_name(names, (long long)names->count, text_string(&line));
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
        const char *text = (const char *)bytes, *start = skip_spaces(text);
        bool        is_json = *start == '[' || *start == '{';
        status = strlen(text) < size ? FOV_E_INPUT : is_json ? read_names(&names, start) : read_lines(&names, text);
        if (status == FOV_E_INPUT) {
            status = error_set(error, FOV_E_INPUT,
                               "%s: neither a name to a line, nor a list or dictionary with a name for each number",
                               path);
        }
    }
    if (!status && (int64_t)names.count != fov_model_classes(model)) {
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

static int take_layout(fov_model *model, const char *file, const char *word)
{
    bool is_nhwc = strcmp(word, "nhwc") == 0;
    if (!is_nhwc && strcmp(word, "nchw") != 0) {
        char shown[40];
        return error_set(&model->context->error, FOV_E_INPUT, "%s: metadata \"%s\" is \"%s\"; it is nchw or nhwc", file,
                         key_layout, text_escape(shown, sizeof shown, word));
    }
    return fov_model_set_layout(model, is_nhwc ? FOV_LAYOUT_NHWC : FOV_LAYOUT_NCHW);
}

/* ---- outputs ----------------------------------------------------------------------------------------------------- */

static int take_output(fov_model *model, const char *file, const char *name)
{
    int status = fov_model_choose_output(model, name);
    if (status == FOV_E_USAGE) {
        model->context->error.status = FOV_E_INPUT; /* it is the file that asks for it */
        error_prefix(&model->context->error, "%s: metadata \"%s\"", file, key_output);
        status = FOV_E_INPUT;
    }
    return status;
}

static int take_outputs(fov_model *model, const char *file, const char *text)
{
    struct error *error = &model->context->error;
    struct parsed parsed;
    json_t       *word;
    const char   *name;
    if (parse(&parsed, text, model->context->memory, error) != FOV_OK) {
        return (int)error->status;
    }
    json_t *object = parsed.root;
    int     status = json_is_object(object) ? FOV_OK : FOV_E_INPUT;
    json_object_foreach(object, name, word)
    {
        fov_meaning meaning = FOV_MEANING_VALUES;
        fov_value   output = fov_model_output_named(model, name);
        if (!fov_meaning_find(json_string_value(word), &meaning)) {
            status = FOV_E_INPUT;
        } else if (!status && output.id != 0) { /* else another program has renamed it */
            status = fov_model_set_meaning(model, output, meaning);
        }
    }
    parsed_free(&parsed);
    if (status == FOV_E_INPUT) {
        return error_set(error, FOV_E_INPUT,
                         "%s: metadata \"%s\": expected a JSON object with logits, softmax, sigmoid, values or map for "
                         "each output",
                         file, key_outputs);
    }
    if (status != FOV_OK) {
        error->status = status == FOV_E_SHAPE ? FOV_E_INPUT : error->status;
        error_prefix(error, "%s: metadata \"%s\"", file, key_outputs);
    }
    return (int)error->status;
}

static int take_auxiliary(fov_model *model, const char *file, const char *text)
{
    struct error *error = &model->context->error;
    struct parsed parsed;
    json_t       *share;
    const char   *name;
    if (parse(&parsed, text, model->context->memory, error) != FOV_OK) {
        return (int)error->status;
    }
    json_t *object = parsed.root;
    bool    fits = json_is_object(object);
    json_object_foreach(object, name, share)
    {
        fov_value output = fov_model_output_named(model, name);
        double    number = json_number_value(share);
        fits = fits && json_is_number(share) && number >= 0 && number <= 1;
        if (fits && output.id != 0) { /* else another program has renamed it */
            fits = fov_model_set_auxiliary(model, output, (float)number) == FOV_OK;
        }
    }
    parsed_free(&parsed);
    return fits ? FOV_OK
                : error_set(error, FOV_E_INPUT,
                            "%s: metadata \"%s\": expected a JSON object with a share of the loss, 0 to 1, for each "
                            "auxiliary output",
                            file, key_auxiliary);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

/* Is it written anew when the model is saved? */
static bool is_own(const char *key, bool names_taken)
{
    static const char *const own[] = {key_version, key_network,     key_preprocessing, key_output,
                                      key_outputs, key_other_names, key_layout,        key_auxiliary,
                                      key_task};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcmp(key, own[i]) == 0) {
            return true;
        }
    }
    return names_taken && strcmp(key, key_names) == 0;
}

/* What is not ours, in one block: the list, then the texts it points at. */
static int keep_notes(fov_model *model, const struct onnx_text *entries, int count, bool names_taken)
{
    size_t bytes = (size_t)count * sizeof *entries;
    for (int i = 0; i < count; i++) {
        bytes += strlen(entries[i].key) + strlen(entries[i].value) + 2;
    }
    struct onnx_text *notes = memory_allocate(model->context->memory, bytes, 1, "metadata", &model->context->error);
    if (notes == NULL) {
        return FOV_E_MEMORY;
    }
    char *text = (char *)(notes + count);
    memory_free(model->context->memory, model->notes);
    model->notes = notes;
    model->note_count = 0;
    for (int i = 0; i < count; i++) {
        size_t key = strlen(entries[i].key) + 1, value = strlen(entries[i].value) + 1;
        if (!is_own(entries[i].key, names_taken)) {
            notes[model->note_count++] =
                (struct onnx_text){memcpy(text, entries[i].key, key), memcpy(text + key, entries[i].value, value)};
            text += key + value;
        }
    }
    return FOV_OK;
}

int metadata_take(fov_model *model, const char *file, const struct onnx_text *entries, int count)
{
    bool        ours = find(entries, count, key_version) != NULL, names_taken = false;
    const char *network = find(entries, count, key_network), *output = find(entries, count, key_output),
               *preprocessing = find(entries, count, key_preprocessing), *outputs = find(entries, count, key_outputs),
               *names = find(entries, count, key_names), *layout = find(entries, count, key_layout),
               *task = find(entries, count, key_task);
    int status = FOV_OK;
    model->preprocessing_assumed = preprocessing == NULL;
    if (network != NULL) {
        fov_model_set_name(model, network);
    }
    if (task != NULL) {
        fov_model_set_task(model, task);
    }
    if (preprocessing != NULL) {
        status = take_preprocessing(model, file, preprocessing);
    }
    if (!status && output != NULL) {
        status = take_output(model, file, output);
    }
    if (!status && outputs != NULL) { /* before the names: these may be those of a logit */
        status = take_outputs(model, file, outputs);
    }
    if (!status && find(entries, count, key_auxiliary) != NULL) {
        status = take_auxiliary(model, file, find(entries, count, key_auxiliary));
    }
    if (!status && names != NULL) {
        ours = ours && find(entries, count, key_other_names) == NULL;
        status = take_names(model, file, names, ours, &names_taken);
    }
    if (!status && layout != NULL) {
        status = take_layout(model, file, layout);
    }
    return status || count == 0 ? status : keep_notes(model, entries, count, names_taken);
}
