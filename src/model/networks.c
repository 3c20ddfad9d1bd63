/* SPDX-License-Identifier: MIT */
/* Makes models of the zoo by name, and lists its networks. zoo/ builds the networks. */
#include "base/arithmetic.h"
#include "model/backbone.h"
#include "model/model.h"
#include "zoo/zoo.h"
#include <string.h>

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

/* Appends options to `info`; `values`: their defaults for this network, NULL: the table's. */
static void describe_options(const struct attribute *table, const void *values, fov_network_info *info)
{
    const int most = (int)(sizeof info->option / sizeof *info->option);
    for (int i = 0; i < attribute_count(table) && info->option_count < most; i++) {
        const struct attribute *a = &table[i];
        bool choice = a->kind == ATTRIBUTE_CHOICE, flag = a->kind == ATTRIBUTE_FLAG;
        double standard = values != NULL ? attribute_get(a, values) : a->standard;
        const char *word = choice                      ? a->choices[(int)standard]
                           : flag                      ? (standard != 0 ? "yes" : "no")
                           : a->kind == ATTRIBUTE_NAME ? ""
                                                       : NULL;
        int at = info->option_count++;
        info->option[at].name = a->name;
        info->option[at].doc = a->doc;
        info->option[at].word = word;
        info->option[at].choices = choice ? a->choices : NULL;
        info->option[at].standard = standard;
        info->option[at].minimum = a->minimum;
        info->option[at].maximum = a->maximum;
    }
}

fov_network_info fov_network_at(int index)
{
    if (index < 0 || (size_t)index >= zoo_table_count) {
        return (fov_network_info){0};
    }
    const struct zoo_network *n = zoo_table[index];
    fov_network_info info = {.name = n->name,
                             .family = n->family,
                             .summary = n->summary,
                             .year = n->year,
                             .paper = n->paper,
                             .accuracy = n->accuracy,
                             .reference = n->reference,
                             .task = n->task != NULL ? n->task : "classify",
                             .one_task = n->one_task,
                             .channels = n->standard.channels,
                             .height = n->standard.height,
                             .width = n->standard.width,
                             .classes = n->standard.classes,
                             .pad = n->pad,
                             .backbone = n->features != NULL};
    for (int list = 0; list < ZOO_ATTRIBUTE_LISTS; list++) {
        describe_options(zoo_attributes(n, (enum zoo_attribute_list)list), list == ZOO_OWN ? NULL : &n->common, &info);
    }
    return info;
}

bool fov_network_has_option(const char *option)
{
    if (option == NULL) {
        return false;
    }
    bool found = false;
    for (size_t i = 0; i < zoo_table_count * ZOO_ATTRIBUTE_LISTS && !found; i++) {
        enum zoo_attribute_list list = (enum zoo_attribute_list)(i % ZOO_ATTRIBUTE_LISTS);
        found = attribute_find(zoo_attributes(zoo_table[i / ZOO_ATTRIBUTE_LISTS], list), option) != NULL;
    }
    return found;
}

/* The requested input size and classes, with the network's own where an option is 0. */
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

/* Builds the network and states its inputs, its outputs (logits, then auxiliary heads, then a generator's picture), and
 * that a single number is a logit. */
static int add_network(fov_model *model, struct zoo_build *build)
{
    const struct zoo_input *input = &build->input;
    int pad = build->network->pad;
    build->graph = model->graph;
    fov_value x =
        fov_input(model->graph, .name = build->network->input_name != NULL ? build->network->input_name : "input",
                  .shape = {4, {FOV_BATCH, input->channels, input->height + 2 * pad, input->width + 2 * pad}});
    fov_value outputs[1 + ZOO_AUXILIARIES + 1] = {zoo_make(build, x)};
    memcpy(outputs + 1, build->auxiliary, sizeof build->auxiliary);
    bool makes_pictures = build->noise.id != 0;
    const fov_value inputs[] = {x, build->noise};
    outputs[1 + build->auxiliary_count] = build->picture;
    int status = build->network->output_name != NULL && outputs[0].id != 0
                     ? graph_rename(model->graph, outputs[0].id, build->network->output_name)
                     : FOV_OK;
    status = status == FOV_OK ? fov_model_set_inputs_outputs(model, inputs, 1 + makes_pictures, outputs,
                                                             1 + build->auxiliary_count + makes_pictures)
                              : status;
    if (build->network->one_task) {
        fov_model_set_task(model, build->network->task);
    } else if (status == FOV_OK && model->outputs[0].meaning == FOV_MEANING_VALUES) {
        status = fov_model_set_meaning(model, outputs[0], FOV_MEANING_LOGITS);
    }
    for (int i = 0; i < build->auxiliary_count && status == FOV_OK; i++) {
        status = fov_model_set_auxiliary(model, build->auxiliary[i], build->auxiliary_share);
    }
    if (status != FOV_OK) {
        error_prefix(&model->context->error, "network \"%s\" for %d x %d x %d pixels", build->network->name,
                     input->channels, input->height, input->width);
    }
    return status;
}

/* Takes over the preprocessing of pixels from the backbone's file. */
static void take_pixels(fov_model *model, const fov_preprocessing *of)
{
    fov_preprocessing *p = &model->preprocessing;
    memcpy(p->mean, of->mean, sizeof p->mean);
    memcpy(p->deviation, of->deviation, sizeof p->deviation);
    p->scale = of->scale;
    p->bgr = of->bgr;
}

static fov_model *make_network(fov_context *context, const char *name, const fov_network_options *options)
{
    struct zoo_build build;
    struct backbone_files files = backbone_files();
    if (context == NULL || zoo_parse(&build, name != NULL ? name : "", &context->error) != FOV_OK ||
        resolve_input(build.network, options, &build.input, &context->error) != FOV_OK) {
        return NULL;
    }
    build.files = &files.files;
    fov_model *model = fov_model_create(context);
    if (model == NULL || add_network(model, &build) != FOV_OK) {
        fov_model_free(model);
        return NULL;
    }
    const struct zoo_network *network = build.network;
    fov_model_set_name(model, name);
    model->preprocessing.letterbox = network->whole_pictures ? FOV_LETTERBOX_CORNER : FOV_LETTERBOX_NONE;
    if (network->raw_pixels && build.standing_on == NULL) {
        model->preprocessing.scale = 1;
        model->preprocessing.bgr = true;
    }
    network = network->raw_pixels && build.standing_on != NULL ? build.standing_on : network;
    for (int c = 0; c < 4; c++) {
        /* What the network states for one channel holds for each of a coloured picture. */
        int from = c < network->standard.channels ? c : network->standard.channels - 1;
        model->preprocessing.mean[c] = network->mean[from];
        model->preprocessing.deviation[c] = network->deviation[from];
    }
    model->preprocessing.pad = network->pad;
    if (files.is_used) {
        take_pixels(model, &files.preprocessing);
    }
    model->preprocessing_by_name = !files.is_used;
    return model;
}

void model_take_published(fov_model *model)
{
    struct error none = {.status = FOV_OK}; /* dropped: a name that is not of the zoo has nothing published */
    struct zoo_build build;
    int channels, height, width;
    if (!model->preprocessing_by_name || zoo_parse(&build, model->name, &none) != FOV_OK) {
        return;
    }
    const struct zoo_network *network = build.network;
    bool is_published = network->shorter > 0 && fov_model_classes(model) == network->standard.classes &&
                        fov_model_picture_size(model, &channels, &height, &width) &&
                        channels == network->standard.channels;
    if (is_published) {
        int side = height < width ? height : width, standard = network->standard.height;
        model->preprocessing.shorter = (2 * network->shorter * side + standard) / (2 * standard);
    }
}

fov_model *fov_model_network(fov_context *context, const char *name, const fov_network_options *options)
{
    if (context == NULL) {
        return NULL;
    }
    if (name == NULL) {
        call_refuse(context, "fov_model_network: name is NULL");
        return NULL;
    }
    struct call call = call_begin(context);
    fov_model *made = make_network(context, name, options);
    call_end(&call);
    return made;
}
