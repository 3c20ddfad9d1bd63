/* SPDX-License-Identifier: MIT */
/* Finds the layers of content and style and applies the network to a picture within its graph. */
#include "task/perceptual.h"
#include "base/text.h"
#include "graph/copy.h"
#include "graph/names.h"
#include <fovea/operators.h>
#include <stdio.h>
#include <string.h>

/* ---- which layers ------------------------------------------------------------------------------------------------ */

static bool is_map(const struct value *value)
{
    return value->kind == VALUE_RESULT && value->dtype == FOV_F32 && value->shape.rank == 4 &&
           value->shape.dim[2] > 1 && value->shape.dim[3] > 1;
}

static bool is_activation(const struct node *node)
{
    return node->op->family == OP_ACTIVATION && node->op->as_activation != NULL;
}

/* Chooses the layers from all activations of maps, in the order of the network; map sizes fall along it. */
static int usual_layers(const fov_model *network, struct perceptual_layers *layers, struct error *error)
{
    const fov_graph *graph = network->graph;
    int second[PERCEPTUAL_MOST] = {0}, sizes = 0;
    int64_t rows = INT64_MAX;
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        const struct value *value = graph_value(graph, node->out[0]);
        if (!is_activation(node) || !is_map(value) || value->shape.dim[2] > rows) {
            continue;
        }
        if (value->shape.dim[2] < rows && sizes < PERCEPTUAL_MOST) {
            rows = value->shape.dim[2];
            layers->style[sizes++] = node->out[0];
        } else if (sizes > 0 && second[sizes - 1] == 0) {
            second[sizes - 1] = node->out[0];
        }
    }
    if (sizes == 0) {
        return error_set(error, FOV_E_SHAPE, "%s has no activation of maps to look at", network->name);
    }
    int at = sizes > 1 ? sizes - 2 : 0;
    layers->style_count = sizes;
    layers->content = second[at] != 0 ? second[at] : layers->style[at];
    return FOV_OK;
}

/* Reads the next name of a list into `name`; false at the end of the list. */
static bool next_name(const char **at, char *name, size_t size)
{
    *at += strspn(*at, ", ");
    size_t length = strcspn(*at, ", ");
    snprintf(name, size, "%.*s", (int)(length < size ? length : size - 1), *at);
    *at += length;
    return length > 0;
}

static int find_layer(const fov_model *network, const char *name, struct error *error)
{
    int id = names_find_result(network->graph, name, network->input.id, error);
    char shown[128];
    if (id != 0 && !is_map(graph_value(network->graph, id))) {
        error_set(error, FOV_E_SHAPE, "layer \"%s\" is no map [N, C, H, W]",
                  text_escape(shown, sizeof shown, name));
        return 0;
    }
    return id;
}

int perceptual_choose(const fov_model *network, const char *content, const char *style,
                      struct perceptual_layers *layers, struct error *error)
{
    struct model_picture picture;
    char name[256];
    *layers = (struct perceptual_layers){.content = 0};
    if (!model_picture(network, &picture) || picture.channels != 3 || picture.channels_last) {
        return error_set(error, FOV_E_SHAPE, "%s does not read pictures [N, 3, height, width]",
                         network->name[0] != '\0' ? network->name : "the network");
    }
    if ((content == NULL || style == NULL) && usual_layers(network, layers, error) != FOV_OK) {
        return (int)error->status;
    }
    if (content != NULL) {
        layers->content = find_layer(network, content, error);
    }
    if (style != NULL) {
        layers->style_count = 0;
    }
    for (const char *at = style; at != NULL && error->status == FOV_OK && next_name(&at, name, sizeof name);) {
        if (layers->style_count == PERCEPTUAL_MOST) {
            return error_set(error, FOV_E_USAGE, "more than %d layers of style", PERCEPTUAL_MOST);
        }
        layers->style[layers->style_count++] = find_layer(network, name, error);
    }
    return (int)error->status;
}

/* ---- behind a picture -------------------------------------------------------------------------------------------- */

static fov_value channel_numbers(fov_graph *graph, const float numbers[3])
{
    return fov_constant(graph, NULL, FOV_F32, (fov_shape){4, {1, 3, 1, 1}}, numbers);
}

/* Applies the network's preprocessing to a picture of values 0..1. */
static fov_value normalise(fov_graph *graph, const fov_model *network, fov_value picture)
{
    const fov_preprocessing *p = &network->preprocessing;
    float factor[3], offset[3];
    for (int c = 0; c < 3; c++) {
        float deviation = p->deviation[c] != 0.0f ? p->deviation[c] : 1.0f;
        factor[c] = (p->scale > 0.0f ? 255.0f * p->scale : 1.0f) / deviation;
        offset[c] = -p->mean[c] / deviation;
    }
    return fov_add(graph, fov_mul(graph, picture, channel_numbers(graph, factor)), channel_numbers(graph, offset));
}

struct perceptual_maps perceptual_add(fov_graph *graph, const fov_model *network,
                                      const struct perceptual_layers *layers, fov_value picture, const char *prefix)
{
    struct memory *memory = graph->context->memory;
    struct error *error = &graph->context->error;
    struct perceptual_maps maps = {.content = {0}};
    int wanted[PERCEPTUAL_MOST + 1] = {layers->content};
    memcpy(wanted + 1, layers->style, (size_t)layers->style_count * sizeof *wanted);
    int *copy = memory_allocate(memory, network->graph->value_count, sizeof *copy, "a network's values", error);
    fov_value input = copy != NULL ? normalise(graph, network, picture) : (fov_value){0};
    if (input.id != 0 && graph_insert(graph, network->graph, network->input, input, wanted, layers->style_count + 1,
                                      prefix, GRAPH_FIXED, copy) == FOV_OK) {
        maps.content.id = copy[layers->content];
        for (int i = 0; i < layers->style_count; i++) {
            maps.style[i].id = copy[layers->style[i]];
        }
    }
    memory_free(memory, copy);
    if (maps.content.id == 0) {
        graph_fail(graph);
    }
    return maps;
}

fov_value perceptual_gram(fov_graph *graph, fov_value map)
{
    fov_shape s = fov_value_shape(graph, map);
    if (graph->failed) {
        return (fov_value){0};
    }
    fov_value rows = fov_reshape(graph, map, (fov_shape){3, {s.dim[0], s.dim[1], s.dim[2] * s.dim[3]}});
    fov_value columns = fov_transpose(graph, rows, (const int[]){0, 2, 1}, 3);
    float share = 1.0f / (float)(s.dim[1] * s.dim[2] * s.dim[3]);
    return fov_mul(graph, fov_matmul(graph, rows, columns), fov_constant(graph, NULL, FOV_F32, (fov_shape){0}, &share));
}
