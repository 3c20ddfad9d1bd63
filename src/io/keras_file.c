/* SPDX-License-Identifier: MIT */
/* Translates the paths of an HDF5 file to "LAYER/VARIABLE". Keras has written its weights in several ways:
 *   Keras 1   conv1/conv1_W:0, conv1/conv1_W_1:0
 *   Keras 2   conv1/conv1/kernel:0; in a whole model below model_weights/
 *   Keras 3   layers/conv2d_4/vars/0: layers of one kind are numbered in order. Newer versions also store the layer's
 *             name as an attribute, and config.json in a .keras file lists the layers' names in that order. */
#include "io/keras_file.h"
#include "base/text.h"
#include "io/hdf5.h"
#include "io/json_size.h"
#include "io/safetensors_types.h"
#include "io/torch_file.h"
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { MOST_DEPTH = 16 }; /* of models nested in models */

/* Appends text to a name; false where it does not fit. */
static bool add(char name[HDF5_MOST_PATH], const char *text, size_t length)
{
    size_t used = strlen(name);
    if (length >= HDF5_MOST_PATH - used) {
        return false;
    }
    memcpy(name + used, text, length);
    name[used + length] = '\0';
    return true;
}

/* ---- Keras 3 --------------------------------------------------------------------------------------------------- */

/* Variables of a layer have numbers. What they mean follows from the kind of layer and how many variables it has; a
 * combination that is not in this table (a batch norm without gamma, say) keeps the numbers. */
static const struct {
    const char *kind;
    int count;
    const char *variables[4];
} kinds[] = {
    {"conv2d", 1, {"kernel"}},
    {"conv2d", 2, {"kernel", "bias"}},
    {"conv2d_transpose", 1, {"kernel"}},
    {"conv2d_transpose", 2, {"kernel", "bias"}},
    {"depthwise_conv2d", 1, {"kernel"}},
    {"depthwise_conv2d", 2, {"kernel", "bias"}},
    {"dense", 1, {"kernel"}},
    {"dense", 2, {"kernel", "bias"}},
    {"batch_normalization", 4, {"gamma", "beta", "moving_mean", "moving_variance"}},
};

/* A class's name as paths spell it: BatchNormalization becomes batch_normalization, ReLU re_lu. (Keras uses two regular
 * expressions: a capital before a small letter, and a capital after a small letter, get an underscore in front.) */
static void snake_case(const char *class, char out[HDF5_MOST_PATH])
{
    size_t used = 0;
    for (size_t i = 0; class[i] != '\0' && used + 2 < HDF5_MOST_PATH; i++) {
        unsigned char here = (unsigned char)class[i];
        bool begins =
            i > 0 && isupper(here) && (islower((unsigned char)class[i + 1]) || islower((unsigned char)class[i - 1]));
        if (begins) {
            out[used++] = '_';
        }
        out[used++] = (char)tolower(here);
    }
    out[used] = '\0';
}

/* The list of layers of a model in config.json; NULL: there is none. */
static const json_t *layers_of(const json_t *model)
{
    return json_object_get(json_object_get(model, "config"), "layers");
}

/* The entry in config.json that a group stands for: "conv2d_4" is the fifth layer of class Conv2D. NULL: none is. */
static const json_t *find_layer(const json_t *layers, const char *group, size_t length)
{
    char kind[HDF5_MOST_PATH], numbered[HDF5_MOST_PATH + 32];
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const char *class = json_string_value(json_object_get(json_array_get(layers, i), "class_name"));
        size_t before = 0;
        if (class == NULL) {
            continue;
        }
        snake_case(class, kind);
        if (strlen(kind) > length || strncmp(kind, group, strlen(kind)) != 0) {
            continue;
        }
        for (size_t j = 0; j < i; j++) {
            const char *other = json_string_value(json_object_get(json_array_get(layers, j), "class_name"));
            before += other != NULL && strcmp(other, class) == 0;
        }
        snprintf(numbered, sizeof numbered, before > 0 ? "%s_%zu" : "%s", kind, before);
        if (strlen(numbered) == length && strncmp(numbered, group, length) == 0) {
            return json_array_get(layers, i);
        }
    }
    return NULL;
}

/* Appends the name of variable `number` of a layer that has `count` variables and whose group is, for example,
 * "batch_normalization_3". */
static bool add_variable(char name[HDF5_MOST_PATH], const char *group, size_t length, const char *number, int count)
{
    while (length > 0 && isdigit((unsigned char)group[length - 1])) {
        length--;
    }
    length -= length > 0 && group[length - 1] == '_';
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        bool is_it = strlen(kinds[i].kind) == length && strncmp(kinds[i].kind, group, length) == 0;
        if (is_it && kinds[i].count == count && number[0] >= '0' && number[0] < '0' + count && number[1] == '\0') {
            const char *variable = kinds[i].variables[number[0] - '0'];
            return add(name, variable, strlen(variable));
        }
    }
    return add(name, number, strlen(number));
}

static const char *const roots[] = {"layers/", "_layer_checkpoint_dependencies/"};

/* The part of a path after "layers/"; NULL: the path does not begin so. */
static const char *behind_root(const char *path)
{
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        if (strncmp(path, roots[i], strlen(roots[i])) == 0) {
            return path + strlen(roots[i]);
        }
    }
    return NULL;
}

/* How many variables the layer of dataset `i` has: datasets with the same path up to the last slash. */
static int count_variables(const struct hdf5_content *content, size_t i)
{
    const char *path = content->datasets[i].path;
    size_t length = (size_t)(strrchr(path, '/') + 1 - path), begin = i, end = i;
    while (begin > 0 && strncmp(content->datasets[begin - 1].path, path, length) == 0) {
        begin--;
    }
    while (end + 1 < content->count && strncmp(content->datasets[end + 1].path, path, length) == 0) {
        end++;
    }
    return (int)(end - begin + 1);
}

/* Names a dataset of Keras 3: "layers/conv2d_4/vars/0" or, in a nested model, "layers/functional/layers/conv2d/vars/0".
 * False: the name is too long. */
static bool name_numbered(const struct hdf5_content *content, size_t i, const json_t *model, char name[HDF5_MOST_PATH])
{
    const struct hdf5_dataset *set = &content->datasets[i];
    const char *at = set->path, *next = behind_root(at);
    bool fits = true;
    for (int depth = 0; next != NULL && depth < MOST_DEPTH && fits; depth++) {
        at = next;
        size_t length = strcspn(at, "/");
        const char *behind = at[length] == '/' ? at + length + 1 : at + length;
        const json_t *layer = find_layer(layers_of(model), at, length);
        const char *known = json_string_value(json_object_get(json_object_get(layer, "config"), "name"));
        bool is_last = strncmp(behind, "vars/", 5) == 0 && strchr(behind + 5, '/') == NULL;
        known = is_last && set->label != NULL && *set->label != '\0' ? set->label : known;
        fits = known != NULL ? add(name, known, strlen(known)) : add(name, at, length);
        fits = fits && add(name, "/", 1);
        if (is_last) {
            return fits && add_variable(name, at, length, behind + 5, count_variables(content, i));
        }
        next = behind_root(behind);
        at = behind;
        model = layer;
    }
    return fits && add(name, at, strlen(at));
}

/* ---- Keras 1 and 2 --------------------------------------------------------------------------------------------- */

/* Keras 1 prefixed variables with the layer's name: "conv1_W". The part after the layer's name, and what it means. */
static const struct {
    const char *end, *variable;
} first_names[] = {
    {"_W", "kernel"},
    {"_b", "bias"},
    {"_W_1", "kernel"},
    {"_b_1", "bias"},
    {"_gamma", "gamma"},
    {"_beta", "beta"},
    {"_running_mean", "moving_mean"},
    {"_running_std", "moving_variance"}, /* it held the variance */
};

/* Names a dataset of Keras 1 or 2: "conv1/conv1/kernel:0", where the group has the layer's name, and the variable's
 * name begins with the layer's name again. */
static bool name_named(const char *path, char name[HDF5_MOST_PATH])
{
    static const char whole[] = "model_weights/";
    path += strncmp(path, whole, sizeof whole - 1) == 0 ? sizeof whole - 1 : 0;
    size_t length = strlen(path);
    length -= length > 2 && strcmp(path + length - 2, ":0") == 0 ? 2 : 0;
    for (size_t layer = 1; layer < length; layer++) {
        if (path[layer] != '/' || 2 * layer + 1 >= length || strncmp(path, path + layer + 1, layer) != 0) {
            continue;
        }
        const char *end = path + 2 * layer + 1;
        size_t left = length - (2 * layer + 1);
        if (*end == '/') {
            return add(name, path + layer + 1, length - layer - 1);
        }
        for (size_t i = 0; i < sizeof first_names / sizeof first_names[0]; i++) {
            if (strlen(first_names[i].end) == left && strncmp(first_names[i].end, end, left) == 0) {
                return add(name, path, layer + 1) &&
                       add(name, first_names[i].variable, strlen(first_names[i].variable));
            }
        }
    }
    return add(name, path, length);
}

/* ---- all of a file --------------------------------------------------------------------------------------------- */

/* Whether a dataset is internal state of a layer (the position of its random generator) and no weight. */
static bool is_state(const char *path)
{
    return strstr(path, "/seed_generator/") != NULL || strstr(path, "/seed_generator_state") != NULL;
}

static int gather(struct safetensors *file, const char *name, struct hdf5_content *content, const json_t *model,
                  struct memory *memory, struct error *error)
{
    struct safetensors_tensor *tensors = memory_allocate(memory, content->count, sizeof *tensors, "tensors", error);
    int status = tensors == NULL ? FOV_E_MEMORY : FOV_OK;
    const struct safetensors_text numbered = {KERAS_NUMBERED, "yes"};
    bool is_numbered = false, has_names = model != NULL;
    size_t count = 0;
    for (size_t i = 0; i < content->count; i++) {
        is_numbered |=
            behind_root(content->datasets[i].path) != NULL && strstr(content->datasets[i].path, "/vars/") != NULL;
    }
    for (size_t i = 0; i < content->count && status == FOV_OK; i++) {
        struct hdf5_dataset *set = &content->datasets[i];
        char found[HDF5_MOST_PATH] = "";
        if (is_state(set->path) || (is_numbered && behind_root(set->path) == NULL)) {
            continue; /* such as metrics and optimiser state */
        }
        has_names |= set->label != NULL;
        const struct safetensors_type *type = safetensors_type_named(set->type);
        bool fits = is_numbered ? name_numbered(content, i, model, found) : name_named(set->path, found);
        char *kept = fits ? memory_copy_text(memory, found, error) : NULL;
        if (kept == NULL) {
            char clean[160];
            status = fits ? FOV_E_MEMORY
                          : error_set(error, FOV_E_UNSUPPORTED, "%s: \"%s\" has a name of more than 1000 bytes", name,
                                      text_escape(clean, sizeof clean, set->path));
            continue;
        }
        tensors[count++] = (struct safetensors_tensor){.name = kept,
                                                       .type = type->name,
                                                       .dtype = type->dtype,
                                                       .shape = set->shape,
                                                       .data = set->data,
                                                       .bytes = set->bytes};
    }
    if (status == FOV_OK && count == 0) {
        status = error_set(error, FOV_E_INPUT, "%s: an HDF5 file in which no weights are found", name);
    }
    if (status == FOV_OK) {
        uint8_t *block = content->block;
        content->block = NULL;
        status =
            safetensors_gather(file, name, tensors, count, &numbered, is_numbered && !has_names, block, memory, error);
    }
    for (size_t i = 0; i < count; i++) {
        memory_free(memory, (void *)(uintptr_t)tensors[i].name);
    }
    memory_free(memory, tensors);
    return status;
}

/* Reads the weights of an HDF5 file. `config`: config.json, [length] characters, which names the layers; NULL: the
 * names are those in the HDF5 file. */
static int parse_hdf5(struct safetensors *file, const char *name, const uint8_t *bytes, size_t size, const char *config,
                      size_t length, struct memory *memory, struct error *error)
{
    static const char *const left_out[] = {"optimizer_weights", "optimizer", "top_level_model_weights", NULL};
    struct hdf5_content content = {0};
    size_t held = config != NULL ? json_size(config, length) : 0;
    int status = memory_hold(memory, held, "the layers' names", error);
    if (status != FOV_OK) {
        return status;
    }
    json_t *model = config != NULL ? json_loadb(config, length, 0, NULL) : NULL;
    if (config != NULL && model == NULL) {
        status = error_set(error, FOV_E_INPUT, "%s: its config.json is no JSON", name);
    }
    status = status == FOV_OK ? hdf5_read(&content, name, bytes, size, left_out, memory, error) : status;
    status = status == FOV_OK ? gather(file, name, &content, model, memory, error) : status;
    hdf5_free(&content);
    json_decref(model);
    memory_release(memory, held);
    return status;
}

int keras_parse(struct safetensors *file, const char *name, const uint8_t *bytes, size_t size, struct memory *memory,
                struct error *error)
{
    static const char weights[] = "model.weights.h5", config[] = "config.json";
    *file = (struct safetensors){0};
    if (hdf5_begins(bytes, size)) {
        return parse_hdf5(file, name, bytes, size, NULL, 0, memory, error);
    }
    struct torch_archive archive;
    int status = torch_archive_read(&archive, name, bytes, size, memory, error);
    if (status != FOV_OK) {
        return status;
    }
    const struct torch_entry *inner = torch_archive_find(&archive, weights, sizeof weights - 1);
    const struct torch_entry *names = torch_archive_find(&archive, config, sizeof config - 1);
    if (inner == NULL || !hdf5_begins(inner->data, inner->bytes)) {
        status = error_set(error, FOV_E_UNSUPPORTED, "%s: a .keras file without weights in one HDF5 file (%s)", name,
                           weights);
    } else {
        status = parse_hdf5(file, name, inner->data, inner->bytes, names != NULL ? (const char *)names->data : NULL,
                            names != NULL ? names->bytes : 0, memory, error);
    }
    torch_archive_free(&archive, memory);
    return status;
}
