/* SPDX-License-Identifier: MIT */
/* A U-Net on any classifier's features, whose stages' last maps are the encoder's. The decoder enlarges a map to the
 * size of the stage above, concatenates the two, and convolves twice. Widths and names are those of Iakubovskii's
 * segmentation_models.pytorch, so that a U-Net with torchvision's encoder trained there loads by name. */
#include "zoo/unet.h"

enum { LEVELS = 5 };

static int64_t halved(int64_t size, int times)
{
    for (int i = 0; i < times; i++) {
        size = (size + 1) / 2;
    }
    return size;
}

/* One of the decoder's levels, of strides 16, 8, 4, 2, 1; `beside`: the encoder's map of this size, 0: none. */
static fov_value level(struct zoo_build *b, fov_value x, fov_value beside, int number, const int64_t size[2])
{
    static const int filters[LEVELS] = {256, 128, 64, 32, 16};
    fov_graph *g = b->graph;
    x = fov_resize2d(g, x, .height = (int)size[0], .width = (int)size[1]);
    x = beside.id != 0 ? fov_concat(g, (fov_value[]){x, beside}, 2, 1) : x;
    zoo_push(b, "decoder.blocks.%d", number);
    x = zoo_conv_block(b, x, "conv1", .filters = filters[number], .kernel = 3, .activation = ZOO_RELU);
    x = zoo_conv_block(b, x, "conv2", .filters = filters[number], .kernel = 3, .activation = ZOO_RELU);
    zoo_pop(b);
    return x;
}

fov_value unet_on_backbone(struct zoo_build *b, fov_value x, const char *backbone)
{
    fov_graph *g = b->graph;
    fov_shape picture = fov_value_shape(g, x);
    int deepest = ZOO_STAGES - 1;

    zoo_push(b, "encoder");
    zoo_backbone(b, backbone, x);
    zoo_pop(b);
    while (deepest > 0 && b->stage[deepest].id == 0) { /* networks for small pictures end earlier */
        deepest--;
    }
    x = b->stage[deepest];
    for (int i = deepest - 1; i >= -1; i--) { /* stage i has stride 2 << i; -1 is the picture's own size */
        fov_value beside = i >= 0 ? b->stage[i] : (fov_value){0};
        int64_t size[2] = {halved(picture.dim[2], i + 1), halved(picture.dim[3], i + 1)};
        for (int axis = 0; axis < 2 && beside.id != 0; axis++) {
            size[axis] = fov_value_shape(g, beside).dim[2 + axis];
        }
        x = level(b, x, beside, LEVELS - 2 - i, size);
    }
    return fov_conv2d(g, x, .filters = b->input.classes, .kernel = 3, .pad = 1, .name = "segmentation_head.0");
}
