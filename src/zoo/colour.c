/* SPDX-License-Identifier: MIT */
/* Colours for grey pictures. Zhang, Isola, Efros, "Colorful image colorization", ECCV 2016, figure 2: VGG-like stages
 * of which the fifth and sixth are dilated, probabilities of 313 colour bins for every fourth pixel of a row and
 * column, and the bins' mean by probability; names as in the authors' code ("eccv16"). The small network is for
 * pictures of CIFAR's size. Next: task/colour.c. */
#include "graph/graph.h"
#include "zoo/blocks.h"
#include <stdio.h>

enum { BINS = 313 };

/* Convolutions each with a ReLU, numbered as in a torch Sequential; a batch norm at the end. */
struct stage {
    int filters, count, dilation;
    bool halves; /* the last has stride 2 */
};

static fov_value add_stage(struct zoo_build *b, fov_value x, int number, const struct stage *stage)
{
    char name[16];
    zoo_push(b, "model%d", number);
    for (int i = 0; i < stage->count; i++) {
        snprintf(name, sizeof name, "%d", 2 * i);
        x = zoo_conv(b, x, .filters = stage->filters, .kernel = 3, .dilation = stage->dilation,
                     .stride = stage->halves && i + 1 == stage->count ? 2 : 1, .bias = true, .no_norm = true,
                     .activation = ZOO_RELU, .name = name);
    }
    snprintf(name, sizeof name, "%d", 2 * stage->count);
    x = fov_batch_norm_opt(b->graph, x, &(fov_batch_norm_options){.name = name});
    zoo_pop(b);
    return x;
}

/* Doubles the maps, then makes a map for each bin of colour. */
static fov_value add_bins(struct zoo_build *b, fov_value x)
{
    fov_graph *g = b->graph;
    zoo_push(b, "model8");
    x = fov_relu(g, fov_conv_transpose2d(g, x, .filters = 256, .kernel = 4, .stride = 2, .pad = 1, .name = "0"));
    x = zoo_conv(b, x, .filters = 256, .kernel = 3, .bias = true, .no_norm = true, .activation = ZOO_RELU, .name = "2");
    x = zoo_conv(b, x, .filters = 256, .kernel = 3, .bias = true, .no_norm = true, .activation = ZOO_RELU, .name = "4");
    x = fov_conv2d(g, x, .filters = BINS, .kernel = 1, .name = "6");
    zoo_pop(b);
    return x;
}

static fov_value eccv16_build(struct zoo_build *b, fov_value picture)
{
    static const struct stage stages[] = {{64, 2, 1, true},   {128, 2, 1, true},  {256, 3, 1, true}, {512, 3, 1, false},
                                          {512, 3, 2, false}, {512, 3, 2, false}, {512, 3, 1, false}};
    fov_graph *g = b->graph;
    if (b->input.height % 8 != 0 || b->input.width % 8 != 0) {
        return fov_graph_fail(g, NULL, FOV_E_SHAPE, "its pictures are halved three times: %d x %d is no multiple of 8",
                              b->input.height, b->input.width);
    }
    fov_value x = picture;
    for (int i = 0; i < 7; i++) {
        x = add_stage(b, x, i + 1, &stages[i]);
    }
    x = fov_softmax_opt(g, add_bins(b, x), &(fov_softmax_options){.axis = 1});
    x = fov_conv2d(g, x, .filters = b->input.classes, .kernel = 1, .no_bias = true, .name = "model_out");
    return fov_resize2d(g, x, .height = b->input.height, .width = b->input.width, .mode = FOV_RESIZE_LINEAR);
}

/* Down to a quarter of the size and back up, with skip connections between maps of one size. */
static fov_value small_build(struct zoo_build *b, fov_value picture)
{
    fov_graph *g = b->graph;
    fov_value full, half, x;
    full = zoo_conv(b, picture, .filters = 32, .kernel = 3, .activation = ZOO_RELU, .name = "in.conv", .norm = "in.bn");
    half = zoo_conv(b, full, .filters = 64, .kernel = 3, .stride = 2, .activation = ZOO_RELU, .name = "down1.conv",
                    .norm = "down1.bn");
    x = zoo_conv(b, half, .filters = 128, .kernel = 3, .stride = 2, .activation = ZOO_RELU, .name = "down2.conv",
                 .norm = "down2.bn");
    x = zoo_conv(b, x, .filters = 128, .kernel = 3, .dilation = 2, .activation = ZOO_RELU, .name = "middle.conv",
                 .norm = "middle.bn");
    const fov_value *beside[] = {&half, &full};
    static const char *const up[] = {"up1", "up2"};
    for (int i = 0; i < 2; i++) {
        fov_shape size = fov_value_shape(g, *beside[i]);
        x = fov_resize2d(g, x, .height = (int)size.dim[2], .width = (int)size.dim[3], .mode = FOV_RESIZE_LINEAR);
        x = fov_concat(g, (const fov_value[]){x, *beside[i]}, 2, 1);
        zoo_push(b, "%s", up[i]);
        x = zoo_conv(b, x, .filters = 64 >> i, .kernel = 3, .activation = ZOO_RELU, .name = "conv", .norm = "bn");
        zoo_pop(b);
    }
    return fov_conv2d(g, x, .filters = b->input.classes, .kernel = 1, .name = "out");
}

const struct zoo_network zoo_eccv16 = {
    .name = "eccv16",
    .summary = "Zhang's network that colours grey pictures: 313 bins of colour for each pixel, and their mean",
    .family = "colour",
    .year = 2016,
    .paper = "Zhang, Isola, Efros: Colorful image colorization",
    .accuracy = "32.3 % of people took its colours for the real ones",
    .reference = "the authors' eccv16",
    .task = "colour",
    .one_task = true,
    .standard = {.channels = 1, .height = 256, .width = 256, .classes = 2},
    .mean = {0.5F},
    .head = eccv16_build,
};
const struct zoo_network zoo_colour_small = {
    .name = "colour-small",
    .summary = "A small network that colours grey pictures: two halvings and back, with the larger maps beside",
    .family = "colour",
    .year = 2015,
    .paper = "after Ronneberger, Fischer, Brox: U-Net",
    .task = "colour",
    .one_task = true,
    .standard = {.channels = 1, .height = 32, .width = 32, .classes = 2},
    .mean = {0.5F},
    .deviation = {0.25F},
    .head = small_build,
};
