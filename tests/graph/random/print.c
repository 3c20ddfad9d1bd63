/* SPDX-License-Identifier: MIT */
/* Prints a case, a line per value and node; writes it as a folder of ONNX files, like a conformance case. */
#include "random.h"

#include "base/file.h"
#include "io/onnx/export.h"
#include "io/onnx/onnx.h"
#include "tensor/convert.h"
#include "tensor/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_shape(const fov_shape *shape)
{
    printf("[");
    for (int i = 0; i < shape->rank; i++) {
        printf(shape->dim[i] == FOV_BATCH ? "%sN" : "%s%lld", i > 0 ? ", " : "", (long long)shape->dim[i]);
    }
    printf("]");
}

/** Prints the options that differ from their defaults. */
static void print_options(const struct node *node)
{
    union {
        max_align_t align;
        char bytes[OP_MAX_OPTIONS];
    } standard = {.bytes = {0}};
    op_options_default(node->op, &standard);
    for (const struct op_attribute *at = node->op->attributes; at != NULL && at->name != NULL; at++) {
        const char *place = (const char *)node->options + at->offset, *usual = standard.bytes + at->offset;
        if (at->kind == OP_INTEGER && memcmp(place, usual, sizeof(int64_t)) != 0) {
            printf(", %s %lld", at->name, (long long)*(const int64_t *)(const void *)place);
        } else if (at->kind == OP_NUMBER && memcmp(place, usual, sizeof(double)) != 0) {
            printf(", %s %g", at->name, *(const double *)(const void *)place);
        } else if (at->kind == OP_FLAG && *(const bool *)place != *(const bool *)usual) {
            printf(", %s", at->name);
        } else if (at->kind == OP_CHOICE && memcmp(place, usual, sizeof(int)) != 0) {
            printf(", %s %s", at->name, at->choices[*(const int *)(const void *)place]);
        } else if (at->kind == OP_LIST) {
            const struct op_list *list = (const void *)place;
            for (int i = 0; i < list->count; i++) {
                printf("%s%s %lld", i == 0 ? ", " : "", i == 0 ? at->name : "", (long long)list->at[i]);
            }
        }
    }
}

void random_print(const struct random_case *drawn)
{
    const struct random_settings *s = &drawn->settings;
    const fov_graph *graph = drawn->graph;
    printf("  batch %lld, %s, %d threads (and %d), optimiser %s, rate %g%s", (long long)s->batch, s->isa, s->threads,
           s->other_threads, random_optimiser_names[s->optimiser], (double)s->rate, s->winograd ? ", Winograd" : "");
    printf(s->memory_percent != 0 ? ", and with %d %% of the memory\n" : "\n", s->memory_percent);
    for (size_t v = 1; v < graph->value_count; v++) {
        const struct value *value = graph_value(graph, (int)v);
        if (value->kind != VALUE_RESULT) {
            static const char *const kinds[] = {"input", "parameter", "constant"};
            printf("  %s = %s ", value->name, kinds[value->kind]);
            print_shape(&value->shape);
            printf("%s\n", value->frozen ? ", frozen" : "");
        } else if (value->output == 0) {
            const struct node *node = &graph->nodes[value->node];
            printf("  %s = %s(", value->name, node->op->name);
            for (int i = 0; i < node->in_count; i++) {
                printf("%s%s", i > 0 ? ", " : "", node->in[i] != 0 ? graph_value(graph, node->in[i])->name : "-");
            }
            printf(")");
            print_options(node);
            printf(" -> ");
            print_shape(&value->shape);
            printf("\n");
        }
    }
    printf("  outputs");
    for (int i = 0; i < drawn->output_count; i++) {
        printf(" %s", fov_value_name(graph, drawn->outputs[i]));
    }
    printf("\n");
}

/** Writes one tensor as an ONNX TensorProto file. */
static bool save_tensor(const struct random_case *drawn, const char *path, const struct random_tensor *tensor)
{
    struct text text = {.memory = drawn->context->memory};
    float *data = calloc(tensor->count + 1, sizeof *data);
    FILE *file = fopen(path, "wb");
    convert_from_double(FOV_F32, tensor->values, data, tensor->count);
    exporter_tensor_head(&text, tensor->name, FOV_F32, &tensor->shape, tensor->count * sizeof *data);
    bool saved = file != NULL && fwrite(text.data, 1, text.length, file) == text.length &&
                 fwrite(data, sizeof *data, tensor->count, file) == tensor->count;
    saved = file != NULL && fclose(file) == 0 && saved;
    text_free(&text);
    free(data);
    return saved;
}

static bool save_tensors(const struct random_case *drawn, const char *folder, const char *kind,
                         const struct random_result *result)
{
    char path[512];
    bool saved = result->outcome == RANDOM_RAN;
    for (int i = 0; i < RANDOM_MOST_VALUES; i++) { /* an earlier run may have left files with higher numbers */
        snprintf(path, sizeof path, "%s/test_data_set_0/%s_%d.pb", folder, kind, i);
        if (saved && i < result->count) {
            saved = save_tensor(drawn, path, &result->tensors[i]);
        } else {
            remove(path);
        }
    }
    return saved;
}

bool random_save(const struct random_case *drawn, const char *folder)
{
    fov_value inputs[16];
    struct onnx_exported exported = {
        .inputs = inputs, .outputs = drawn->outputs, .output_count = drawn->output_count, .name = "random"};
    struct random_result given, defined;
    struct error *error = &drawn->context->error;
    char path[512];
    random_inputs(drawn, &given);
    for (int i = 0; i < given.count && i < 16; i++) {
        inputs[exported.input_count++] = fov_find(drawn->graph, given.tensors[i].name);
    }
    snprintf(path, sizeof path, "%s/test_data_set_0", folder);
    bool saved = file_make_directories(path, error) == FOV_OK;
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    saved = saved && onnx_export(drawn->graph, &exported, path, NULL) == FOV_OK;
    if (!saved) {
        printf("  not saved: %s\n", fov_error(drawn->context));
        random_result_free(&given);
        return false;
    }
    random_define(drawn, RANDOM_INFERENCE, 0, 0, &defined);
    saved = save_tensors(drawn, folder, "input", &given) && save_tensors(drawn, folder, "output", &defined);
    printf(saved ? "  saved: %s\n" : "  not saved: the tensors of %s\n", folder);
    random_result_free(&given);
    random_result_free(&defined);
    return saved;
}
