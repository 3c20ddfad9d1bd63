/* SPDX-License-Identifier: MIT */
/* A model's life: made empty or from the zoo, given ends, classes and preprocessing, freed. Files are in load.c and
 * save.c, use in predict.c, the table of layers in summary.c. */
#include "model/model.h"
#include "base/text.h"
#include "zoo/zoo.h"
#include <stdio.h>
#include <string.h>

enum { NUMBER_SIZE = 12 }; /* a decimal int and its end */

fov_model *fov_model_create(fov_context *context)
{
    if (context == NULL) {
        return NULL;
    }
    fov_model *model = memory_allocate(context->memory, 1, sizeof *model, "a model", &context->error);
    if (model == NULL) {
        return NULL;
    }
    model->context = context;
    model->graph = fov_graph_create(context);
    if (model->graph == NULL) {
        fov_model_free(model);
        return NULL;
    }
    return model;
}

void fov_model_free(fov_model *model)
{
    if (model == NULL) {
        return;
    }
    struct memory *memory = model->context->memory;
    fov_plan_free(model->predict_plan); /* before the graph it was made from */
    fov_graph_free(model->graph);
    memory_free(memory, model->class_names);
    memory_free(memory, model->class_numbers);
    memory_free(memory, model->layers);
    memory_free(memory, model);
}

/* ---- networks by name -------------------------------------------------------------------------------------------- */

int fov_network_count(void)
{
    return (int)zoo_table_count;
}

const char *fov_network_name(int index)
{
    return index >= 0 && (size_t)index < zoo_table_count ? zoo_table[index]->name : NULL;
}

const char *fov_network_summary(int index)
{
    return index >= 0 && (size_t)index < zoo_table_count ? zoo_table[index]->summary : NULL;
}

static const char *network_name_at(const void *list, size_t index)
{
    (void)list;
    return zoo_table[index]->name;
}

/* E_USAGE with the nearest known name, or with all of them. */
static void fail_unknown_network(fov_context *context, const char *name)
{
    char shown[128], known[256] = "";
    text_escape(shown, sizeof shown, name);
    const char *nearest = text_nearest(name, NULL, zoo_table_count, network_name_at);
    if (nearest != NULL) {
        error_set(&context->error, FOV_E_USAGE, "there is no network \"%s\"; did you mean \"%s\"?", shown, nearest);
        return;
    }
    for (size_t i = 0, used = 0; i < zoo_table_count && used < sizeof known - 1; i++) {
        int more = snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", zoo_table[i]->name);
        used += more > 0 ? (size_t)more : 0;
    }
    error_set(&context->error, FOV_E_USAGE, "there is no network \"%s\"; there are %s", shown, known);
}

/* The asked-for input with the network's own numbers where nothing was asked. */
static int resolve_input(const struct zoo_network *network, const fov_network_options *options, struct zoo_input *input,
                         struct error *error)
{
    static const fov_network_options none;
    const fov_network_options *o = options != NULL ? options : &none;
    *input = (struct zoo_input){o->channels != 0 ? o->channels : network->standard.channels,
                                o->height != 0 ? o->height : network->standard.height,
                                o->width != 0 ? o->width : network->standard.width,
                                o->classes != 0 ? o->classes : network->standard.classes};
    if (input->channels < 1 || input->channels > 4) {
        return error_set(error, FOV_E_USAGE, "network \"%s\": a picture has 1 to 4 channels, not %d", network->name,
                         input->channels);
    }
    if (input->height < 1 || input->width < 1 || input->height > 16384 || input->width > 16384) {
        return error_set(error, FOV_E_USAGE, "network \"%s\": input of %d x %d pixels (1 to 16,384 a side)",
                         network->name, input->height, input->width);
    }
    if (input->classes < 1 || input->classes > 1000000) {
        return error_set(error, FOV_E_USAGE, "network \"%s\": %d classes (1 to 1,000,000)", network->name,
                         input->classes);
    }
    return FOV_OK;
}

fov_model *fov_model_network(fov_context *context, const char *name, const fov_network_options *options)
{
    if (context == NULL) {
        return NULL;
    }
    const struct zoo_network *network = zoo_find(name);
    if (network == NULL) {
        fail_unknown_network(context, name != NULL ? name : "");
        return NULL;
    }
    struct zoo_input input;
    if (resolve_input(network, options, &input, &context->error) != FOV_OK) {
        return NULL;
    }
    fov_model *model = fov_model_create(context);
    if (model == NULL) {
        return NULL;
    }
    fov_value x = fov_input(
        model->graph, .name = "input",
        .shape = {4, {FOV_BATCH, input.channels, input.height + 2 * network->pad, input.width + 2 * network->pad}});
    fov_value logits = network->build(model->graph, x, &input);
    if (logits.id == 0 || fov_model_set_ends(model, x, logits) != FOV_OK) {
        error_prefix(&context->error, "network \"%s\" for %d x %d x %d pixels", network->name, input.channels,
                     input.height, input.width);
        fov_model_free(model);
        return NULL;
    }
    fov_model_set_name(model, network->name);
    for (int c = 0; c < 4; c++) {
        /* What the network states for one channel holds for each of a coloured picture. */
        int from = c < network->standard.channels ? c : network->standard.channels - 1;
        model->preprocessing.mean[c] = network->mean[from];
        model->preprocessing.deviation[c] = network->deviation[from];
    }
    model->preprocessing.pad = network->pad;
    return model;
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

fov_graph *fov_model_graph(fov_model *model)
{
    return model->graph;
}

fov_value fov_model_input(const fov_model *model)
{
    return model->input;
}

fov_value fov_model_output(const fov_model *model)
{
    return model->output;
}

/* "0", "1", ... for classes without names: fov_model_class hands out pointers that must stay. */
static int number_classes(fov_model *model, int count)
{
    char *numbers =
        memory_allocate(model->context->memory, (size_t)count, NUMBER_SIZE, "class numbers", &model->context->error);
    if (numbers == NULL) {
        return (int)model->context->error.status;
    }
    for (int i = 0; i < count; i++) {
        snprintf(numbers + (size_t)i * NUMBER_SIZE, NUMBER_SIZE, "%d", i);
    }
    memory_free(model->context->memory, model->class_numbers);
    model->class_numbers = numbers;
    model->number_count = count;
    return FOV_OK;
}

/* Classes of a classifier's output: all that is left beside the batch, as in [N, 10] and [N, 1000, 1, 1]. */
static int64_t output_classes(const fov_model *model)
{
    if (model->output.id == 0) {
        return 0;
    }
    fov_shape shape = graph_value(model->graph, model->output.id)->shape;
    fov_shape sample = shape_with_batch(&shape, 1);
    size_t count;
    return shape_count(&sample, &count) && count <= 1000000 ? (int64_t)count : 0;
}

int fov_model_set_ends(fov_model *model, fov_value input, fov_value output)
{
    struct error *error = &model->context->error;
    int last = (int)model->graph->value_count;
    if (model->graph->failed || input.id == 0 || output.id == 0) {
        /* The builder call that failed has said why. */
        return error->status != FOV_OK
                   ? (int)error->status
                   : (int)error_set(error, FOV_E_USAGE, "a model's input and output must be values");
    }
    if (input.id < 0 || input.id >= last || output.id < 0 || output.id >= last) {
        return error_set(error, FOV_E_USAGE, "a model's input and output must be values of its own graph");
    }
    if (graph_value(model->graph, input.id)->kind != VALUE_INPUT) {
        return error_set(error, FOV_E_USAGE, "a model's input must be made with fov_input; \"%s\" is not",
                         graph_value(model->graph, input.id)->name);
    }
    if (graph_value(model->graph, output.id)->kind != VALUE_RESULT) {
        return error_set(error, FOV_E_USAGE, "a model's output must be the result of an operator; \"%s\" is not",
                         graph_value(model->graph, output.id)->name);
    }
    /* What was compiled or derived for other ends does not hold any more. */
    fov_plan_free(model->predict_plan);
    model->predict_plan = NULL;
    model->probabilities = (fov_value){0};
    model->input = input;
    model->output = output;
    int classes = (int)output_classes(model);
    return classes > 0 ? number_classes(model, classes) : FOV_OK;
}

/* The same numbers under another shape. */
static bool only_reshapes(const struct op *op)
{
    return op->view || strcmp(op->name, "identity") == 0;
}

fov_value model_logits(const fov_model *model)
{
    const fov_graph *graph = model->graph;
    int at = model->output.id;
    while (at != 0 && graph_value(graph, at)->kind == VALUE_RESULT) {
        const struct node *node = &graph->nodes[graph_value(graph, at)->node];
        if (strcmp(node->op->name, "softmax") == 0) {
            return (fov_value){node->in[0]};
        }
        if (!only_reshapes(node->op)) {
            break;
        }
        at = node->in[0];
    }
    return model->output;
}

const char *fov_model_name(const fov_model *model)
{
    return model->name;
}

void fov_model_set_name(fov_model *model, const char *name)
{
    text_escape(model->name, sizeof model->name, name != NULL ? name : "");
}

fov_preprocessing fov_model_preprocessing(const fov_model *model)
{
    return model->preprocessing;
}

void fov_model_set_preprocessing(fov_model *model, const fov_preprocessing *preprocessing)
{
    model->preprocessing = preprocessing != NULL ? *preprocessing : (fov_preprocessing){0};
}

int fov_model_classes(const fov_model *model)
{
    return model->class_count > 0 ? model->class_count : (int)output_classes(model);
}

const char *fov_model_class(const fov_model *model, int index)
{
    if (index >= 0 && index < model->class_count && model->class_names != NULL) {
        return model->class_names[index];
    }
    return index >= 0 && index < model->number_count ? model->class_numbers + (size_t)index * NUMBER_SIZE : "";
}

int fov_model_set_classes(fov_model *model, const char *const *names, int count)
{
    struct error *error = &model->context->error;
    if (count < 0 || (count > 0 && names == NULL)) {
        return error_set(error, FOV_E_USAGE, "fov_model_set_classes: %d classes without names", count);
    }
    int64_t outputs = output_classes(model);
    if (count > 0 && outputs > 0 && count != outputs) {
        return error_set(error, FOV_E_SHAPE, "%d class names for a model with %lld outputs", count, (long long)outputs);
    }
    char **block = NULL;
    if (count > 0) {
        /* One block: the pointers, then the texts they point at. */
        size_t bytes = (size_t)count * sizeof *block;
        for (int i = 0; i < count; i++) {
            bytes += strlen(names[i]) + 1;
        }
        block = memory_allocate(model->context->memory, bytes, 1, "class names", error);
        if (block == NULL) {
            return (int)error->status;
        }
        char *text = (char *)(block + count);
        for (int i = 0; i < count; i++) {
            size_t length = strlen(names[i]) + 1;
            block[i] = memcpy(text, names[i], length);
            text += length;
        }
    }
    memory_free(model->context->memory, model->class_names);
    model->class_names = block;
    model->class_count = count;
    return FOV_OK;
}
