/* SPDX-License-Identifier: MIT */
/* Looks networks up by name and builds them. The table itself is generated from the files of this folder by
 * cmake/tables.cmake; read mlp.c for the smallest of them. */
#include "zoo/zoo.h"
#include "base/text.h"
#include "graph/graph.h"
#include <stdio.h>
#include <string.h>

static const char *const attentions[] = {"none", "se", "cbam", "eca", NULL};
static const char *const convolutions[] = {"plain", "separable", "dynamic", NULL};

static const struct attribute common_attributes[] = {
    {ATTRIBUTE(struct zoo_common, attention), .kind = ATTRIBUTE_CHOICE, .choices = attentions,
     .doc = "in each residual branch, else after each stage"},
    {ATTRIBUTE(struct zoo_common, convolution), .kind = ATTRIBUTE_CHOICE, .choices = convolutions,
     .doc = "what convolutions wider than a pixel are made of"},
    {.name = NULL},
};
static const struct attribute head_attributes[] = {
    {ATTRIBUTE(struct zoo_common, dropout), .kind = ATTRIBUTE_NUMBER, .maximum = 0.99,
     .doc = "before the last layers, in training"},
    {.name = NULL},
};

const struct attribute *zoo_attributes(const struct zoo_network *network, enum zoo_attribute_list list)
{
    if (list == ZOO_OWN) {
        return network->attributes;
    }
    if (network->features == NULL || (list == ZOO_HEAD && network->task != NULL)) {
        return NULL;
    }
    return list == ZOO_COMMON ? common_attributes : head_attributes;
}

const struct zoo_network *zoo_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < zoo_table_count; i++) {
        if (strcmp(zoo_table[i]->name, name) == 0) {
            return zoo_table[i];
        }
    }
    return NULL;
}

/* ---- names and options ------------------------------------------------------------------------------------------- */

static const char *network_name_at(const void *list, size_t index)
{
    (void)list;
    return zoo_table[index]->name;
}

/* E_USAGE with the nearest known name, or with the command that lists all names. */
static int fail_unknown_network(const char *name, struct error *error)
{
    char shown[128];
    text_escape(shown, sizeof shown, name);
    const char *nearest = text_nearest(name, NULL, zoo_table_count, network_name_at);
    if (nearest != NULL) {
        return error_set(error, FOV_E_USAGE, "there is no network \"%s\"; did you mean \"%s\"?", shown, nearest);
    }
    return error_set(error, FOV_E_USAGE, "there is no network \"%s\"; \"fovea zoo\" lists the %zu there are", shown,
                     zoo_table_count);
}

/* An option of a network, one of its own or a common one, and the struct that it sets. */
struct option_at {
    const struct attribute *attribute;
    void *options;
};

static struct option_at find_option(struct zoo_build *b, const char *name)
{
    const struct attribute *found = NULL;
    int list = 0;
    for (; list < ZOO_ATTRIBUTE_LISTS && found == NULL; list++) {
        found = attribute_find(zoo_attributes(b->network, (enum zoo_attribute_list)list), name);
    }
    return (struct option_at){found, list - 1 == ZOO_OWN ? (void *)b->options : &b->common};
}

static int fail_unknown_option(const struct zoo_build *b, const char *name, struct error *error)
{
    char known[256] = "";
    size_t used = 0;
    for (int l = 0; l < ZOO_ATTRIBUTE_LISTS; l++) {
        const struct attribute *list = zoo_attributes(b->network, (enum zoo_attribute_list)l);
        for (int i = 0; i < attribute_count(list); i++) {
            used = text_append(known, sizeof known, used, "%s%s", used > 0 ? ", " : "", list[i].name);
        }
    }
    char shown[128];
    return error_set(error, FOV_E_USAGE, "network \"%s\" has no option \"%s\"; it has %s", b->network->name,
                     text_escape(shown, sizeof shown, name), used > 0 ? known : "none");
}

static int set_option(struct zoo_build *b, const char *text, size_t length, struct error *error)
{
    char word[ATTRIBUTE_NAME_SIZE + 64];
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), text);
    char *equals = strchr(word, '=');
    if (equals == NULL || length >= sizeof word) {
        return error_set(error, FOV_E_USAGE, "network \"%s\": \"%s\" is not OPTION=VALUE", b->network->name, word);
    }
    *equals = '\0';
    struct option_at at = find_option(b, word);
    if (at.attribute == NULL) {
        return fail_unknown_option(b, word, error);
    }
    int status = attribute_set(at.attribute, at.options, equals + 1, error);
    if (status != FOV_OK) {
        error_prefix(error, "network \"%s\"", b->network->name);
    }
    return status;
}

int zoo_parse(struct zoo_build *b, const char *text, struct error *error)
{
    char name[64];
    size_t length = strcspn(text, ":");
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), text);
    *b = (struct zoo_build){.network = zoo_find(name)};
    if (b->network == NULL) {
        return fail_unknown_network(name, error);
    }
    b->common = b->network->common;
    attribute_defaults(b->network->attributes, b->options, b->network->options_size);
    while (text[length] == ':') {
        const char *word = text + length + 1;
        size_t more = strcspn(word, ":");
        int status = set_option(b, word, more, error);
        if (status != FOV_OK) {
            return status;
        }
        length += 1 + more;
    }
    return FOV_OK;
}

/* ---- building ---------------------------------------------------------------------------------------------------- */

fov_value zoo_make(struct zoo_build *b, fov_value x)
{
    x = b->network->features != NULL ? b->network->features(b, x) : x;
    return b->network->head(b, x);
}

static bool is_file(const char *name)
{
    size_t length = strlen(name), end = sizeof ".onnx" - 1;
    return strchr(name, '/') != NULL || (length > end && strcmp(name + length - end, ".onnx") == 0);
}

fov_value zoo_backbone(struct zoo_build *b, const char *name, fov_value x)
{
    struct zoo_build inner;
    if (b->files != NULL && is_file(name)) {
        return b->files->features(b->files, b, name, x);
    }
    if (zoo_parse(&inner, name, &fov_graph_context(b->graph)->error) != FOV_OK) {
        return fov_graph_fail(b->graph, NULL, FOV_E_USAGE, "backbone");
    }
    if (inner.network->features == NULL) {
        return fov_graph_fail(b->graph, NULL, FOV_E_USAGE, "network \"%s\" has no stages to stand on", name);
    }
    inner.graph = b->graph;
    inner.input = b->input;
    inner.is_backbone = true;
    inner.output_stride = b->output_stride;
    inner.common.attention = b->common.attention != 0 ? b->common.attention : inner.common.attention;
    inner.common.convolution = b->common.convolution != 0 ? b->common.convolution : inner.common.convolution;
    x = inner.network->features(&inner, x);
    memcpy(b->stage, inner.stage, sizeof b->stage);
    b->standing_on = inner.network;
    return x;
}

void zoo_add_auxiliary(struct zoo_build *b, fov_value logits, float share)
{
    b->auxiliary[b->auxiliary_count++] = logits;
    b->auxiliary_share = share;
}

void zoo_stage(struct zoo_build *b, int stride, fov_value x)
{
    for (int i = 0; i < ZOO_STAGES; i++) {
        if (stride == 2 << i) {
            b->stage[i] = x;
        }
    }
}
