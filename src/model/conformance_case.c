/* SPDX-License-Identifier: MIT */
/* One conformance case from its files to its verdict: read the model and the tensors, build a graph whose inputs have
 * the tensors' shapes, compile a plan, run it, compare. Inputs stay inputs of the plan, except those whose elements
 * decide shapes: a plan must know them, so the graph is built again with these as constants. */
#include "base/clock.h"
#include "base/file.h"
#include "device/context.h"
#include "io/onnx/onnx.h"
#include "model/conformance.h"
#include <fovea/plan.h>
#include <stdio.h>
#include <string.h>

/* ---- files ------------------------------------------------------------------------------------------------------- */

/** Reads PREFIX0.pb, PREFIX1.pb... up to the first that does not exist. */
static int read_tensors(struct case_run *run, const char *prefix, struct case_tensor *tensors, int *count)
{
    char path[CASE_PATH];
    int  status = 0;
    for (*count = 0; !status; ++*count) {
        int written = snprintf(path, sizeof path, "%s%d.pb", prefix, *count);
        if (written < 0 || (size_t)written >= sizeof path || !file_exists(path)) {
            break;
        }
        if (*count == CASE_TENSORS) {
            return error_set(&run->context->error, FOV_E_UNSUPPORTED, "more than %d tensors in one data set",
                             CASE_TENSORS);
        }
        status = case_read_tensor(run, path, &tensors[*count]);
    }
    return status;
}

static int read_data_set(struct case_run *run, const char *directory, int number)
{
    char prefix[CASE_PATH];
    snprintf(prefix, sizeof prefix, "%s/test_data_set_%d/input_", directory, number);
    int status = read_tensors(run, prefix, run->in, &run->in_count);
    if (!status) {
        snprintf(prefix, sizeof prefix, "%s/test_data_set_%d/output_", directory, number);
        status = read_tensors(run, prefix, run->out, &run->out_count);
    }
    if (!status && run->out_count == 0) {
        status =
            error_set(&run->context->error, FOV_E_INPUT, "%s/test_data_set_%d holds no output_0.pb", directory, number);
    }
    return status;
}

static bool is_initializer(const struct onnx_model *model, const char *name)
{
    for (size_t i = 0; i < model->graph.initializer_count; i++) {
        if (strcmp(model->graph.initializers[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/** For a case without input files, makes the inputs that ONNX's own runner uses: 0, 1/n, 2/n... */
static int make_inputs(struct case_run *run)
{
    const struct onnx_model *model = run->model;
    struct error            *error = &run->context->error;
    for (size_t i = 0; i < model->graph.input_count; i++) {
        const struct onnx_port *port = &model->graph.inputs[i];
        struct case_tensor     *tensor = &run->in[run->in_count];
        if (is_initializer(model, port->name)) {
            continue;
        }
        if (run->in_count == CASE_TENSORS || port->type != ONNX_FLOAT || !port->has_shape) {
            return error_set(error, FOV_E_UNSUPPORTED, "inputs can be made up for float32 of a known shape only");
        }
        *tensor = (struct case_tensor){.dtype = FOV_F32, .shape = {.rank = (int)port->rank}};
        for (size_t axis = 0; axis < port->rank; axis++) {
            tensor->shape.dim[axis] = port->dim[axis] > 0 ? port->dim[axis] : 1;
        }
        if (!shape_count(&tensor->shape, &tensor->count)) {
            return error_set(error, FOV_E_INPUT, "an input is too large");
        }
        float *data = tensor->data = arena_take(&run->arena, tensor->count, sizeof *data);
        if (data == NULL) {
            return FOV_E_MEMORY;
        }
        for (size_t k = 0; k < tensor->count; k++) {
            data[k] = (float)((double)k / (double)tensor->count);
        }
        run->in_count++;
    }
    return 0;
}

static int read_beside(struct case_run *run)
{
    char prefix[CASE_PATH];
    int  length = (int)(strlen(run->model_path) - strlen(".onnx"));
    snprintf(prefix, sizeof prefix, "%.*s_output_", length, run->model_path);
    int status = read_tensors(run, prefix, run->out, &run->out_count);
    return status ? status : make_inputs(run);
}

/* ---- building ---------------------------------------------------------------------------------------------------- */

static void list_given(const struct case_run *run, struct onnx_given *given)
{
    for (int i = 0; i < run->in_count; i++) {
        given[i] = (struct onnx_given){.dtype = run->in[i].dtype, .shape = run->in[i].shape, .data = run->in[i].data};
    }
}

/** Imports the model with its inputs given. NULL: the error is on the context. */
static fov_graph *import(struct case_run *run, const char *path, const struct file_map *map, struct onnx_given *given,
                         struct onnx_imported *imported)
{
    char                       directory[CASE_PATH] = ".";
    const char                *slash = strrchr(path, '/');
    struct onnx_import_options options = {.given = given, .given_count = run->in_count};
    fov_graph                 *graph = fov_graph_create(run->context);
    if (slash != NULL) {
        snprintf(directory, sizeof directory, "%.*s", (int)(slash - path) + 1, path);
    }
    if (graph != NULL &&
        onnx_import_with(graph, path, directory, map->bytes, map->size, &options, imported) != 0) {
        fov_graph_free(graph);
        graph = NULL;
    }
    return graph;
}

/** Marks as constants the inputs whose elements the importer turned out to need; false: there are no further ones. */
static bool fix_wanted(struct case_run *run, struct onnx_given *given)
{
    bool more = false;
    for (int i = 0; i < run->in_count; i++) {
        if (given[i].wanted && !given[i].fixed) {
            given[i].fixed = more = true;
            run->result.constant_inputs++;
        }
    }
    return more;
}

static fov_graph *build(struct case_run *run, const struct file_map *map, struct onnx_imported *imported)
{
    struct onnx_given given[CASE_TENSORS];
    list_given(run, given);
    run->result.constant_inputs = 0;
    for (;;) {
        fov_graph *graph = import(run, run->model_path, map, given, imported);
        if (run->context->error.status == FOV_E_MEMORY || !fix_wanted(run, given)) {
            return graph;
        }
        if (graph != NULL) {
            onnx_imported_free(imported);
            fov_graph_free(graph);
        }
        fov_error_clear(run->context);
    }
}

/* ---- writing and reading back ------------------------------------------------------------------------------------ */

/** Drops the inputs that have become constants, and the data set's tensors for them; returns how many inputs remain. */
static int keep_inputs(struct case_run *run, const fov_graph *graph, struct onnx_imported *imported)
{
    int kept = 0;
    for (int i = 0; i < imported->input_count; i++) {
        if (graph_value(graph, imported->inputs[i].id)->kind == VALUE_INPUT) {
            imported->inputs[kept] = imported->inputs[i];
            run->in[kept++] = run->in[i];
        }
    }
    imported->input_count = run->in_count = kept;
    return kept;
}

/** Exports the graph to a file and imports it again. Frees `graph`, and replaces *imported. NULL: the error is on the
 *  context. */
static fov_graph *rewrite(struct case_run *run, fov_graph *graph, struct onnx_imported *imported)
{
    const char          *path = run->options->rewrite;
    struct onnx_exported exported = {.inputs = imported->inputs,
                                     .input_count = keep_inputs(run, graph, imported),
                                     .outputs = imported->outputs,
                                     .output_count = imported->output_count,
                                     .name = "",
                                     .opset = run->options->opset};
    struct file_map      map;
    struct onnx_given    given[CASE_TENSORS];
    fov_graph           *again = NULL;
    int                  status = onnx_export(graph, &exported, path, NULL);
    onnx_imported_free(imported);
    fov_graph_free(graph);
    list_given(run, given);
    if (!status && file_map(&map, path, run->context->memory, &run->context->error) == 0) {
        again = import(run, path, &map, given, imported);
        file_unmap(&map);
    }
    return again;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

/** Runs the plan and compares its outputs. 0: it ran; run->reason is not empty if an output differs. */
static int run_plan(struct case_run *run, fov_graph *graph, const struct onnx_imported *imported)
{
    fov_plan *plan = fov_plan_create(graph, imported->outputs, imported->output_count, NULL);
    if (plan == NULL) {
        return (int)run->context->error.status;
    }
    for (int i = 0; i < imported->input_count; i++) {
        void *place = fov_plan_data(plan, imported->inputs[i]);
        if (graph_value(graph, imported->inputs[i].id)->kind == VALUE_INPUT && place != NULL && run->in[i].count > 0) {
            memcpy(place, run->in[i].data, run->in[i].count * fov_dtype_size(run->in[i].dtype));
        }
    }
    int status = fov_plan_run(plan, 0);
    run->result.steps = fov_plan_step_count(plan);
    if (status != FOV_OK) {
        fov_plan_free(plan);
        return status;
    }
    bool same = true;
    for (int i = 0; same && i < run->out_count; i++) {
        fov_value value = imported->outputs[i];
        fov_shape shape = fov_plan_shape(plan, value);
        same = case_compare(run, i, run->model->graph.outputs[i].name, &run->out[i], fov_value_dtype(graph, value), &shape,
                            fov_plan_data(plan, value));
    }
    fov_plan_free(plan);
    return 0;
}

/** Builds, runs and compares one data set, whose tensors have been read. */
static int run_data_set(struct case_run *run, const struct file_map *map)
{
    struct onnx_imported imported;
    fov_graph           *graph = build(run, map, &imported);
    bool                 fits = graph != NULL && imported.input_count == run->in_count;
    if (fits && run->options->rewrite != NULL) {
        graph = rewrite(run, graph, &imported);
    }
    if (graph == NULL) {
        return (int)run->context->error.status;
    }
    int status = 0;
    if (imported.input_count != run->in_count || imported.output_count < run->out_count) {
        status = error_set(&run->context->error, FOV_E_INPUT,
                           "the data set has %d inputs and %d outputs, the model %d and %d", run->in_count,
                           run->out_count, imported.input_count, imported.output_count);
    }
    if (!status) {
        status = run_plan(run, graph, &imported);
    }
    onnx_imported_free(&imported);
    fov_graph_free(graph);
    run->result.data_sets += !status;
    return status;
}

/* ---- a case ------------------------------------------------------------------------------------------------------ */

static bool has_data_set(const char *directory, int number)
{
    char path[CASE_PATH];
    int  written = snprintf(path, sizeof path, "%s/test_data_set_%d", directory, number);
    return written > 0 && (size_t)written < sizeof path && file_is_directory(path);
}

/** Runs the data sets in order until one fails. */
static int run_data_sets(struct case_run *run, const struct file_map *map, const char *directory)
{
    int status = 0, number = 0;
    do {
        status = directory != NULL ? read_data_set(run, directory, number) : read_beside(run);
        if (!status && number == 0 && case_skips_random(run)) {
            run->result.outcome = FOV_CASE_SKIPPED;
            return 0;
        }
        status = status ? status : run_data_set(run, map);
        number++;
    } while (!status && run->reason.length == 0 && directory != NULL && has_data_set(directory, number));
    if (run->reason.length > 0 && case_fault(directory) != NULL) {
        run->result.outcome = FOV_CASE_SKIPPED;
        text_free(&run->reason);
        text_add(&run->reason, "%s", case_fault(directory));
    } else if (run->reason.length > 0) {
        run->result.outcome = FOV_CASE_FAILED;
        if (number > 1) {
            text_add(&run->reason, ", in data set %d", number - 1);
        }
    }
    return status;
}

static int run_model(struct case_run *run, const struct file_map *map, const char *directory)
{
    struct error *error = &run->context->error;
    run->model = arena_take(&run->arena, 1, sizeof *run->model);
    if (run->model == NULL) {
        return FOV_E_MEMORY;
    }
    int status = onnx_decode(run->model, run->model_path, map->bytes, map->size, NULL, &run->arena, error);
    if (status) {
        return status;
    }
    case_list_operators(run);
    if (case_skips_types(run)) { /* before the data sets are read: they may hold something other than tensors */
        run->result.outcome = FOV_CASE_SKIPPED;
        return 0;
    }
    if (directory != NULL && !has_data_set(directory, 0)) {
        return error_set(error, FOV_E_INPUT, "%s: there is no folder test_data_set_0", directory);
    }
    return run_data_sets(run, map, directory);
}

void case_run(struct case_run *run, fov_context *context, const fov_conformance_options *options,
              const char *model_path, const char *directory)
{
    struct error   *error = &context->error;
    struct file_map map;
    double          start = clock_seconds();
    *run = (struct case_run){.context = context, .options = options, .model_path = model_path};
    run->arena = (struct arena){.memory = context->memory, .error = error};
    run->operators.memory = run->reason.memory = context->memory;
    int status = file_map(&map, model_path, context->memory, error);
    if (!status) {
        status = run_model(run, &map, directory);
        file_unmap(&map);
    }
    if (status || error->status != FOV_OK) {
        size_t length = strlen(model_path); /* the path is printed beside the reason: cut it off the error's text */
        bool   repeats = strncmp(error->text, model_path, length) == 0 && strncmp(error->text + length, ": ", 2) == 0;
        run->result.outcome = FOV_CASE_FAILED;
        text_add(&run->reason, "%s", error->text + (repeats ? length + 2 : 0));
        fov_error_clear(context);
    }
    run->result.path = directory != NULL ? directory : model_path;
    run->result.operators = text_string(&run->operators);
    run->result.reason = text_string(&run->reason);
    run->result.seconds = clock_seconds() - start;
}

void case_end(struct case_run *run)
{
    text_free(&run->operators);
    text_free(&run->reason);
    arena_free(&run->arena);
    *run = (struct case_run){0};
}
