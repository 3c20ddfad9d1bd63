/* SPDX-License-Identifier: MIT */
/* Loads weights without a graph, by name, from safetensors, PyTorch's or Keras' files. A file must hold exactly the
 * model's parameters with their shapes; otherwise the error lists the differences. An optimiser's state is neither
 * saved nor required. Also finds the network that a file of weights belongs to. */
#include "base/arithmetic.h"
#include "base/text.h"
#include "io/keras_file.h"
#include "io/safetensors.h"
#include "io/sniff.h"
#include "io/torch_file.h"
#include "model/metadata.h"
#include "model/model.h"
#include "model/parameters_file.h"
#include "zoo/zoo.h"
#include <fovea/memory.h>
#include <stdio.h>
#include <string.h>

enum { NAME_TEXT = 120, SHOWN_TEXT = 220, LOGGED_TEXT = 700 };

/** Parses a file of any supported format, recognised by its content. `name` must outlive `file`. */
static int parse_weights(struct safetensors *file, const char *name, const uint8_t *bytes, size_t size,
                         struct memory *memory, struct error *error)
{
    return keras_begins(bytes, size)   ? keras_parse(file, name, bytes, size, memory, error)
           : torch_begins(bytes, size) ? torch_parse(file, name, bytes, size, memory, error)
                                       : safetensors_parse(file, name, bytes, size, memory, error);
}

/* Reads a file only once, since a pipe cannot be read again. */
int weights_open(struct safetensors *file, const char *path, struct memory *memory, struct error *error)
{
    struct file_map map;
    if (safetensors_is_index(path)) {
        return safetensors_open_index(file, path, memory, error);
    }
    int status = file_map(&map, path, memory, error);
    if (status != FOV_OK) {
        *file = (struct safetensors){0};
        return status;
    }
    char *name = memory_copy_text(memory, path, error);
    status = name == NULL ? FOV_E_MEMORY : parse_weights(file, name, map.bytes, map.size, memory, error);
    if (status != FOV_OK) {
        *file = (struct safetensors){0};
        memory_free(memory, name);
        file_unmap(&map);
        return status;
    }
    file->map = map;
    file->mapped = true; /* closing the file also frees the name */
    return FOV_OK;
}

/** PyTorch's batch norm counts its batches; nothing here needs the number. */
static bool is_counter(const char *name)
{
    static const char end[] = "num_batches_tracked";
    size_t length = strlen(name);
    return length >= sizeof end - 1 && strcmp(name + length - (sizeof end - 1), end) == 0;
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

/** The differences between a file and a model. */
struct difference {
    struct text missing, extra, unlike; /**< lists: "a", "b"; missing in the file, extra in the file, of unlike shape */
    size_t missing_count, extra_count, unlike_count;
    size_t fitting; /**< parameters found in the file with the right shape */
};

static void add_name(struct text *list, const char *name)
{
    char escaped[NAME_TEXT];
    text_add(list, "%s\"%s\"", list->length > 0 ? ", " : "", text_escape(escaped, sizeof escaped, name));
}

static void difference_free(struct difference *d)
{
    text_free(&d->missing);
    text_free(&d->extra);
    text_free(&d->unlike);
}

static const struct value *weight_named(const fov_model *model, const char *name)
{
    int id = fov_find(model->graph, name).id;
    return id != 0 && parameters_is_weight(graph_value(model->graph, id)) ? graph_value(model->graph, id) : NULL;
}

/** Compares the file's tensors, without the first `cut` characters of their names, with the model's parameters. */
static struct difference compare(const fov_model *model, const struct safetensors *file, size_t cut)
{
    struct memory *memory = model->context->memory;
    struct difference d = {.missing = {.memory = memory}, .extra = {.memory = memory}, .unlike = {.memory = memory}};
    char name[NAME_TEXT], got[SHAPE_TEXT_SIZE], wanted[SHAPE_TEXT_SIZE];
    size_t found = 0;
    for (size_t i = 0; i < file->count; i++) {
        const struct safetensors_tensor *tensor = &file->tensors[i];
        const struct value *value = weight_named(model, tensor->name + cut);
        if (value == NULL && is_counter(tensor->name)) {
            continue;
        }
        if (value == NULL) {
            add_name(&d.extra, tensor->name);
            d.extra_count++;
            continue;
        }
        found++;
        if (shape_equal(&tensor->shape, &value->shape)) {
            d.fitting++;
            continue;
        }
        text_add(&d.unlike, "%stensor \"%s\": shape does not fit (file %s, model %s)", d.unlike_count > 0 ? ", " : "",
                 text_escape(name, sizeof name, tensor->name), shape_text(&tensor->shape, got),
                 shape_text(&value->shape, wanted));
        d.unlike_count++;
    }
    struct text with = {.memory = memory}; /* a parameter's name as the file has it */
    for (size_t id = 1; id < model->graph->value_count && found < (size_t)model->graph->parameter_count; id++) {
        const struct value *value = graph_value(model->graph, (int)id);
        if (!parameters_is_weight(value)) {
            continue;
        }
        with.length = 0;
        text_add(&with, "%.*s%s", (int)cut, file->count > 0 ? file->tensors[0].name : "", value->name);
        if (safetensors_find(file, text_string(&with)) == NULL) {
            add_name(&d.missing, value->name);
            d.missing_count++;
        }
    }
    text_free(&with);
    return d;
}

static bool is_same(const struct difference *d)
{
    return d->missing_count + d->extra_count + d->unlike_count == 0;
}

/** The end of a list, or of its entries that begin within `most` characters. */
static const char *cut_list(const char *all, size_t most)
{
    size_t length = strlen(all), cut = length > most ? most : 0;
    while (cut > 0 && strncmp(all + cut, ", \"", 3) != 0 && strncmp(all + cut, ", tensor \"", 10) != 0) {
        cut--;
    }
    return all + (cut > 0 ? cut : length);
}

/** Appends as much of a list as fits to the sentence; the rest is logged. */
static size_t add_part(const fov_model *model, char *out, size_t size, size_t used, const char *what,
                       const struct text *list, size_t count)
{
    if (count == 0) {
        return used;
    }
    const char *all = text_string(list), *end = cut_list(all, SHOWN_TEXT);
    used = text_append(out, size, used, "%s%s%.*s%s", used > 0 ? "; " : "", what, (int)(end - all), all,
                       *end != '\0' ? ", ..." : "");
    while (*end != '\0') { /* a message has its limit, too */
        const char *rest = end + 2;
        end = cut_list(rest, LOGGED_TEXT);
        context_log(model->context, FOV_LOG_WARNING, "%s..., %.*s", what, (int)(end - rest), rest);
    }
    return used;
}

/** Describes the whole difference as a sentence in `out`. */
static void describe(const fov_model *model, const struct difference *d, char *out, size_t size)
{
    char missing[64], extra[64];
    size_t used = 0;
    snprintf(missing, sizeof missing, "%zu parameter%s missing: ", d->missing_count,
             d->missing_count == 1 ? " of the model is" : "s of the model are");
    snprintf(extra, sizeof extra, "%zu tensor%s not in the model: ", d->extra_count,
             d->extra_count == 1 ? " is" : "s are");
    out[0] = '\0';
    used = add_part(model, out, size, used, missing, &d->missing, d->missing_count);
    used = add_part(model, out, size, used, extra, &d->extra, d->extra_count);
    add_part(model, out, size, used, "", &d->unlike, d->unlike_count);
}

/* ---- prefixes ---------------------------------------------------------------------------------------------------- */

/** Length of the longest common prefix of all names that ends in a dot: of "module." 7; 0: there is none. */
static size_t common_prefix(const struct safetensors *file)
{
    size_t length = file->count > 0 ? strlen(file->tensors[0].name) : 0, dot = 0;
    for (size_t i = 1; i < file->count; i++) {
        size_t same = 0;
        while (same < length && file->tensors[i].name[same] == file->tensors[0].name[same]) {
            same++;
        }
        length = same;
    }
    for (size_t i = 0; i < length; i++) {
        dot = file->tensors[0].name[i] == '.' ? i + 1 : dot;
    }
    return dot;
}

/** Wrappers of PyTorch and of training programs put a prefix before all names. Tries each part of the common prefix,
 *  the longest last; returns how many characters to cut off so that most names fit; 0: none. */
static size_t find_prefix(const fov_model *model, const struct safetensors *file, size_t fitting)
{
    size_t common = common_prefix(file), best = 0;
    for (size_t cut = 1; cut <= common; cut++) {
        if (file->tensors[0].name[cut - 1] != '.') {
            continue;
        }
        struct difference d = compare(model, file, cut);
        best = d.fitting > fitting ? cut : best;
        fitting = d.fitting > fitting ? d.fitting : fitting;
        difference_free(&d);
    }
    return best;
}

static void strip(struct safetensors *file, size_t cut)
{
    for (size_t i = 0; i < file->count; i++) {
        file->tensors[i].name += cut; /* the names stay sorted */
    }
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

/** E_INPUT: a file of Keras' ResNet for torchvision's. Both have the same tensors but place the strides differently, so
 *  that names and shapes alone do not tell them apart. */
static int check_version(const fov_model *model, const struct safetensors *file)
{
    const char *network = safetensors_metadata(file, KERAS_NETWORK), *name = fov_model_name(model);
    size_t stem = network != NULL ? strcspn(network, "@") : 0;
    if (network == NULL || network[stem] == '\0' || strlen(name) != stem || strncmp(name, network, stem) != 0) {
        return FOV_OK;
    }
    return error_set(&model->context->error, FOV_E_INPUT,
                     "%s: its weights are those of %s, which strides elsewhere than %s", file->file, network, name);
}

/** Checks that the file has exactly the model's parameters with their shapes; strips a common prefix of the file's
 *  names. */
static int check_weights(fov_model *model, struct safetensors *file)
{
    struct error *error = &model->context->error;
    struct difference d = compare(model, file, 0);
    size_t cut = is_same(&d) ? 0 : find_prefix(model, file, d.fitting);
    char sentence[800], prefix[NAME_TEXT] = "";
    if (cut > 0) {
        char name[NAME_TEXT];
        snprintf(name, sizeof name, "%.*s", (int)(cut < sizeof name ? cut : sizeof name - 1), file->tensors[0].name);
        text_escape(prefix, sizeof prefix, name);
        difference_free(&d);
        d = compare(model, file, cut);
        strip(file, cut);
        context_log(model->context, FOV_LOG_WARNING, "%s: all names begin with \"%s\", which is taken off", file->file,
                    prefix);
    }
    int status = FOV_OK;
    if (!is_same(&d)) {
        describe(model, &d, sentence, sizeof sentence);
        bool shapes = d.missing_count + d.extra_count == 0;
        status = error_set(error, shapes ? FOV_E_SHAPE : FOV_E_INPUT, "%s: %s", file->file, sentence);
    }
    difference_free(&d);
    if (status != FOV_OK) {
        return status;
    }
    return safetensors_metadata(file, "fovea.sha256") != NULL ? safetensors_verify(file, error) : FOV_OK;
}

/** Converts all tensors into separate blocks before copying any, so that a tensor of a wrong type leaves the model
 *  unchanged. */
static int copy_weights(fov_model *model, const struct safetensors *file)
{
    struct memory *memory = model->context->memory;
    struct error *error = &model->context->error;
    size_t values = model->graph->value_count;
    void **blocks = memory_allocate(memory, values, sizeof *blocks, "a list of weights", error);
    int status = blocks == NULL ? FOV_E_MEMORY : 0;
    for (size_t id = 1; !status && id < values; id++) {
        const struct value *value = graph_value(model->graph, (int)id);
        if (!parameters_is_weight(value)) {
            continue;
        }
        blocks[id] = memory_allocate_raw(memory, value->bytes, 1, value->name, error);
        if (blocks[id] == NULL || graph_data(model->graph, (int)id) == NULL) {
            status = (int)error->status;
        } else if (value->dtype == FOV_F32) {
            status = safetensors_to_float(file, safetensors_find(file, value->name), blocks[id], error);
        } else {
            status = safetensors_copy(file, value->name, value->dtype, &value->shape, blocks[id], error);
        }
    }
    for (size_t id = 1; id < values && blocks != NULL; id++) {
        if (!status && blocks[id] != NULL) {
            size_t bytes = graph_value(model->graph, (int)id)->bytes;
            status = fov_parameter_set(model->graph, (fov_value){(int)id}, blocks[id], bytes);
        }
        memory_free(memory, blocks[id]);
    }
    memory_free(memory, blocks);
    return status;
}

/* The preprocessing that the weights were trained with: as their file says, else as published; unless the model already
 * states another than its network's own. */
static int take_pixels(fov_model *model, const struct safetensors *file)
{
    const char *stated = safetensors_metadata(file, "fovea.preprocessing");
    if (stated != NULL && (model->preprocessing_assumed || model->preprocessing_by_name)) {
        return metadata_take_preprocessing(model, file->file, stated);
    }
    if (safetensors_metadata(file, KERAS_NETWORK) == NULL) {
        model_take_published(model);
    }
    return FOV_OK;
}

/* Copies an open file's weights to the model and closes the file. */
static int take_weights(fov_model *model, struct safetensors *file, const char *path)
{
    int status = keras_rename(file, &model->context->error);
    const char *preset = safetensors_metadata(file, KERAS_PRESET);
    status = status ? status : check_version(model, file);
    status = status ? status : check_weights(model, file);
    if (!status && preset != NULL) {
        context_log(model->context, FOV_LOG_WARNING, "%s: from Keras; its published weights want --preset %s", path,
                    preset);
    }
    if (!status) {
        status = copy_weights(model, file);
    }
    if (!status) {
        status = model_check_finite(model, path);
    }
    if (!status) {
        status = take_pixels(model, file);
    }
    safetensors_close(file);
    return status;
}

static int load_weights(fov_model *model, const char *path)
{
    struct safetensors file;
    struct error *error = &model->context->error;
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    int status = weights_open(&file, path, model->context->memory, error);
    return status != FOV_OK ? status : take_weights(model, &file, path);
}

int fov_model_load_weights_memory(fov_model *model, const void *bytes, size_t size)
{
    static const char name[] = "weights in memory";
    if (model == NULL || bytes == NULL) {
        return call_refuse(model != NULL ? model->context : NULL,
                           "fov_model_load_weights_memory: model or bytes is NULL");
    }
    struct call call = call_begin(model->context);
    struct safetensors file;
    struct memory *memory = model->context->memory;
    struct error *error = &model->context->error;
    int status = parse_weights(&file, name, bytes, size, memory, error);
    status = status != FOV_OK ? status : take_weights(model, &file, name);
    call_end(&call);
    return status;
}

int fov_model_load_weights(fov_model *model, const char *path)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    if (path == NULL) {
        return call_refuse(model->context, "fov_model_load_weights: path is NULL");
    }
    struct call call = call_begin(model->context);
    int status = load_weights(model, path);
    call_end(&call);
    return status;
}

/* ---- finding the network ----------------------------------------------------------------------------------------- */

/** The tensor of that name, or of that name behind the common prefix of all names; NULL: there is none. */
static const struct safetensors_tensor *find_ending(const struct safetensors *file, const char *name)
{
    size_t length = strlen(name), common = common_prefix(file);
    const struct safetensors_tensor *found = safetensors_find(file, name);
    for (size_t i = 0; i < file->count && found == NULL && common > 0; i++) {
        const char *other = file->tensors[i].name;
        size_t before = strlen(other) > length ? strlen(other) - length : 0;
        bool ends = before > 0 && before <= common && other[before - 1] == '.' && strcmp(other + before, name) == 0;
        found = ends ? &file->tensors[i] : NULL;
    }
    return found;
}

/** Number of classes of the file's last layer, if the file has the network's last parameter with another length; else
 *  0. */
static int classes_of(const fov_model *model, const struct safetensors *file)
{
    enum { MOST = 1000000 };
    fov_graph *graph = model->graph;
    fov_value last = fov_parameter_at(graph, fov_parameter_count(graph) - 1);
    const struct safetensors_tensor *tensor = find_ending(file, fov_value_name(graph, last));
    fov_shape shape = fov_value_shape(graph, last);
    int64_t classes = tensor != NULL && tensor->shape.rank == shape.rank && shape.rank > 0 ? tensor->shape.dim[0] : 0;
    return classes != shape.dim[0] && classes > 0 && classes <= MOST ? (int)classes : 0;
}

/** Makes a network for as many classes as the file's last layer has. NULL: impossible with these options, or out of
 *  memory, which is the only error left on the context. */
static fov_model *make_for(fov_context *context, const char *name, const fov_network_options *options,
                           const struct safetensors *file)
{
    fov_network_options wanted = options != NULL ? *options : (fov_network_options){0};
    fov_model *model = fov_model_network(context, name, &wanted);
    int classes = model != NULL && wanted.classes == 0 ? classes_of(model, file) : 0;
    if (classes > 0) {
        fov_model_free(model);
        wanted.classes = classes;
        model = fov_model_network(context, name, &wanted);
    }
    if (model == NULL && fov_error_status(context) != FOV_E_MEMORY) {
        fov_error_clear(context); /* another network may be made for such pictures */
    }
    return model;
}

/** Similarity of file and model, 0 .. 1: the share of fitting parameters among all that either has. */
static double likeness(const struct difference *d)
{
    size_t all = d->fitting + d->missing_count + d->extra_count + d->unlike_count;
    return all > 0 ? (double)d->fitting / (double)all : 0;
}

/** E_INPUT: no network by name has even half of these tensors. Not the nearest is named, which helps nobody, but where
 *  such names come from. */
static void refuse_foreign(struct error *error, const struct safetensors *file)
{
    char name[NAME_TEXT];
    error_set(error, FOV_E_INPUT,
              "%s: no network by name has these weights (%zu tensors, the first is \"%s\"); weights that were an ONNX "
              "file's need its graph: --model FILE.onnx, fov_model_load and fov_model_load_weights",
              file->file, file->count, text_escape(name, sizeof name, file->count > 0 ? file->tensors[0].name : ""));
}

/** Makes the network that has exactly these parameters; else the most similar one. */
static fov_model *find_network(fov_context *context, const fov_network_options *options, struct safetensors *file)
{
    const char *best = NULL;
    double most = 0;
    for (size_t i = 0; i < zoo_table_count && fov_error_status(context) == FOV_OK; i++) {
        fov_model *model = make_for(context, zoo_table[i]->name, options, file);
        if (model == NULL) {
            continue;
        }
        struct difference d = compare(model, file, 0);
        bool same = is_same(&d);
        if (!same) {
            size_t cut = find_prefix(model, file, d.fitting);
            struct difference without = compare(model, file, cut);
            best = likeness(&without) > most ? zoo_table[i]->name : best;
            most = likeness(&without) > most ? likeness(&without) : most;
            same = is_same(&without);
            difference_free(&without);
        }
        difference_free(&d);
        if (same) {
            return model;
        }
        fov_model_free(model);
    }
    if (fov_error_status(context) == FOV_OK && most < 0.5) {
        refuse_foreign(&context->error, file);
    }
    return best != NULL && fov_error_status(context) == FOV_OK ? make_for(context, best, options, file) : NULL;
}

/* The network of that name, for as many classes as the file's last layer has. */
static fov_model *make_named(fov_context *context, const char *name, const fov_network_options *options,
                             const struct safetensors *file)
{
    fov_model *model = fov_model_network(context, name, options);
    bool is_asked = options != NULL && options->classes != 0;
    if (model == NULL || is_asked || classes_of(model, file) == 0) {
        return model;
    }
    fov_model_free(model);
    return make_for(context, name, options, file);
}

/* name: of the network; NULL: it is found. */
static fov_model *from_weights(fov_context *context, const char *path, const char *name,
                               const fov_network_options *options)
{
    struct safetensors file;
    if (context == NULL || fov_error_status(context) != FOV_OK ||
        weights_open(&file, path, context->memory, &context->error) != FOV_OK) {
        return NULL;
    }
    int status = keras_rename(&file, &context->error);
    const char *network = safetensors_metadata(&file, KERAS_NETWORK);
    fov_model *model = status != FOV_OK  ? NULL
                       : name != NULL    ? make_named(context, name, options, &file)
                       : network != NULL ? make_for(context, network, options, &file)
                                         : find_network(context, options, &file);
    if (model == NULL) {
        safetensors_close(&file);
    } else if (take_weights(model, &file, path) != FOV_OK) {
        if (name == NULL) {
            error_prefix(&context->error, "the nearest network is %s", fov_model_name(model));
        }
        fov_model_free(model);
        model = NULL;
    }
    return model;
}

fov_model *fov_model_from_weights(fov_context *context, const char *path, const fov_network_options *options)
{
    if (context == NULL) {
        return NULL;
    }
    if (path == NULL) {
        call_refuse(context, "fov_model_from_weights: path is NULL");
        return NULL;
    }
    struct call call = call_begin(context);
    fov_model *model = from_weights(context, path, NULL, options);
    call_end(&call);
    return model;
}

fov_model *fov_model_network_weights(fov_context *context, const char *name, const char *path,
                                     const fov_network_options *options)
{
    if (context == NULL) {
        return NULL;
    }
    if (name == NULL || path == NULL) {
        call_refuse(context, "fov_model_network_weights: name or path is NULL");
        return NULL;
    }
    struct call call = call_begin(context);
    fov_model *model = from_weights(context, path, name, options);
    call_end(&call);
    return model;
}

/* ---- converting -------------------------------------------------------------------------------------------------- */

static int convert(fov_context *context, const struct safetensors *file, const char *to)
{
    struct error *error = &context->error;
    struct safetensors_source *list =
        memory_allocate(context->memory, file->count, sizeof *list, "a list of weights", error);
    if (list == NULL) {
        return FOV_E_MEMORY;
    }
    int status = FOV_OK;
    for (size_t i = 0; i < file->count && status == FOV_OK; i++) {
        const struct safetensors_tensor *tensor = &file->tensors[i];
        char name[NAME_TEXT];
        if (tensor->dtype == FOV_DTYPE_COUNT) {
            status = error_set(error, FOV_E_UNSUPPORTED, "%s: tensor \"%s\": its type %s is not written here",
                               file->file, text_escape(name, sizeof name, tensor->name), tensor->type);
        }
        list[i] = (struct safetensors_source){tensor->name, tensor->dtype, tensor->shape, tensor->data};
    }
    if (status == FOV_OK) {
        status = safetensors_write(to, list, file->count, NULL, 0, false, NULL, context->memory, error);
    }
    memory_free(context->memory, list);
    return status;
}

int fov_weights_convert(fov_context *context, const char *from, const char *to)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(context);
    if (from == NULL || to == NULL) {
        return call_refuse(context, "fov_weights_convert: from or to is NULL");
    }
    struct safetensors file;
    struct error *error = &context->error;
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    int status = weights_open(&file, from, context->memory, error);
    if (status == FOV_OK) {
        status = convert(context, &file, to);
        safetensors_close(&file);
    }
    return status;
}
