/* SPDX-License-Identifier: MIT */
/* Metadata of model files. Preprocessing is stored in the file so that a prediction anywhere starts from the same
 * pixels; class names are a JSON list under "names", a key that other tools use too; entries of other programs are
 * saved again unchanged. */
#include "model/metadata.h"
#include "base/file.h"
#include "base/utf8.h"
#include "io/json_walk.h"
#include "model/boxes_form.h"
#include "op/suppressed_boxes/suppressed_boxes.h"
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 4, OWN_ENTRIES = 11 };

static const char key_version[] = "fovea.version", key_network[] = "fovea.network",
                  key_preprocessing[] = "fovea.preprocessing", key_output[] = "fovea.output",
                  key_outputs[] = "fovea.outputs", key_names[] = "names", key_layout[] = "fovea.layout",
                  key_auxiliary[] = "fovea.auxiliary", key_task[] = "fovea.task",
                  key_detector[] = "fovea.detector", key_suppression[] = "fovea.suppression",
                  key_other_names[] = "fovea.names"; /* present if "names" belongs to another program */

static const char no_memory[] = "out of memory: the metadata of a model";

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

/* Writes a number with so many digits, and always with a point or an exponent. */
static void add_digits(struct text *json, int digits, double value)
{
    char number[40];
    snprintf(number, sizeof number, "%.*g", digits, value);
    char *point = strstr(number, localeconv()->decimal_point);
    if (point != NULL) {
        *point = '.';
    }
    text_add(json, "%s%s", number, strpbrk(number, ".en") == NULL ? ".0" : "");
}

/* 9 digits identify any float exactly. */
static void add_number(struct text *json, float value)
{
    add_digits(json, 9, (double)value);
}

static void add_numbers(struct text *json, const char *key, const float values[DEPTH])
{
    text_add(json, "\"%s\":[", key);
    for (int i = 0; i < DEPTH; i++) {
        text_add(json, i > 0 ? "," : "");
        add_number(json, values[i]);
    }
    text_add(json, "],");
}

static void add_word(struct text *json, const char *key, const char *word)
{
    text_add(json, ",\"%s\":", key);
    text_add_json(json, word);
}

/* Words for the values of fov_fit, fov_invert and fov_letterbox_kind; "" is not written. */
static const char *const fit_names[] = {"", "stretch", "crop", "pad", "ink"};
static const char *const invert_names[] = {"", "no", "yes", "auto"};
static const char *const letterboxes[] = {"none", "corner", "centred"};

static bool is_finite(const fov_preprocessing *p)
{
    bool finite = isfinite(p->scale);
    for (int i = 0; i < DEPTH; i++) {
        finite = finite && isfinite(p->mean[i]) && isfinite(p->deviation[i]);
    }
    return finite;
}

/* Settings that differ from the default have keys of their own, so that files from before these settings existed keep
 * their meaning. */
static void preprocessing_text(const fov_preprocessing *p, struct text *json)
{
    text_add(json, "{\"scale\":");
    if (p->scale > 0) {
        add_number(json, p->scale);
    } else {
        text_add(json, "\"0..1\"");
    }
    text_add(json, ",\"resize\":\"bilinear, antialiased\",");
    add_numbers(json, "mean", p->mean);
    add_numbers(json, "deviation", p->deviation);
    text_add(json, "\"pad\":%d", p->pad);
    if (p->bgr) {
        add_word(json, "channels", "bgr");
    }
    if (p->shorter > 0) {
        text_add(json, ",\"shorter\":%d", p->shorter);
    }
    if (p->crop > 0) {
        text_add(json, ",\"crop\":%d", p->crop);
    }
    if (p->letterbox != 0) {
        add_word(json, "letterbox", letterboxes[p->letterbox]);
    }
    if (p->fit != FOV_FIT_UNSAID) {
        add_word(json, "fit", fit_names[p->fit]);
    }
    if (p->invert != FOV_INVERT_UNSAID) {
        add_word(json, "invert", invert_names[p->invert]);
    }
    text_add(json, "}");
}

static bool names_text(const fov_model *model, struct text *json)
{
    bool valid = true;
    for (int i = 0; i < model->class_count; i++) {
        text_add(json, i > 0 ? "," : "[");
        text_add_json(json, model->class_names[i]);
        valid = valid && utf8_is_valid(model->class_names[i]);
    }
    text_add(json, "]");
    return valid;
}

/* {"logits":"logits","mask":"map"} */
static void outputs_text(const fov_model *model, struct text *json)
{
    const char *between = "{";
    for (int i = 0; i < model->output_count; i++) {
        const struct model_output *output = &model->outputs[i];
        const char *name = fov_value_name(model->graph, output->value);
        if (utf8_is_valid(name)) { /* else left out: its meaning is derived again on loading */
            text_add(json, "%s", between);
            text_add_json(json, name);
            text_add(json, ":\"%s\"", fov_meaning_name(output->meaning));
            between = ",";
        }
    }
    text_add(json, "%s}", *between == '{' ? "{" : "");
}

/* {"aux1.fc2":0.3}; empty if no output is an auxiliary head. */
static void auxiliary_text(const fov_model *model, struct text *json)
{
    for (int i = 0; i < model->output_count; i++) {
        const struct model_output *output = &model->outputs[i];
        const char *name = fov_value_name(model->graph, output->value);
        if (output->auxiliary > 0 && utf8_is_valid(name)) {
            text_add(json, json->length == 0 ? "{" : ",");
            text_add_json(json, name);
            text_add(json, ":");
            add_number(json, output->auxiliary);
        }
    }
    if (json->length > 0) {
        text_add(json, "}");
    }
}

/* [0.65,0.25,300]: overlap, least score, most boxes. */
static void suppression_text(const struct suppressed_options *options, struct text *json)
{
    text_add(json, "[");
    add_digits(json, 15, options->overlap);
    text_add(json, ",");
    add_digits(json, 15, options->least);
    text_add(json, ",%lld]", (long long)options->most);
}

/* The form of a detector's rows, where it is stated; "kept" follows from the suppression. NULL: none is stated. */
static const char *stated_form(const fov_model *model)
{
    for (int i = 0; i < model->output_count; i++) {
        const struct model_output *output = &model->outputs[i];
        if (output->value.id == model->output.id && output->boxes_form > 0 &&
            !boxes_forms[output->boxes_form - 1].has_parts) {
            return boxes_form_names[output->boxes_form];
        }
    }
    return NULL;
}

static void add_entry(struct metadata *metadata, const char *key, const char *value)
{
    metadata->entries[metadata->count++] = (struct onnx_text){key, value};
}

static int add_entries(const fov_model *model, struct metadata *metadata, struct error *error)
{
    if (!is_finite(&model->preprocessing)) {
        return error_set(error, FOV_E_USAGE,
                         "the preprocessing cannot be written: a mean or deviation is not a number");
    }
    if (!names_text(model, &metadata->names)) {
        return error_set(error, FOV_E_USAGE, "the class names cannot be written: one is not UTF-8");
    }
    preprocessing_text(&model->preprocessing, &metadata->preprocessing);
    outputs_text(model, &metadata->outputs);
    auxiliary_text(model, &metadata->auxiliary);
    if (model_suppression(model) != NULL) {
        suppression_text(model_suppression(model), &metadata->suppression);
    }
    if (metadata->preprocessing.failed || metadata->outputs.failed || metadata->names.failed ||
        metadata->auxiliary.failed || metadata->suppression.failed) {
        return error_set(error, FOV_E_MEMORY, "%s", no_memory);
    }
    add_entry(metadata, key_version, fov_version());
    if (model->name[0] != '\0') {
        add_entry(metadata, key_network, model->name);
    }
    if (model->task[0] != '\0') {
        add_entry(metadata, key_task, model->task);
    }
    if (!model->preprocessing_assumed) {
        add_entry(metadata, key_preprocessing, text_string(&metadata->preprocessing));
    }
    if (model->layout_stated) {
        add_entry(metadata, key_layout, model->layout == FOV_LAYOUT_NHWC ? "nhwc" : "nchw");
    }
    if (model->output.id != model->outputs[0].value.id) {
        add_entry(metadata, key_output, fov_value_name(model->graph, model->output));
    }
    add_entry(metadata, key_outputs, text_string(&metadata->outputs));
    if (stated_form(model) != NULL) {
        add_entry(metadata, key_detector, stated_form(model));
    }
    if (metadata->suppression.length > 0) {
        add_entry(metadata, key_suppression, text_string(&metadata->suppression));
    }
    if (metadata->auxiliary.length > 0) {
        add_entry(metadata, key_auxiliary, text_string(&metadata->auxiliary));
    }
    if (model->class_count > 0) {
        add_entry(metadata, key_names, text_string(&metadata->names));
    }
    bool others = model->class_count == 0 && find(model->notes, model->note_count, key_names) != NULL;
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
    struct memory *memory = model->context->memory;
    *metadata = (struct metadata){.memory = memory,
                                  .preprocessing = {.memory = memory},
                                  .outputs = {.memory = memory},
                                  .names = {.memory = memory},
                                  .auxiliary = {.memory = memory},
                                  .suppression = {.memory = memory}};
    metadata->entries = memory_allocate(metadata->memory, (size_t)model->note_count + OWN_ENTRIES,
                                        sizeof *metadata->entries, "metadata", error);
    int status = metadata->entries == NULL ? FOV_E_MEMORY : add_entries(model, metadata, error);
    if (status != FOV_OK) {
        metadata_free(metadata);
    }
    return status;
}

bool metadata_is_of_weights(const char *key)
{
    return strcmp(key, key_version) == 0 || strcmp(key, key_network) == 0 || strcmp(key, key_preprocessing) == 0;
}

void metadata_free(struct metadata *metadata)
{
    text_free(&metadata->preprocessing);
    text_free(&metadata->outputs);
    text_free(&metadata->names);
    text_free(&metadata->auxiliary);
    text_free(&metadata->suppression);
    memory_free(metadata->memory, metadata->entries);
    *metadata = (struct metadata){0};
}

/* ---- preprocessing ----------------------------------------------------------------------------------------------- */

static bool read_numbers(struct json_walk *walk, float out[DEPTH])
{
    enum walk_kind kind = walk_value(walk);
    bool           good = kind == WALK_LIST;
    size_t         count = 0;
    while (good && walk_more(walk, ']', &count)) {
        good = walk_value(walk) == WALK_NUMBER && count <= DEPTH;
        if (good) {
            out[count - 1] = (float)walk->number;
            good = isfinite(out[count - 1]);
        }
    }
    return good && count > 0;
}

/* A whole number of pixels. */
static bool read_pixels(struct json_walk *walk, int *pixels)
{
    bool good = walk_value(walk) == WALK_NUMBER && walk->is_whole && walk->number >= 0 && walk->number <= 16384;
    *pixels = good ? (int)walk->number : 0;
    return good;
}

/* "0..1", "0..255" or a factor. */
static bool read_scale(struct json_walk *walk, float *scale)
{
    enum walk_kind kind = walk_value(walk);
    bool is_whole = kind == WALK_TEXT && strcmp(text_string(&walk->text), "0..255") == 0;
    *scale = kind == WALK_NUMBER ? (float)walk->number : is_whole ? 1.0F : 0.0F;
    return kind == WALK_NUMBER ? *scale > 0 && isfinite(*scale)
                               : is_whole || (kind == WALK_TEXT && strcmp(text_string(&walk->text), "0..1") == 0);
}

/* Index of the word read among `count` names; -1: it is none of them. */
static int read_name(struct json_walk *walk, const char *const *names, int count)
{
    enum walk_kind kind = walk_value(walk);
    for (int i = 0; kind == WALK_TEXT && i < count; i++) {
        if (strcmp(names[i], text_string(&walk->text)) == 0) {
            return i;
        }
    }
    return -1;
}

enum setting {
    SCALE, MEAN, DEVIATION, PAD, CHANNELS, SHORTER, CROP, LETTERBOX, FIT, INVERT, SETTINGS
};
static const char *const setting_names[SETTINGS] = {"scale",   "mean", "deviation", "pad", "channels",
                                                    "shorter", "crop", "letterbox", "fit", "invert"};

static bool read_setting(struct json_walk *walk, enum setting setting, fov_preprocessing *p)
{
    static const char *const orders[] = {"rgb", "bgr"};
    int at = 0;
    switch (setting) {
    case SCALE:     return read_scale(walk, &p->scale);
    case MEAN:      return read_numbers(walk, p->mean);
    case DEVIATION: return read_numbers(walk, p->deviation);
    case PAD:       return read_pixels(walk, &p->pad);
    case SHORTER:   return read_pixels(walk, &p->shorter);
    case CROP:      return read_pixels(walk, &p->crop);
    case CHANNELS:
        at = read_name(walk, orders, 2);
        p->bgr = at == 1;
        break;
    case LETTERBOX:
        at = read_name(walk, letterboxes, FOV_LETTERBOX_CENTRED + 1);
        p->letterbox = (fov_letterbox_kind)at;
        break;
    case FIT:
        at = read_name(walk, fit_names, FOV_FIT_INK + 1);
        p->fit = (fov_fit)at;
        break;
    case INVERT:
        at = read_name(walk, invert_names, FOV_INVERT_AUTO + 1);
        p->invert = (fov_invert)at;
        break;
    case SETTINGS: break;
    }
    return at >= 0;
}

enum { UNKNOWN_TEXT = 40 };

/* Returns the name of a setting that is wrong, repeated or missing; NULL: all is well. `unknown`: the first key that has
 * no meaning here, shortened, or "". */
static const char *read_preprocessing(struct json_walk *walk, fov_preprocessing *p, char unknown[UNKNOWN_TEXT])
{
    static const char no_object[] = "it is no JSON object";
    bool        seen[SETTINGS] = {false};
    const char *wrong = NULL;
    if (walk_value(walk) != WALK_OBJECT) {
        return no_object;
    }
    for (size_t count = 0; wrong == NULL && walk_more(walk, '}', &count);) {
        walk_key(walk);
        size_t i = 0;
        while (i < SETTINGS && strcmp(setting_names[i], text_string(&walk->text)) != 0) {
            i++;
        }
        if (i == SETTINGS) {
            bool is_told = strcmp(text_string(&walk->text), "resize") == 0; /* says how, and there is one way */
            if (!is_told && *unknown == '\0') {
                text_escape(unknown, UNKNOWN_TEXT, text_string(&walk->text));
            }
            walk_skip(walk);
        } else if (seen[i] || !read_setting(walk, (enum setting)i, p)) {
            wrong = walk->wrong ? no_object : setting_names[i];
        } else {
            seen[i] = true;
        }
    }
    return wrong != NULL          ? wrong
           : !walk_ends(walk)     ? no_object
           : !seen[MEAN]          ? setting_names[MEAN]
           : !seen[DEVIATION]     ? setting_names[DEVIATION]
           : !seen[PAD]           ? setting_names[PAD]
                                  : NULL;
}

static int metadata_memory(fov_model *model)
{
    return error_set(&model->context->error, FOV_E_MEMORY, "%s", no_memory);
}

int metadata_take_preprocessing(fov_model *model, const char *file, const char *text)
{
    fov_preprocessing p = {0};
    struct json_walk  walk = {.at = text, .text = {.memory = model->context->memory}};
    char              unknown[UNKNOWN_TEXT] = "";
    const char       *wrong = read_preprocessing(&walk, &p, unknown);
    bool              failed = walk.text.failed;
    walk_close(&walk);
    if (failed) {
        return metadata_memory(model);
    }
    if (wrong != NULL) {
        return error_set(&model->context->error, FOV_E_INPUT,
                         "%s: metadata \"fovea.preprocessing\": expected a JSON object with mean, deviation and pad "
                         "(wrong: %s)",
                         file, wrong);
    }
    if (*unknown != '\0') {
        context_log(model->context, FOV_LOG_WARNING,
                    "%s: metadata \"fovea.preprocessing\" has \"%s\", which this version of fovea does not know: pictures "
                    "may be prepared otherwise than the model learned",
                    file, unknown);
    }
    fov_model_set_preprocessing(model, &p);
    return 0;
}

/* ---- outputs ----------------------------------------------------------------------------------------------------- */

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

static int take_output(fov_model *model, const char *file, const char *name)
{
    int status = fov_model_choose_output(model, name);
    if (status == FOV_E_USAGE) {
        model->context->error.status = FOV_E_INPUT; /* the file's fault, not the caller's */
        error_prefix(&model->context->error, "%s: metadata \"%s\"", file, key_output);
        status = FOV_E_INPUT;
    }
    return status;
}

/* A form that this build does not know, or that the output does not fit, is not used: the file may be a later version's,
 * or its graph another program's by now. */
static int take_detector(fov_model *model, const char *file, const char *form)
{
    char shown[40];
    struct boxes_rows rows;
    int which = boxes_form_named(form);
    if (which < 1 || boxes_forms[which - 1].has_parts || boxes_form_of(model, model->output, which, &rows) == NULL) {
        context_log(model->context, FOV_LOG_WARNING, "%s: metadata \"%s\" is \"%s\", which its output is not: not used",
                    file, key_detector, text_escape(shown, sizeof shown, form));
        return FOV_OK;
    }
    model_state_boxes_form(model, which);
    return model_find_meanings(model);
}

bool metadata_find_suppression(const fov_model *model, const struct onnx_text *entries, int count,
                               struct suppressed_options *options)
{
    const char *text = find(entries, count, key_suppression);
    struct json_walk walk = {.at = text, .text = {.memory = model->context->memory}};
    double number[3] = {0};
    size_t          read = 0;
    bool            good = text != NULL && walk_value(&walk) == WALK_LIST;
    while (good && walk_more(&walk, ']', &read)) {
        good = walk_value(&walk) == WALK_NUMBER && read <= 3 && walk.number >= 0;
        number[good ? read - 1 : 0] = walk.number;
    }
    good = good && read == 3 && walk_ends(&walk) && number[0] <= 1 && number[1] <= 1 && number[2] >= 1 &&
           number[2] <= 100000;
    walk_close(&walk);
    if (good) {
        *options = (struct suppressed_options){number[0], number[1], (int64_t)number[2]};
    }
    return good;
}

/* Reads the value for one output in a JSON object keyed by the outputs' names, and applies it. `output` .id 0: the
 * model has no output of that name (another program has renamed it), so the value is only read. */
typedef int take_function(fov_model *model, struct json_walk *walk, fov_value output);

static int take_meaning(fov_model *model, struct json_walk *walk, fov_value output)
{
    fov_meaning meaning = FOV_MEANING_VALUES;
    if (walk_value(walk) != WALK_TEXT || !fov_meaning_find(text_string(&walk->text), &meaning)) {
        return FOV_E_INPUT;
    }
    return output.id != 0 ? fov_model_set_meaning(model, output, meaning) : FOV_OK;
}

static int take_share(fov_model *model, struct json_walk *walk, fov_value output)
{
    if (walk_value(walk) != WALK_NUMBER || walk->number < 0 || walk->number > 1) {
        return FOV_E_INPUT;
    }
    return output.id != 0 ? fov_model_set_auxiliary(model, output, (float)walk->number) : FOV_OK;
}

/* Calls `take` for each entry. E_INPUT: the text is no JSON object, a name occurs twice, or `take` rejects a value. */
static int take_each_output(fov_model *model, const char *text, take_function *take)
{
    struct memory *memory = model->context->memory;
    bool *seen = memory_allocate(memory, (size_t)model->output_count + 1, sizeof *seen, "metadata", &model->context->error);
    if (seen == NULL) {
        return FOV_E_MEMORY;
    }
    memset(seen, 0, ((size_t)model->output_count + 1) * sizeof *seen);
    struct json_walk walk = {.at = text, .text = {.memory = memory}};
    int              status = walk_value(&walk) == WALK_OBJECT ? FOV_OK : FOV_E_INPUT;
    for (size_t count = 0; status == FOV_OK && walk_more(&walk, '}', &count);) {
        walk_key(&walk);
        fov_value output = fov_model_output_named(model, text_string(&walk.text));
        int       at = 0;
        while (at < model->output_count && model->outputs[at].value.id != output.id) {
            at++;
        }
        status = output.id != 0 && seen[at] ? FOV_E_INPUT : take(model, &walk, output);
        seen[at] = true;
    }
    status = walk.text.failed                              ? metadata_memory(model)
             : status == FOV_OK && !walk_ends(&walk) ? FOV_E_INPUT
                                                           : status;
    walk_close(&walk);
    memory_free(memory, seen);
    return status;
}

static int take_outputs(fov_model *model, const char *file, const char *text)
{
    struct error *error = &model->context->error;
    int           status = take_each_output(model, text, take_meaning);
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
    int status = take_each_output(model, text, take_share);
    return status == FOV_OK || status == FOV_E_MEMORY
               ? status
               : error_set(&model->context->error, FOV_E_INPUT,
                           "%s: metadata \"%s\": expected a JSON object with a share of the loss, 0 to 1, for each "
                           "auxiliary output",
                           file, key_auxiliary);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

/* Whether saving writes this key from the model, so that it need not be kept as a note. */
static bool is_own(const char *key, bool names_taken)
{
    static const char *const own[] = {key_version, key_network,     key_preprocessing, key_output,
                                      key_outputs, key_other_names, key_layout,        key_auxiliary,
                                      key_task,    key_detector,    key_suppression};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcmp(key, own[i]) == 0) {
            return true;
        }
    }
    return names_taken && strcmp(key, key_names) == 0;
}

/* Keeps the entries of other programs, in one block: the list, then the texts it points at. */
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

/* Whether a version, "1.2.3", is above this library's. */
static bool is_later(const char *version)
{
    const char *own = fov_version();
    for (int part = 0; part < 3; part++) {
        char *end, *own_end;
        long there = strtol(version, &end, 10), here = strtol(own, &own_end, 10);
        if (there != here || *end != '.' || *own_end != '.') {
            return end != version && there > here;
        }
        version = end + 1;
        own = own_end + 1;
    }
    return false;
}

static void warn_of_version(const fov_model *model, const char *file, const char *version)
{
    char shown[24];
    if (version != NULL && is_later(version)) {
        context_log(model->context, FOV_LOG_WARNING,
                    "%s: metadata \"%s\" is %s and this is fovea %s: what the file says in newer words is not understood",
                    file, key_version, text_escape(shown, sizeof shown, version), fov_version());
    }
}

int metadata_take(fov_model *model, const char *file, const struct onnx_text *entries, int count)
{
    bool        ours = find(entries, count, key_version) != NULL, names_taken = false;
    const char *network = find(entries, count, key_network), *output = find(entries, count, key_output),
               *preprocessing = find(entries, count, key_preprocessing), *outputs = find(entries, count, key_outputs),
               *names = find(entries, count, key_names), *layout = find(entries, count, key_layout),
               *task = find(entries, count, key_task), *detector = find(entries, count, key_detector);
    int status = FOV_OK;
    warn_of_version(model, file, find(entries, count, key_version));
    model->preprocessing_assumed = preprocessing == NULL;
    if (network != NULL) {
        fov_model_set_name(model, network);
    }
    if (task != NULL && strlen(task) >= MODEL_TASK_SIZE) {
        status = error_set(&model->context->error, FOV_E_INPUT, "%s: %s has %zu bytes, at most %d", file, key_task,
                           strlen(task), MODEL_TASK_SIZE - 1);
    } else if (task != NULL) {
        fov_model_set_task(model, task);
    }
    if (!status && preprocessing != NULL) {
        status = metadata_take_preprocessing(model, file, preprocessing);
    }
    if (!status && output != NULL) {
        status = take_output(model, file, output);
    }
    if (!status && detector != NULL && model_suppression(model) == NULL) {
        status = take_detector(model, file, detector);
    }
    if (!status && outputs != NULL) { /* before the names: two names may turn a single value into a logit */
        status = take_outputs(model, file, outputs);
    }
    if (!status && find(entries, count, key_auxiliary) != NULL) {
        status = take_auxiliary(model, file, find(entries, count, key_auxiliary));
    }
    if (!status && names != NULL) {
        ours = ours && find(entries, count, key_other_names) == NULL;
        status = metadata_take_names(model, file, names, ours, &names_taken);
    }
    if (!status && layout != NULL) {
        status = take_layout(model, file, layout);
    }
    return status || count == 0 ? status : keep_notes(model, entries, count, names_taken);
}
