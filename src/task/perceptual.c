/* SPDX-License-Identifier: MIT */
/* Finds the layers of content and style and applies the network to a picture within its graph. */
#include "task/perceptual.h"
#include "base/text.h"
#include "graph/copy.h"
#include "graph/names.h"
#include "image/image.h"
#include "image/resize.h"
#include <fovea/operators.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHANNELS = PERCEPTUAL_CHANNELS, LEAST_SIDE = 16 };

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
static int usual_layers(const fov_model *network, enum perceptual_depth depth, struct perceptual_layers *layers,
                        struct error *error)
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
    int at = sizes < 2 ? 0 : depth == PERCEPTUAL_DEEP ? sizes - 2 : 1;
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

int perceptual_choose(const fov_model *network, const char *content, const char *style, enum perceptual_depth depth,
                      struct perceptual_layers *layers, struct error *error)
{
    struct model_picture picture;
    char name[256];
    *layers = (struct perceptual_layers){.content = 0};
    if (!model_picture(network, &picture) || picture.channels != CHANNELS || picture.channels_last) {
        return error_set(error, FOV_E_SHAPE, "%s does not read pictures [N, 3, height, width]",
                         network->name[0] != '\0' ? network->name : "the network");
    }
    if ((content == NULL || style == NULL) && usual_layers(network, depth, layers, error) != FOV_OK) {
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

static fov_value channel_numbers(fov_graph *graph, const float numbers[CHANNELS])
{
    return fov_constant(graph, NULL, FOV_F32, (fov_shape){4, {1, CHANNELS, 1, 1}}, numbers);
}

static fov_value reverse_channels(fov_graph *graph, fov_value picture)
{
    fov_value channel[CHANNELS];
    for (int c = 0; c < CHANNELS; c++) {
        channel[CHANNELS - 1 - c] = fov_slice(graph, picture, 1, c, 1, 1);
    }
    return fov_concat(graph, channel, CHANNELS, 1);
}

/* Applies the network's preprocessing to a picture of values 0..1. */
static fov_value normalise(fov_graph *graph, const fov_model *network, fov_value picture)
{
    const fov_preprocessing *p = &network->preprocessing;
    float factor[CHANNELS], offset[CHANNELS];
    for (int c = 0; c < CHANNELS; c++) {
        float deviation = p->deviation[c] != 0.0f ? p->deviation[c] : 1.0f;
        factor[c] = (p->scale > 0.0f ? 255.0f * p->scale : 1.0f) / deviation;
        offset[c] = -p->mean[c] / deviation;
    }
    picture = p->bgr ? reverse_channels(graph, picture) : picture;
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

fov_value perceptual_variation(fov_graph *graph, fov_value picture)
{
    fov_shape shape = fov_value_shape(graph, picture);
    fov_value side[2];
    for (int axis = 0; axis < 2; axis++) {
        int64_t length = shape.dim[axis + 2];
        fov_value first = fov_slice(graph, picture, axis + 2, 0, length - 1, 1);
        fov_value second = fov_slice(graph, picture, axis + 2, 1, length - 1, 1);
        side[axis] = fov_mse(graph, first, second);
    }
    return fov_add(graph, side[0], side[1]);
}

/* ---- of one picture ---------------------------------------------------------------------------------------------- */

float *perceptual_planes(struct memory *memory, const fov_image *image, const char *what, int size, int *height,
                         int *width, struct error *error)
{
    struct resize_scratch scratch = {.memory = memory};
    int longer = image->height > image->width ? image->height : image->width;
    double share = size < longer ? (double)size / longer : 1.0;
    *height = (int)fmax(round(image->height * share), 1);
    *width = (int)fmax(round(image->width * share), 1);
    if (*height < LEAST_SIDE || *width < LEAST_SIDE) {
        error_set(error, FOV_E_INPUT, "the %s is %d x %d pixels; the network's maps need %d a side at least", what,
                  *height, *width, LEAST_SIDE);
        return NULL;
    }
    size_t from = (size_t)image->height * (size_t)image->width, pixels = (size_t)*height * (size_t)*width;
    uint8_t *colours = memory_allocate_raw(memory, from, CHANNELS, "a picture", error);
    uint8_t *resized = memory_allocate_raw(memory, pixels, CHANNELS, "a picture", error);
    float *planes = memory_allocate_raw(memory, pixels, CHANNELS * sizeof *planes, "a picture", error);
    int status = colours != NULL && resized != NULL && planes != NULL ? FOV_OK : FOV_E_MEMORY;
    if (status == FOV_OK) {
        image_convert(image->pixels, image->channels, colours, CHANNELS, from);
        status = image_resize(colours, image->height, image->width, CHANNELS, resized, *height, *width, &scratch,
                              error);
    }
    for (size_t i = 0; status == FOV_OK && i < pixels * CHANNELS; i++) {
        planes[i % CHANNELS * pixels + i / CHANNELS] = (float)resized[i] / 255.0f;
    }
    resize_free(&scratch);
    memory_free(memory, colours);
    memory_free(memory, resized);
    if (status != FOV_OK) {
        memory_free(memory, planes);
        planes = NULL;
    }
    return planes;
}

int perceptual_look(struct perceptual_view *view, const fov_model *network, const struct perceptual_layers *layers,
                    const float *planes, int height, int width, struct error *error)
{
    *view = (struct perceptual_view){.graph = fov_graph_create(network->context)};
    if (view->graph == NULL) {
        return (int)error->status;
    }
    fov_graph *graph = view->graph;
    fov_value picture = fov_input(graph, .name = "picture", .shape = {4, {1, CHANNELS, height, width}});
    struct perceptual_maps maps = perceptual_add(graph, network, layers, picture, "network.");
    fov_value outputs[PERCEPTUAL_MOST + 1] = {maps.content};
    view->content = maps.content;
    for (int i = 0; i < layers->style_count; i++) {
        view->grams[i] = outputs[i + 1] = perceptual_gram(graph, maps.style[i]);
    }
    view->plan = fov_plan_create(graph, outputs, layers->style_count + 1, &(fov_plan_options){.batch = 1});
    if (view->plan == NULL) {
        return (int)error->status;
    }
    memcpy(fov_plan_data(view->plan, picture), planes, fov_plan_bytes(view->plan, picture));
    fov_plan_run(view->plan, 0);
    return FOV_OK;
}

void perceptual_close(struct perceptual_view *view)
{
    fov_plan_free(view->plan);
    fov_graph_free(view->graph);
    *view = (struct perceptual_view){.graph = NULL};
}

int perceptual_weight(fov_plan *plan, fov_value of, double weight, float *factor, struct error *error)
{
    const float *numbers = fov_plan_data(plan, of);
    size_t count = fov_plan_bytes(plan, of) / sizeof *numbers;
    double squares = 0.0;
    for (size_t i = 0; i < count; i++) {
        squares += (double)numbers[i] * (double)numbers[i];
    }
    if (!(squares > 0.0) || !isfinite(squares)) {
        return error_set(error, FOV_E_NUMERIC,
                         "a layer of the network sees nothing in the picture: its maps are 0 or not finite");
    }
    *factor = (float)(weight * (double)count / squares);
    return FOV_OK;
}
