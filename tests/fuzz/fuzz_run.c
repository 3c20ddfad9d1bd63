/* SPDX-License-Identifier: MIT */
/* libFuzzer harness: any bytes as an ONNX model, which is then planned and run on one batch. A loaded model must plan
 * or be refused with a sentence, and a plan must run without a finding, under a memory limit. Inputs whose elements
 * decide shapes are passed to the importer as the conformance runner does (src/model/conformance_case.c). Seeds: ONNX's
 * own node models. */
#include "device/context.h"
#include "io/onnx/message.h"
#include "io/onnx/onnx.h"
#include "tensor/convert.h"
#include <fovea/plan.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum {
    MEMORY_LIMIT = 32 << 20, /* bytes: models that would take more are refused, which is quick */
    MAX_INPUTS = 16,
    MAX_ELEMENTS = 1 << 14, /* of one input */
    MAX_BYTES = 1 << 20,    /* of all results: larger plans are not run, since that would only be slow */
    MAX_MULTIPLY_ADDS = 1 << 22
};

/** Numbers that code tends to forget: mostly small, so that indices and sizes often fit, sometimes extreme. */
static double element(size_t seed, size_t k)
{
    static const double odd[] = {-1, 1e30, -1e30, 0x1p31, -0x1p63, 0x1p53, 0.5, -0.0};
    size_t              mixed = (seed * 2654435761U + k * 40503U) >> 4;
    return mixed % 29 == 0 ? odd[mixed / 29 % 8] : (double)(mixed % 4);
}

struct inputs {
    struct onnx_given given[MAX_INPUTS];
    int               count;
};

/** Makes up a tensor for each input of the file. */
static int make_inputs(struct inputs *inputs, const struct onnx_model *model, struct arena *arena, size_t seed)
{
    for (size_t i = 0; i < model->graph.input_count; i++) {
        const struct onnx_port *port = &model->graph.inputs[i];
        bool                    initial = false;
        for (size_t k = 0; k < model->graph.initializer_count; k++) {
            initial |= strcmp(model->graph.initializers[k].name, port->name) == 0;
        }
        if (initial) {
            continue;
        }
        struct onnx_given *given = &inputs->given[inputs->count];
        size_t             count;
        *given = (struct onnx_given){.dtype = onnx_type_dtype(port->type), .shape = {.rank = (int)port->rank}};
        if (given->dtype == FOV_DTYPE_COUNT || inputs->count == MAX_INPUTS - 1) {
            return FOV_E_UNSUPPORTED;
        }
        for (size_t axis = 0; axis < port->rank; axis++) {
            given->shape.dim[axis] = port->dim[axis] >= 0 ? port->dim[axis] : 1 + (int64_t)(seed % 3);
        }
        if (!shape_count(&given->shape, &count) || count > MAX_ELEMENTS) {
            return FOV_E_UNSUPPORTED;
        }
        double *values = arena_take(arena, count, sizeof *values);
        void   *data = arena_take(arena, count, fov_dtype_size(given->dtype));
        if (values == NULL || data == NULL) {
            return FOV_E_MEMORY;
        }
        for (size_t k = 0; k < count; k++) {
            values[k] = element(seed + i, k);
        }
        convert_from_double(given->dtype, values, data, count);
        given->data = data;
        inputs->count++;
    }
    return 0;
}

static bool fix_wanted(struct inputs *inputs)
{
    bool more = false;
    for (int i = 0; i < inputs->count; i++) {
        if (inputs->given[i].wanted && !inputs->given[i].fixed) {
            inputs->given[i].fixed = more = true;
        }
    }
    return more;
}

/** Imports the model, again with more inputs as constants as long as the importer wants their values. NULL: refused,
 *  with a sentence. */
static fov_graph *load(fov_context *context, const uint8_t *bytes, size_t size, struct inputs *inputs,
                       struct onnx_imported *imported)
{
    struct onnx_import_options options = {.given = inputs->count > 0 ? inputs->given : NULL,
                                          .given_count = inputs->count};
    for (;;) {
        fov_graph *graph = fov_graph_create(context);
        if (graph == NULL) {
            abort();
        }
        int status = onnx_import_with(graph, "fuzz", NULL, bytes, size, &options, imported);
        if (status && fov_error(context)[0] == '\0') {
            abort(); /* refused without a sentence */
        }
        bool again = context->error.status != FOV_E_MEMORY && fix_wanted(inputs);
        if (status == 0 && !again) {
            return graph;
        }
        if (status == 0) {
            onnx_imported_free(imported);
        }
        fov_graph_free(graph);
        if (!again) {
            return NULL;
        }
        fov_error_clear(context);
    }
}

static bool is_quick(const fov_plan *plan)
{
    size_t  bytes = 0;
    int64_t multiply_adds = 0;
    for (int i = 0; i < fov_plan_step_count(plan); i++) {
        fov_plan_step step = fov_plan_step_at(plan, i);
        if (step.bytes > MAX_BYTES || step.multiply_adds < 0 || step.multiply_adds > MAX_MULTIPLY_ADDS) {
            return false;
        }
        bytes += step.bytes;
        multiply_adds += step.multiply_adds;
    }
    return bytes <= MAX_BYTES && multiply_adds <= MAX_MULTIPLY_ADDS;
}

static void plan_and_run(fov_context *context, fov_graph *graph, const struct onnx_imported *imported,
                         const struct inputs *inputs, bool training)
{
    fov_plan *plan = fov_plan_create(graph, imported->outputs, imported->output_count,
                                     &(fov_plan_options){.batch = 2, .training = training});
    if (plan == NULL && fov_error(context)[0] == '\0') {
        abort();
    }
    if (plan == NULL || !is_quick(plan)) {
        fov_plan_free(plan);
        return;
    }
    for (int i = 0; i < imported->input_count && i < inputs->count; i++) {
        bool   fixed = inputs->given[i].fixed;
        void  *place = fixed ? NULL : fov_plan_data(plan, imported->inputs[i]);
        size_t count = 0;
        shape_count(&inputs->given[i].shape, &count);
        if (place != NULL && count > 0) {
            if (fov_plan_bytes(plan, imported->inputs[i]) != count * fov_dtype_size(inputs->given[i].dtype)) {
                abort();
            }
            memcpy(place, inputs->given[i].data, count * fov_dtype_size(inputs->given[i].dtype));
        }
    }
    uint64_t before = fov_context_memory(context).requests;
    fov_plan_run(plan, 0);
    if (fov_context_memory(context).requests != before) {
        abort(); /* a run allocates nothing */
    }
    for (int i = 0; i < imported->output_count; i++) { /* every byte of an output can be read */
        const uint8_t *data = fov_plan_data(plan, imported->outputs[i]);
        size_t         count = fov_plan_bytes(plan, imported->outputs[i]);
        uint8_t       *copy = data != NULL ? malloc(count + 1) : NULL;
        if (copy != NULL) {
            memcpy(copy, data, count);
        }
        free(copy);
    }
    fov_plan_free(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static fov_context *context; /* kept: creating one inspects the machine, which takes longer than most executions */
    if (context == NULL) {
        context = fov_context_create(&(fov_context_options){.threads = 1, .max_memory = MEMORY_LIMIT});
    }
    if (context == NULL) {
        abort();
    }
    size_t               held = fov_context_memory(context).bytes;
    struct onnx_imported imported;
    struct inputs        inputs = {.count = 0};
    struct arena         arena = {.memory = context->memory, .error = &context->error};
    struct onnx_model   *model = arena_take(&arena, 1, sizeof *model);
    if (model != NULL && onnx_decode(model, "fuzz", bytes, size, NULL, &arena, &context->error) == 0 &&
        make_inputs(&inputs, model, &arena, size) == 0) {
        fov_graph *graph = load(context, bytes, size, &inputs, &imported);
        if (graph != NULL) {
            plan_and_run(context, graph, &imported, &inputs, size % 4 == 3);
            onnx_imported_free(&imported);
            fov_graph_free(graph);
        }
    }
    arena_free(&arena);
    fov_error_clear(context);
    if (fov_context_memory(context).bytes != held) {
        abort(); /* memory was not freed */
    }
    return 0;
}
