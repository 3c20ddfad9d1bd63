/* SPDX-License-Identifier: MIT */
/* A model's life: made empty or from the zoo, given classes and preprocessing, freed. Its inputs and outputs are in
 * inputs_outputs.c, files in load.c and save.c, use in predict.c, the table of layers in summary.c. */
#include "model/model.h"
#include "base/arithmetic.h"
#include "base/text.h"
#include "zoo/zoo.h"
#include <stdio.h>
#include <string.h>

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
    model_forget_fills(model);
    memory_free(memory, model->inputs);
    memory_free(memory, model->outputs);
    memory_free(memory, model->graph_name);
    memory_free(memory, model->doc);
    memory_free(memory, model->notes);
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
    for (size_t i = 0, used = 0; i < zoo_table_count; i++) {
        used = text_append(known, sizeof known, used, "%s%s", i > 0 ? ", " : "", zoo_table[i]->name);
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

static fov_model *make_network(fov_context *context, const char *name, const fov_network_options *options)
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
    if (logits.id == 0 || fov_model_set_input_output(model, x, logits) != FOV_OK) {
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

fov_model *fov_model_network(fov_context *context, const char *name, const fov_network_options *options)
{
    struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
    fov_model *made = make_network(context, name, options);
    arithmetic_leave(mode);
    return made;
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

fov_graph *fov_model_graph(fov_model *model)
{
    return model->graph;
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

bool fov_model_states_preprocessing(const fov_model *model)
{
    return !model->preprocessing_assumed;
}

void fov_model_set_preprocessing(fov_model *model, const fov_preprocessing *preprocessing)
{
    model->preprocessing = preprocessing != NULL ? *preprocessing : (fov_preprocessing){0};
    model->preprocessing_assumed = false;
}

int fov_model_classes(const fov_model *model)
{
    return model_scores(model, model->output).classes;
}

const char *fov_model_class(const fov_model *model, int index)
{
    /* The names in a file may be those of another output. */
    bool is_named = model->class_names != NULL && model->class_count == fov_model_classes(model);
    if (is_named && index >= 0 && index < model->class_count) {
        return model->class_names[index];
    }
    return index >= 0 && index < model->number_count ? model->class_numbers + (size_t)index * CLASS_NUMBER_SIZE : "";
}

/* One block: the pointers, then the texts they point at. */
static char **copy_names(fov_model *model, const char *const *names, int count)
{
    size_t bytes = (size_t)count * sizeof *names;
    for (int i = 0; i < count; i++) {
        bytes += strlen(names[i]) + 1;
    }
    char **block = memory_allocate(model->context->memory, bytes, 1, "class names", &model->context->error);
    char *text = (char *)(block + count);
    for (int i = 0; block != NULL && i < count; i++) {
        size_t length = strlen(names[i]) + 1;
        block[i] = memcpy(text, names[i], length);
        text += length;
    }
    return block;
}

/* Has some output as many classes? Of a single number, which may be a logit, there are two. */
static bool fits_an_output(const fov_model *model, int count)
{
    for (int i = 0; i < model->output_count; i++) {
        fov_value output = model->outputs[i].value;
        if (model_scores(model, output).classes == count || (count == 2 && model_count_values(model, output) == 1)) {
            return true;
        }
    }
    return model->output_count == 0;
}

int fov_model_set_classes(fov_model *model, const char *const *names, int count)
{
    struct error *error = &model->context->error;
    if (count < 0 || (count > 0 && names == NULL)) {
        return error_set(error, FOV_E_USAGE, "fov_model_set_classes: %d classes without names", count);
    }
    if (count > 0 && !fits_an_output(model, count)) {
        return error_set(error, FOV_E_SHAPE, "%d class names for a model with %d outputs", count,
                         fov_model_classes(model));
    }
    char **block = count > 0 ? copy_names(model, names, count) : NULL;
    if (count > 0 && block == NULL) {
        return (int)error->status;
    }
    memory_free(model->context->memory, model->class_names);
    model->class_names = block;
    model->class_count = count;
    for (int i = 0; i < model->output_count; i++) { /* a number with two names is no measure of anything */
        struct model_output *output = &model->outputs[i];
        bool is_score = count == 2 && output->value.id == model->output.id && output->meaning == FOV_MEANING_VALUES;
        output->is_stated = output->is_stated && !is_score;
    }
    return model->output_count > 0 ? model_find_meanings(model) : FOV_OK;
}
