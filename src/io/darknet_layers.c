/* SPDX-License-Identifier: MIT */
/* Darknet's layers as nodes of the graph, one builder for each kind of section. [yolo] also decodes its boxes, so that
 * the model's output is final: [N, rows, 5 + classes], a row being x, y, width and height in pixels of the input, the
 * objectness and the class probabilities. */
#include "base/text.h"
#include "io/darknet.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef int layer_builder(struct darknet *net, const struct darknet_section *section, int index, fov_value x,
                          struct error *error);

enum { MOST_SIDE = 1024, MOST_MAP = 1 << 20, MOST_FILTERS = 1 << 16, MOST_CLASSES = 100000 };

static bool is(const char *text, const char *word)
{
    return text != NULL && strcmp(text, word) == 0;
}

/* Applies the section's activation; `standard` where it names none. */
static int activate(struct darknet *net, const struct darknet_section *section, int index, fov_value x,
                    const char *standard, struct error *error)
{
    const char *given = darknet_text(net, section, "activation"), *name = given != NULL ? given : standard;
    fov_graph *g = net->graph;
    if (is(name, "linear")) {
        net->layers[index] = x;
    } else if (is(name, "leaky")) {
        net->layers[index] = fov_leaky_relu(g, x, 0.1F);
    } else if (is(name, "relu")) {
        net->layers[index] = fov_relu(g, x);
    } else if (is(name, "mish")) {
        net->layers[index] = fov_mish(g, x);
    } else if (is(name, "swish")) {
        net->layers[index] = fov_swish(g, x);
    } else if (is(name, "logistic")) {
        net->layers[index] = fov_sigmoid(g, x);
    } else if (is(name, "tanh")) {
        net->layers[index] = fov_tanh(g, x);
    } else {
        return darknet_refuse(net, section, "has an activation that is not known", error);
    }
    return FOV_OK;
}

/* The strides down and across: `stride`, unless stride_y or stride_x states another. */
static int read_strides(const struct darknet *net, const struct darknet_section *section, int strides[2],
                        struct error *error)
{
    int both, status = darknet_integer(net, section, "stride", 1, 1, MOST_SIDE, &both, error);
    status = status ? status : darknet_integer(net, section, "stride_y", both, 1, MOST_SIDE, &strides[0], error);
    return status ? status : darknet_integer(net, section, "stride_x", both, 1, MOST_SIDE, &strides[1], error);
}

static int convolutional(struct darknet *net, const struct darknet_section *section, int index, fov_value x,
                         struct error *error)
{
    int filters, size, strides[2], pad, padding, groups, norm, dilation;
    char name[32], norm_name[32];
    int status = darknet_integer(net, section, "filters", 1, 1, MOST_FILTERS, &filters, error);
    status = status ? status : darknet_integer(net, section, "size", 1, 1, MOST_SIDE, &size, error);
    status = status ? status : read_strides(net, section, strides, error);
    status = status ? status : darknet_integer(net, section, "pad", 0, 0, 1, &pad, error);
    status = status ? status : darknet_integer(net, section, "padding", 0, 0, MOST_SIDE, &padding, error);
    status = status ? status : darknet_integer(net, section, "groups", 1, 1, MOST_FILTERS, &groups, error);
    status = status ? status : darknet_integer(net, section, "dilation", 1, 1, MOST_SIDE, &dilation, error);
    status = status ? status : darknet_integer(net, section, "batch_normalize", 0, 0, 1, &norm, error);
    if (status != FOV_OK) {
        return status;
    }
    dilation = size == 1 ? 1 : dilation;
    padding = pad != 0 ? size / 2 : padding;
    if (dilation > 1 && 2 * padding != size - 1) { /* Darknet sizes the result without dilation, and fills it with */
        return darknet_refuse(net, section, "has a dilation and pads that do not keep the map's size", error);
    }
    padding *= dilation;
    snprintf(name, sizeof name, "conv_%d", index);
    snprintf(norm_name, sizeof norm_name, "bn_%d", index);
    x = fov_conv2d(net->graph, x, .filters = filters, .kernel = size, .stride_size = {strides[0], strides[1]},
                   .pads = {padding, padding, padding, padding}, .groups = groups, .dilation = dilation,
                   .no_bias = norm != 0, .name = name);
    if (norm != 0) {
        x = fov_batch_norm_opt(net->graph, x, &(fov_batch_norm_options){.epsilon = 1e-5F, .name = norm_name});
    }
    return activate(net, section, index, x, "logistic", error);
}

static int connected(struct darknet *net, const struct darknet_section *section, int index, fov_value x,
                     struct error *error)
{
    int units, norm;
    char name[32];
    int status = darknet_integer(net, section, "output", 1, 1, MOST_FILTERS, &units, error);
    status = status ? status : darknet_integer(net, section, "batch_normalize", 0, 0, 0, &norm, error);
    if (status != FOV_OK) {
        return status;
    }
    snprintf(name, sizeof name, "dense_%d", index);
    x = fov_value_shape(net->graph, x).rank > 2 ? fov_flatten(net->graph, x) : x;
    return activate(net, section, index, fov_dense(net->graph, x, .units = units, .name = name), "logistic", error);
}

/* Half of the padding (rounded down) lies before the map, the rest behind it. */
static int maxpool(struct darknet *net, const struct darknet_section *section, int index, fov_value x,
                   struct error *error)
{
    int size, stride, strides[2], padding;
    int status = darknet_integer(net, section, "stride", 1, 1, MOST_SIDE, &stride, error);
    status = status ? status : read_strides(net, section, strides, error);
    status = status ? status : darknet_integer(net, section, "size", stride, 1, MOST_SIDE, &size, error);
    status = status ? status : darknet_integer(net, section, "padding", size - 1, 0, MOST_SIDE, &padding, error);
    if (status == FOV_OK) {
        int before = padding / 2, behind = padding - before;
        net->layers[index] = fov_max_pool2d(net->graph, x, .kernel = size, .stride_size = {strides[0], strides[1]},
                                            .pads = {before, before, behind, behind});
    }
    return status;
}

static int avgpool(struct darknet *net, const struct darknet_section *section, int index, fov_value x,
                   struct error *error)
{
    (void)section, (void)error;
    net->layers[index] = fov_global_avg_pool(net->graph, x);
    return FOV_OK;
}

/* The layer that a number names; a negative number counts back from layer `index`. */
static int layer_at(const struct darknet *net, const struct darknet_section *section, int index, double number,
                    fov_value *layer, struct error *error)
{
    double at = number < 0 ? index + number : number;
    if (!(at >= 0 && at < index) || at != floor(at)) {
        return error_set(error, FOV_E_INPUT, "%s, line %d: layer %g is none of the %d before this one", net->path,
                         section->line, number, index);
    }
    *layer = net->layers[(int)at];
    return FOV_OK;
}

static int route(struct darknet *net, const struct darknet_section *section, int index, fov_value x,
                 struct error *error)
{
    enum { MOST = 32 };
    double numbers[MOST];
    fov_value parts[MOST];
    int groups, group, count = darknet_numbers(net, section, "layers", numbers, MOST, error);
    int status = count < 0    ? (int)error->status
                 : count == 0 ? darknet_refuse(net, section, "names no layers", error)
                              : FOV_OK;
    (void)x;
    status = status ? status : darknet_integer(net, section, "groups", 1, 1, MOST_FILTERS, &groups, error);
    status = status ? status : darknet_integer(net, section, "group_id", 0, 0, MOST_FILTERS, &group, error);
    for (int i = 0; i < count && status == FOV_OK; i++) {
        status = layer_at(net, section, index, numbers[i], &parts[i], error);
        fov_shape shape = status == FOV_OK ? fov_value_shape(net->graph, parts[i]) : (fov_shape){0};
        if (status == FOV_OK && groups > 1 && (shape.rank != 4 || shape.dim[1] % groups != 0 || group >= groups)) {
            status = darknet_refuse(net, section, "takes a group that its layers do not have", error);
        } else if (status == FOV_OK && groups > 1) {
            int64_t channels = shape.dim[1] / groups;
            parts[i] = fov_slice(net->graph, parts[i], 1, group * channels, channels, 1);
        }
    }
    if (status == FOV_OK) {
        net->layers[index] = count > 1 ? fov_concat(net->graph, parts, count, 1) : parts[0];
    }
    return status;
}

static int shortcut(struct darknet *net, const struct darknet_section *section, int index, fov_value x,
                    struct error *error)
{
    double from;
    fov_value other;
    int count = darknet_numbers(net, section, "from", &from, 1, error);
    if (count < 1) {
        return count < 0 ? (int)error->status : darknet_refuse(net, section, "says not from where", error);
    }
    int status = layer_at(net, section, index, from, &other, error);
    fov_shape a = fov_value_shape(net->graph, x), b = status == FOV_OK ? fov_value_shape(net->graph, other) : a;
    if (status == FOV_OK && !shape_equal(&a, &b)) {
        status = darknet_refuse(net, section, "adds a layer of another shape", error);
    }
    return status != FOV_OK ? status : activate(net, section, index, fov_add(net->graph, x, other), "linear", error);
}

static int upsample(struct darknet *net, const struct darknet_section *section, int index, fov_value x,
                    struct error *error)
{
    int stride;
    int status = darknet_integer(net, section, "stride", 2, 1, 64, &stride, error);
    fov_shape shape = fov_value_shape(net->graph, x);
    if (status == FOV_OK && shape.rank == 4 && (shape.dim[2] > MOST_MAP / stride || shape.dim[3] > MOST_MAP / stride)) {
        return darknet_refuse(net, section, "makes a map of more than 2^20 pixels in height or width", error);
    }
    if (status == FOV_OK && shape.rank == 4) {
        net->layers[index] =
            fov_resize2d(net->graph, x, .height = (int)shape.dim[2] * stride, .width = (int)shape.dim[3] * stride);
    }
    return status == FOV_OK && shape.rank != 4 ? darknet_refuse(net, section, "is not of a map", error) : status;
}

static int softmax(struct darknet *net, const struct darknet_section *section, int index, fov_value x,
                   struct error *error)
{
    int groups;
    int status = darknet_integer(net, section, "groups", 1, 1, 1, &groups, error);
    x = fov_value_shape(net->graph, x).rank > 2 ? fov_flatten(net->graph, x) : x;
    net->layers[index] = fov_softmax(net->graph, x);
    return status;
}

/* Sections that matter in training only: the result is the input. */
static int passed(struct darknet *net, const struct darknet_section *section, int index, fov_value x,
                  struct error *error)
{
    (void)section, (void)error;
    net->layers[index] = x;
    return FOV_OK;
}

/* ---- boxes ------------------------------------------------------------------------------------------------------- */

/* The options of a [yolo] section. */
struct yolo {
    int classes, count; /* count: boxes per cell of the map */
    double anchor[64][2], scale;
};

static int read_yolo(const struct darknet *net, const struct darknet_section *section, struct yolo *yolo,
                     struct error *error)
{
    enum { MOST = 64 };
    double mask[MOST], anchors[2 * MOST];
    int modern, status = darknet_integer(net, section, "classes", 20, 1, MOST_CLASSES, &yolo->classes, error);
    status = status ? status : darknet_number(net, section, "scale_x_y", 1, &yolo->scale, error);
    status = status ? status : darknet_integer(net, section, "new_coords", 0, 0, 0, &modern, error);
    if (status != FOV_OK) {
        return status;
    }
    int sizes = darknet_numbers(net, section, "anchors", anchors, 2 * MOST, error);
    yolo->count = sizes < 0 ? -1 : darknet_numbers(net, section, "mask", mask, MOST, error);
    for (int i = 0; i < yolo->count; i++) {
        if (!(mask[i] >= 0 && 2 * mask[i] + 1 < sizes) || mask[i] != floor(mask[i])) {
            return darknet_refuse(net, section, "has a mask beyond its anchors", error);
        }
        memcpy(yolo->anchor[i], anchors + 2 * (int)mask[i], sizeof yolo->anchor[i]);
    }
    return yolo->count < 0    ? (int)error->status
           : yolo->count == 0 ? darknet_refuse(net, section, "has no mask", error)
                              : FOV_OK;
}

/* For each row of the output: the cell's column and line (tables[0]), the anchor's size (tables[1]); [1, rows, 2]. */
static int add_tables(const struct darknet *net, const struct yolo *yolo, const fov_shape *map, fov_value tables[2],
                      struct error *error)
{
    size_t places = (size_t)(map->dim[2] * map->dim[3]), rows = places * (size_t)yolo->count;
    float *numbers = memory_allocate(net->memory, rows, 4 * sizeof *numbers, "anchors", error);
    if (numbers == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t row = 0; row < rows; row++) {
        size_t place = row % places;
        numbers[2 * row] = (float)(place % (size_t)map->dim[3]);
        numbers[2 * row + 1] = (float)(place / (size_t)map->dim[3]);
        for (size_t axis = 0; axis < 2; axis++) {
            numbers[2 * rows + 2 * row + axis] = (float)yolo->anchor[row / places][axis];
        }
    }
    for (size_t i = 0; i < 2; i++) {
        tables[i] =
            fov_constant(net->graph, NULL, FOV_F32, (fov_shape){3, {1, (int64_t)rows, 2}}, numbers + 2 * rows * i);
    }
    memory_free(net->memory, numbers);
    return FOV_OK;
}

static fov_value number(fov_graph *graph, double value)
{
    float single = (float)value;
    return fov_constant(graph, NULL, FOV_F32, (fov_shape){0}, &single);
}

static int yolo(struct darknet *net, const struct darknet_section *section, int index, fov_value x, struct error *error)
{
    struct yolo yolo = {.classes = 0};
    fov_graph *g = net->graph;
    fov_shape map = fov_value_shape(g, x);
    fov_value tables[2], part[3];
    int status = read_yolo(net, section, &yolo, error), numbers = 5 + yolo.classes;
    if (status == FOV_OK && (map.rank != 4 || map.dim[1] != (int64_t)yolo.count * numbers ||
                             net->box_count == sizeof net->boxes / sizeof *net->boxes)) {
        return darknet_refuse(net, section, "reads a map of mask x (5 + classes) channels, and this is none", error);
    }
    status = status == FOV_OK ? add_tables(net, &yolo, &map, tables, error) : status;
    if (status != FOV_OK) {
        return status;
    }
    const double stride[2] = {(double)net->width / (double)map.dim[3], (double)net->height / (double)map.dim[2]};
    float strides[2] = {(float)stride[0], (float)stride[1]};
    x = fov_reshape(g, x, (fov_shape){4, {FOV_BATCH, yolo.count, numbers, map.dim[2] * map.dim[3]}});
    x = fov_transpose(g, x, (const int[]){0, 1, 3, 2}, 4);
    x = fov_reshape(g, x, (fov_shape){3, {FOV_BATCH, yolo.count * map.dim[2] * map.dim[3], numbers}});
    part[0] = fov_mul(g, fov_sigmoid(g, fov_slice(g, x, 2, 0, 2, 1)), number(g, yolo.scale));
    part[0] = fov_sub(g, part[0], number(g, (yolo.scale - 1) / 2));
    part[0] =
        fov_mul(g, fov_add(g, part[0], tables[0]), fov_constant(g, NULL, FOV_F32, (fov_shape){3, {1, 1, 2}}, strides));
    part[1] = fov_mul(g, fov_exp(g, fov_slice(g, x, 2, 2, 2, 1)), tables[1]);
    part[2] = fov_sigmoid(g, fov_slice(g, x, 2, 4, 1 + yolo.classes, 1));
    net->layers[index] = net->boxes[net->box_count++] = fov_concat(g, part, 3, 2);
    net->classes = yolo.classes;
    return FOV_OK;
}

/* ---- options that are not read -------------------------------------------------------------------------------------- */

/* Options that change what a layer computes, and for which there is nothing here, with the value that changes nothing
 * (NULL: none does). All other options that no builder reads matter in training only, or not at all. */
static const struct {
    layer_builder *builder;
    const char *key, *harmless;
} not_read[] = {
    {convolutional, "antialiasing", "0"},
    {convolutional, "binary", "0"},
    {convolutional, "xnor", "0"},
    {convolutional, "bin_output", "0"},
    {convolutional, "cbn", "0"},
    {convolutional, "coordconv", "0"},
    {convolutional, "flipped", "0"},
    {convolutional, "rotate", "0"},
    {convolutional, "stretch", "0"},
    {convolutional, "stretch_sway", "0"},
    {convolutional, "sway", "0"},
    {convolutional, "share_index", NULL},
    {maxpool, "antialiasing", "0"},
    {maxpool, "maxpool_depth", "0"},
    {maxpool, "maxpool_zero_nonmax", "0"},
    {shortcut, "weights_type", "none"},
    {shortcut, "alpha", "1"},
    {shortcut, "beta", "1"},
    {upsample, "scale", "1"},
    {softmax, "spatial", "0"},
    {softmax, "temperature", "1"},
    {softmax, "tree", NULL},
};

static bool is_harmless(const char *value, const char *harmless)
{
    double a, b;
    return harmless != NULL &&
           (strcmp(value, harmless) == 0 || (text_to_number(value, &a) && text_to_number(harmless, &b) && a == b));
}

static int check_options(const struct darknet *net, const struct darknet_section *section,
                         layer_builder *builder, struct error *error)
{
    char what[160], shown[64];
    for (size_t i = 0; i < sizeof not_read / sizeof *not_read; i++) {
        const char *value = not_read[i].builder == builder ? darknet_text(net, section, not_read[i].key) : NULL;
        if (value != NULL && !is_harmless(value, not_read[i].harmless)) {
            snprintf(what, sizeof what, "has %s = %s, which is not computed here", not_read[i].key,
                     text_escape(shown, sizeof shown, value));
            return darknet_refuse(net, section, what, error);
        }
    }
    return FOV_OK;
}

/* ---- builders by section name ------------------------------------------------------------------------------------ */

int darknet_layer(struct darknet *net, int index, fov_value x, struct error *error)
{
    static const struct {
        const char *name;
        layer_builder *build;
    } builders[] = {
        {"convolutional", convolutional},
        {"conv", convolutional},
        {"connected", connected},
        {"maxpool", maxpool},
        {"max", maxpool},
        {"avgpool", avgpool},
        {"avg", avgpool},
        {"route", route},
        {"shortcut", shortcut},
        {"upsample", upsample},
        {"softmax", softmax},
        {"dropout", passed},
        {"cost", passed},
        {"yolo", yolo},
    };
    const struct darknet_section *section = &net->sections[1 + index];
    for (size_t i = 0; i < sizeof builders / sizeof *builders; i++) {
        if (strcmp(section->name, builders[i].name) == 0) {
            int status = check_options(net, section, builders[i].build, error);
            return status ? status : builders[i].build(net, section, index, x, error);
        }
    }
    return darknet_refuse(net, section, "is a layer that is not known", error);
}
