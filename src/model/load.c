/* SPDX-License-Identifier: MIT */
/* Loads models from ONNX files. A file's format is recognised by its content, never by its name. Formats are in io/;
 * weights without a graph are in weights.c. */
#include "base/arithmetic.h"
#include "base/text.h"
#include "model/boxes_form.h"
#include "model/metadata.h"
#include "op/suppressed_boxes/suppressed_boxes.h"
#include <fovea/memory.h>
#include <stdio.h>
#include <string.h>

enum { NAME_TEXT = 120 };

/** Sets the model's inputs and outputs to all those of the file. */
static int take_inputs_outputs(fov_model *model, const char *path, const struct onnx_imported *imported)
{
    struct error *error = &model->context->error;
    if (imported->input_count < 1) {
        return error_set(error, FOV_E_UNSUPPORTED, "%s: a model reads something, this file has no input", path);
    }
    int status = fov_model_set_inputs_outputs(model, imported->inputs, imported->input_count, imported->outputs,
                                              imported->output_count);
    if (status) {
        error->status = status == FOV_E_USAGE ? FOV_E_INPUT : error->status; /* the file's fault, not the caller's */
        error_prefix(error, "%s", path);
    }
    return (int)error->status;
}

static int take_texts(fov_model *model, const struct onnx_imported *imported)
{
    struct memory *memory = model->context->memory;
    model->graph_name = memory_copy_text(memory, imported->name, &model->context->error);
    model->doc = memory_copy_text(memory, imported->doc, &model->context->error);
    return model->graph_name != NULL && model->doc != NULL ? FOV_OK : FOV_E_MEMORY;
}

/** FOV_OK if the graph's shapes can be inferred for another number of samples than the file's. */
static int check_any_batch(fov_graph *graph)
{
    enum { SOME = 13 }; /* rarely the size of another axis, so that a wrong graph does not fit by chance */
    struct memory *memory = graph->context->memory;
    fov_shape *shapes = memory_allocate(memory, graph->value_count, sizeof *shapes, "shapes", &graph->context->error);
    int        status = shapes != NULL ? graph_shapes(graph, SOME, NULL, NULL, shapes) : FOV_E_MEMORY;
    memory_free(memory, shapes);
    return status;
}

/** Whether the graph, complete or not, has an input with an open number of samples. */
static bool has_open_batch(const fov_graph *graph)
{
    for (size_t id = 1; id < graph->value_count; id++) {
        const struct value *value = graph_value(graph, (int)id);
        if (value->kind == VALUE_INPUT && value->shape.rank > 0 && value->shape.dim[0] == FOV_BATCH) {
            return true;
        }
    }
    return false;
}

/** Prepares another attempt at the file with an empty graph; *first: the error of the last attempt. False: out of
 *  memory. */
static bool start_anew(fov_model *model, struct error *first)
{
    *first = model->context->error;
    error_clear(&model->context->error);
    fov_graph_free(model->graph);
    model->graph = fov_graph_create(model->context);
    return model->graph != NULL;
}

/** Imports the file for any number of samples, whatever number it was exported for; if its nodes do not allow that, for
 *  the file's number. */
static int import_any_batch(fov_model *model, const char *path, const char *directory, const struct file_map *map,
                            const int64_t size[2], bool before_suppression, struct onnx_imported *imported)
{
    struct error first;
    const struct onnx_import_options open = {.map = map, .open_batch = true, .open_size = {size[0], size[1]},
                                              .before_suppression = before_suppression},
                                     stated = {.map = map, .one_sample = true, .open_size = {size[0], size[1]},
                                               .before_suppression = before_suppression};
    int status = onnx_import_with(model->graph, path, directory, map->bytes, map->size, &open, imported);
    if (!status && has_open_batch(model->graph)) {
        status = check_any_batch(model->graph);
        if (status) {
            onnx_imported_free(imported);
        }
    }
    if (!status || status == FOV_E_MEMORY || status == FOV_E_IO || !has_open_batch(model->graph)) {
        return status;
    }
    if (!start_anew(model, &first)) {
        return FOV_E_MEMORY;
    }
    status = onnx_import_with(model->graph, path, directory, map->bytes, map->size, &stated, imported);
    if (!status) {
        context_log(model->context, FOV_LOG_WARNING, "the number of samples is fixed in this model; were it open: %s",
                    first.text);
    }
    return status;
}

/** Imports the file. If that fails, as it does when shapes depend on the result of a NonMaxSuppression, imports it up
 *  to that node and sets *is_cut. */
static int import_what_can_be(fov_model *model, const char *path, const char *directory, const struct file_map *map,
                              const int64_t size[2], bool *is_cut, struct onnx_imported *imported)
{
    struct error *error = &model->context->error, first;
    int status = import_any_batch(model, path, directory, map, size, false, imported);
    if (!status || status == FOV_E_MEMORY || status == FOV_E_IO) {
        return status;
    }
    if (!start_anew(model, &first)) {
        return FOV_E_MEMORY;
    }
    *is_cut = import_any_batch(model, path, directory, map, size, true, imported) == FOV_OK;
    if (!*is_cut) {
        *error = first;
    }
    return *is_cut ? FOV_OK : status;
}

/* Makes the inputs of the cut-off suppression, boxes and scores, the model's output. ONNX leaves open whether corners
 * are x, y or y, x; the program that wrote the file decides. */
static int take_boxes(fov_model *model, const char *path, const struct onnx_imported *imported)
{
    struct error *error = &model->context->error;
    const char *producer = imported->producer;
    bool is_ours = strcmp(producer, "fovea") == 0, is_known = is_ours || strcmp(producer, "pytorch") == 0;
    struct suppressed_options stated;
    if (is_ours && metadata_find_suppression(model, imported->metadata, imported->metadata_count, &stated)) {
        return model_suppress_again(model, &stated);
    }
    fov_shape scores = fov_value_shape(model->graph, model->outputs[1].value);
    if (!is_known) {
        return error_set(error, FOV_E_UNSUPPORTED,
                         "%s: how many boxes its NonMaxSuppression leaves follows from the picture, and it is not known "
                         "in which order \"%s\" writes corners: export boxes and scores as outputs", path, producer);
    }
    if (!is_ours && scores.rank == 3 && scores.dim[1] == 1) {
        return error_set(error, FOV_E_UNSUPPORTED,
                         "%s: how many boxes its NonMaxSuppression leaves follows from the picture, and it reads one "
                         "score of each box, whose class is elsewhere: export boxes and scores as outputs", path);
    }
    int status = model_read_suppressed(model);
    if (status == FOV_OK) {
        context_log(model->context, FOV_LOG_INFO, "%s: read up to its suppression of boxes, which is done here", path);
    }
    return status;
}

/** Most networks were trained on pictures of this size. */
enum { USUAL_SIZE = 224 };

/** Warns if the layout of the chosen input is only a guess. */
static void warn_of_layout(const fov_model *model, const char *path)
{
    char      shape[SHAPE_TEXT_SIZE], name[NAME_TEXT];
    bool      is_guess = false;
    fov_shape own = fov_value_shape(model->graph, model->input);
    if (!model->layout_stated) {
        model_find_layout(model, model->input, &is_guess);
    }
    if (is_guess) {
        context_log(model->context, FOV_LOG_WARNING,
                    "%s: input \"%s\" %s may have its channels first or last: taken as first (--layout nhwc, "
                    "fov_model_set_layout say otherwise)",
                    path, text_escape(name, sizeof name, fov_value_name(model->graph, model->input)),
                    shape_text(&own, shape));
    }
}

static int load_onnx(fov_model *model, const char *path, const struct file_map *map, const int64_t *size)
{
    static const int64_t usual[2] = {USUAL_SIZE, USUAL_SIZE};
    char                 directory[4096] = ".";
    const char          *slash = strrchr(path, '/');
    struct onnx_imported imported;
    bool                 is_file = map->mapping != NULL; /* a model read from a pipe has no folder */
    if (slash != NULL) {
        snprintf(directory, sizeof directory, "%.*s", (int)(slash - path) + 1, path);
    }
    bool is_cut = false;
    int status = import_what_can_be(model, path, is_file ? directory : NULL, map, size != NULL ? size : usual, &is_cut,
                                    &imported);
    if (status) {
        return status;
    }
    if (size == NULL && imported.sized) {
        context_log(model->context, FOV_LOG_WARNING,
                    "%s: the height and width of its pictures are open: taken as %d x %d "
                    "(fovea convert FROM TO --size HxW writes another)",
                    path, USUAL_SIZE, USUAL_SIZE);
    }
    if (imported.halves > 0) {
        context_log(model->context, FOV_LOG_WARNING,
                    "%s: %d tensor%s of 16-bit floats, widened: computed, trained and written as float32", path,
                    imported.halves, imported.halves == 1 ? "" : "s");
    }
    status = take_inputs_outputs(model, path, &imported);
    if (!status) {
        status = take_texts(model, &imported);
    }
    if (!status && is_cut) {
        status = take_boxes(model, path, &imported); /* before the names, which count the boxes' classes */
    }
    if (!status) {
        status = metadata_take(model, path, imported.metadata, imported.metadata_count);
    }
    if (!status) {
        warn_of_layout(model, path);
    }
    if (!status) {
        status = model_check_finite(model, path);
    }
    onnx_imported_free(&imported);
    return status;
}

/* `path` names the model in messages if it comes from memory. */
static fov_model *load_mapped(fov_context *context, const char *path, const struct file_map *map, const int64_t *size)
{
    fov_model *model = fov_model_create(context);
    if (model != NULL && load_onnx(model, path, map, size) != FOV_OK) {
        fov_model_free(model);
        model = NULL;
    }
    return model;
}

static fov_model *load(fov_context *context, const char *path, const int64_t *size)
{
    struct file_map map;
    if (file_map_parts(&map, path, context->memory, &context->error) != FOV_OK) {
        return NULL;
    }
    fov_model *model = load_mapped(context, path, &map, size);
    file_unmap(&map);
    return model;
}

fov_model *fov_model_load_memory(fov_context *context, const void *bytes, size_t size)
{
    if (bytes == NULL) {
        call_refuse(context, "fov_model_load_memory: bytes is NULL");
    }
    if (context == NULL || bytes == NULL) {
        return NULL;
    }
    struct call call = call_begin(context);
    const struct file_map map = {.bytes = bytes, .size = size};
    fov_model *model = load_mapped(context, "a model in memory", &map, NULL);
    call_end(&call);
    return model;
}

fov_model *fov_model_load(fov_context *context, const char *path)
{
    if (context == NULL) {
        return NULL;
    }
    if (path == NULL) {
        call_refuse(context, "fov_model_load: path is NULL");
        return NULL;
    }
    struct call call = call_begin(context);
    fov_model *model = load(context, path, NULL);
    call_end(&call);
    return model;
}

static fov_model *load_sized(fov_context *context, const char *path, int height, int width)
{
    const int64_t size[2] = {height, width};
    if (context == NULL || height < 1 || width < 1) {
        if (context != NULL) {
            error_set(&context->error, FOV_E_USAGE, "a size of %d x %d, it must be at least 1 x 1", height, width);
        }
        return NULL;
    }
    return load(context, path, size);
}

fov_model *fov_model_load_sized(fov_context *context, const char *path, int height, int width)
{
    if (context == NULL) {
        return NULL;
    }
    if (path == NULL) {
        call_refuse(context, "fov_model_load_sized: path is NULL");
        return NULL;
    }
    struct call call = call_begin(context);
    fov_model *made = load_sized(context, path, height, width);
    call_end(&call);
    return made;
}
