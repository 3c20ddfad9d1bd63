/* SPDX-License-Identifier: MIT */
/* YOLOX: Ge, Liu, Wang, Li, Sun, "YOLOX: exceeding YOLO series in 2021", 2021. A backbone, a neck over its maps of
 * stride 8, 16 and 32, and one head per map, with separate branches for boxes and classes. The output [N, A, 5 +
 * classes] has a row for each pixel of the three maps, in row-major order, fine maps first: centre and size of the box
 * as the head gives them (x, y in strides from the pixel's corner; logarithms of width and height in strides),
 * then the probability of an object and one of each class. Names, the order of rows and numbers are those of its
 * authors' ONNX files. Next: detect_blocks.c, detect_neck.c; what becomes of the rows: task/detect.c. */
#include "graph/graph.h"
#include "zoo/detect.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const blocks[] = {"plain", "depthwise", "ghost", "shuffle", "dynamic", "cbam-residual", NULL};
static const char *const necks[] = {"pan", "fpn", "bifpn", NULL};

#define ATTRIBUTES(standard_block)                                                                                 \
    {                                                                                                              \
        {ATTRIBUTE(struct detect_options, backbone), .kind = ATTRIBUTE_NAME,                                       \
         .doc = "whose stages it stands on, by name or from a file: resnet18; csp-darknet is its own"},            \
        {ATTRIBUTE(struct detect_options, block), .kind = ATTRIBUTE_CHOICE, .choices = blocks,                     \
         .standard = (standard_block), .doc = "what its layers are made of"},                                      \
        {ATTRIBUTE(struct detect_options, neck), .kind = ATTRIBUTE_CHOICE, .choices = necks,                       \
         .doc = "how maps of different sizes hear of each other"},                                                 \
        {.name = NULL},                                                                                            \
    }
static const struct attribute attributes[] = ATTRIBUTES(DETECT_PLAIN);
static const struct attribute depthwise_attributes[] = ATTRIBUTES(DETECT_DEPTHWISE);

static const struct detect_plan *plan_of(const struct zoo_build *b)
{
    return b->network->plan;
}

/* ---- backbones --------------------------------------------------------------------------------------------------- */

/* The four pixels of each 2 x 2 square become channels; then a convolution. */
static fov_value focus(struct zoo_build *b, fov_value x, int filters)
{
    fov_graph *g = b->graph;
    fov_value corner[4];
    for (int i = 0; i < 4; i++) { /* upper left, lower left, upper right, lower right */
        corner[i] = fov_slice(g, fov_slice(g, x, 2, i % 2, -1, 2), 3, i / 2, -1, 2);
    }
    zoo_push(b, "stem");
    x = detect_conv(b, fov_concat(g, corner, 4, 1), "conv", filters, 3, 1);
    zoo_pop(b);
    return x;
}

static fov_value csp_darknet(struct zoo_build *b, fov_value x)
{
    const struct detect_plan *plan = plan_of(b);
    int filters = (int)(plan->width * 64), depth = (int)lrint(plan->depth * 3);
    depth = depth > 1 ? depth : 1;
    x = focus(b, x, filters);
    zoo_stage(b, 2, x);
    for (int stage = 2; stage <= 5; stage++) {
        filters *= 2;
        zoo_push(b, "dark%d", stage);
        x = detect_wide(b, x, "0", filters, 2);
        if (stage < 5) {
            x = detect_csp(b, x, "1", filters, stage == 2 ? depth : 3 * depth, true);
        } else {
            x = detect_pyramid(b, x, "1", filters);
            x = detect_csp(b, x, "2", filters, depth, false);
        }
        zoo_pop(b);
        zoo_stage(b, 1 << stage, x);
    }
    return x;
}

/* A convolution of stride 2, then residual blocks, numbered from `first` on. */
static fov_value darknet_group(struct zoo_build *b, fov_value x, int first, int count)
{
    char number[16];
    int filters = 2 * zoo_channels(b, x);
    snprintf(number, sizeof number, "%d", first);
    x = detect_conv(b, x, number, filters, 3, 2);
    for (int i = 1; i <= count; i++) {
        zoo_push(b, "%d", first + i);
        fov_value y = detect_conv(b, x, "layer1", filters / 2, 1, 1);
        y = zoo_attend(b, detect_conv(b, y, "layer2", filters, 3, 1));
        x = fov_add(b->graph, x, y);
        zoo_pop(b);
    }
    return x;
}

/* Redmon & Farhadi, "YOLOv3: an incremental improvement", 2018, table 1, with a pyramid of maxima at its end. */
static fov_value darknet53(struct zoo_build *b, fov_value x)
{
    static const int counts[] = {2, 8, 8, 4};
    zoo_push(b, "stem");
    x = darknet_group(b, detect_conv(b, x, "0", 32, 3, 1), 1, 1);
    zoo_pop(b);
    zoo_stage(b, 2, x);
    for (int stage = 2; stage <= 5; stage++) {
        zoo_push(b, "dark%d", stage);
        x = darknet_group(b, x, 0, counts[stage - 2]);
        if (stage == 5) {
            x = detect_conv(b, x, "5", 512, 1, 1);
            x = detect_conv(b, x, "6", 1024, 3, 1);
            x = detect_pyramid(b, x, "7", 512);
            x = detect_conv(b, x, "8", 1024, 3, 1);
            x = detect_conv(b, x, "9", 512, 1, 1);
        }
        zoo_pop(b);
        zoo_stage(b, 1 << stage, x);
    }
    return x;
}

static fov_value features(struct zoo_build *b, fov_value x)
{
    const char *backbone = zoo_detect_options(b)->backbone;
    bool is_own = *backbone == '\0' || strcmp(backbone, "csp-darknet") == 0;
    zoo_push(b, "backbone");
    zoo_push(b, "backbone");
    x = !is_own ? zoo_backbone(b, backbone, x) : plan_of(b)->darknet ? darknet53(b, x) : csp_darknet(b, x);
    zoo_pop(b);
    zoo_pop(b);
    return x;
}

/* ---- heads ------------------------------------------------------------------------------------------------------- */

/* A 1 x 1 convolution whose probabilities all begin at 1 %, as nearly all pixels hold no object (Lin et al. 2017). */
static fov_value scores(struct zoo_build *b, fov_value x, int filters, const char *name)
{
    int bias = fov_parameter_count(b->graph) + 1;
    x = fov_conv2d(b->graph, x, .filters = filters, .kernel = 1, .name = name);
    if (x.id != 0) {
        struct value *value = graph_value(b->graph, fov_parameter_at(b->graph, bias).id);
        value->initial = FOV_INITIAL_CONSTANT;
        value->scale = -4.59511985F; /* -log(0.99 / 0.01) */
    }
    return x;
}

/* [N, H W, 5 + classes] of a map */
static fov_value head_of_map(struct zoo_build *b, fov_value x, int level)
{
    fov_graph *g = b->graph;
    int filters = (int)(256 * plan_of(b)->width);
    char name[2][32];
    fov_value way[2], part[3];
    snprintf(name[0], sizeof name[0], "stems.%d", level);
    x = detect_conv(b, x, name[0], filters, 1, 1);
    snprintf(name[0], sizeof name[0], "cls_convs.%d", level);
    snprintf(name[1], sizeof name[1], "reg_convs.%d", level);
    for (int i = 0; i < 2; i++) {
        zoo_push(b, "%s", name[i]);
        way[i] = detect_wide(b, detect_wide(b, x, "0", filters, 1), "1", filters, 1);
        zoo_pop(b);
    }
    snprintf(name[0], sizeof name[0], "cls_preds.%d", level);
    part[2] = scores(b, way[0], b->input.classes, name[0]);
    snprintf(name[0], sizeof name[0], "reg_preds.%d", level);
    part[0] = fov_conv2d(g, way[1], .filters = 4, .kernel = 1, .name = name[0]);
    snprintf(name[0], sizeof name[0], "obj_preds.%d", level);
    part[1] = scores(b, way[1], 1, name[0]);
    x = fov_concat(g, part, 3, 1);
    x = fov_reshape(g, x, (fov_shape){3, {0, zoo_channels(b, x), -1}}); /* for maps of any size */
    return fov_transpose(g, x, (const int[]){0, 2, 1}, 3);
}

/* A map that is a pixel too small or too large, resized to the picture's size over `stride`, for pictures of any
 * size. */
static fov_value at_stride(struct zoo_build *b, fov_value map, int64_t stride)
{
    fov_graph *g = b->graph;
    fov_value shape = op_emit1(fov_graph_emitter(g), "shape", fov_find(g, b->network->input_name), NULL);
    fov_value size = fov_div(g, fov_slice(g, shape, 0, 2, 2, 1),
                             fov_constant(g, NULL, FOV_I64, (fov_shape){0}, &stride));
    return fov_resize2d(g, map, .size = size, .mode = FOV_RESIZE_LINEAR);
}

/* The maps of stride 8, 16, 32 of any backbone: one that ends earlier is continued by convolutions, maps that are a
 * pixel smaller (no padding) are resized. False: the graph has failed. */
static bool take_stages(struct zoo_build *b, fov_value map[DETECT_LEVELS])
{
    for (int i = 0; i < DETECT_LEVELS; i++) {
        char name[16];
        snprintf(name, sizeof name, "extra%d", i);
        map[i] = b->stage[2 + i];
        if (map[i].id == 0 && i > 0) {
            map[i] = detect_conv(b, map[i - 1], name, zoo_channels(b, map[i - 1]), 3, 2);
        } else if (map[i].id == 0) {
            fov_graph_fail(b->graph, NULL, FOV_E_USAGE, "the backbone has no map of stride 8");
        }
        if (map[i].id == 0) {
            return false;
        }
        fov_shape is = fov_value_shape(b->graph, map[i]);
        int height = b->input.height / (8 << i), width = b->input.width / (8 << i);
        if (is.dim[2] != height || is.dim[3] != width) {
            map[i] = at_stride(b, map[i], 8 << i);
        }
    }
    return true;
}

/* Neck and heads on the backbone's stages; its last map x is one of these. */
static fov_value detect(struct zoo_build *b, fov_value x)
{
    fov_graph *g = b->graph;
    fov_value map[DETECT_LEVELS], part[2];
    if (x.id == 0 || b->input.height % 32 != 0 || b->input.width % 32 != 0) {
        return fov_graph_fail(g, NULL, FOV_E_SHAPE, "sides of %d x %d pixels: a detector's are multiples of 32",
                              b->input.height, b->input.width);
    }
    zoo_push(b, "backbone");
    if (!take_stages(b, map)) {
        zoo_pop(b);
        return (fov_value){0};
    }
    if (plan_of(b)->darknet) {
        detect_neck_v3(b, map);
    } else {
        detect_neck(b, map);
    }
    zoo_pop(b);
    zoo_push(b, "head");
    for (int i = 0; i < DETECT_LEVELS; i++) {
        map[i] = head_of_map(b, map[i], i);
    }
    fov_value rows = fov_concat(g, map, DETECT_LEVELS, 1); /* logits: the training loss reads them */
    part[0] = fov_slice(g, rows, 2, 0, 4, 1);
    part[1] = fov_sigmoid(g, fov_slice(g, rows, 2, 4, 1 + b->input.classes, 1));
    zoo_pop(b);
    return fov_concat(g, part, 2, 2);
}

/* ---- by name ----------------------------------------------------------------------------------------------------- */

#define YOLOX(side, depth_of, width_of, table)                                                                   \
    .plan = &(const struct detect_plan){.depth = (depth_of), .width = (width_of)}, .attributes = (table),        \
    YOLOX_COMMON(side)
#define YOLOX_COMMON(side)                                                                                       \
    .family = "YOLOX", .year = 2021, .task = "detect", .options_size = sizeof(struct detect_options),            \
    .paper = "Ge, Liu, Wang, Li, Sun: YOLOX: exceeding YOLO series in 2021", .reference = "YOLOX",               \
    .standard = {.channels = 3, .height = (side), .width = (side), .classes = 80}, .input_name = "images",       \
    .output_name = "output", .features = features, .head = detect, .raw_pixels = true, \
    .whole_pictures = true

const struct zoo_network zoo_yolox_nano = {
    .name = "yolox-nano",
    .summary = "YOLOX for small processors: depthwise convolutions, 416 x 416",
    .accuracy = "COCO AP 25.8 %, 0.91 M parameters, 1.08 GFLOPs",
    YOLOX(416, 0.33, 0.25, depthwise_attributes),
};
const struct zoo_network zoo_yolox_tiny = {
    .name = "yolox-tiny",
    .summary = "YOLOX, three eighths of the width, 416 x 416",
    .accuracy = "COCO AP 32.8 %, 5.06 M parameters, 6.45 GFLOPs",
    YOLOX(416, 0.33, 0.375, attributes),
};
const struct zoo_network zoo_yolox_s = {
    .name = "yolox-s",
    .summary = "YOLOX, half of the width, a third of the depth",
    .accuracy = "COCO AP 40.5 %, 9.0 M parameters, 26.8 GFLOPs",
    YOLOX(640, 0.33, 0.5, attributes),
};
const struct zoo_network zoo_yolox_m = {
    .name = "yolox-m",
    .summary = "YOLOX, three quarters of the width",
    .accuracy = "COCO AP 46.9 %, 25.3 M parameters, 73.8 GFLOPs",
    YOLOX(640, 0.67, 0.75, attributes),
};
const struct zoo_network zoo_yolox_l = {
    .name = "yolox-l",
    .summary = "YOLOX at its full size",
    .accuracy = "COCO AP 49.7 %, 54.2 M parameters, 155.6 GFLOPs",
    YOLOX(640, 1.0, 1.0, attributes),
};
const struct zoo_network zoo_yolox_x = {
    .name = "yolox-x",
    .summary = "YOLOX, wider and deeper",
    .accuracy = "COCO AP 51.1 %, 99.1 M parameters, 281.9 GFLOPs",
    YOLOX(640, 1.33, 1.25, attributes),
};
const struct zoo_network zoo_yolox_darknet53 = {
    .name = "yolox-darknet53",
    .summary = "YOLOv3's backbone and neck with YOLOX's heads",
    .accuracy = "COCO AP 47.7 %, 63.7 M parameters, 185.3 GFLOPs",
    .plan = &(const struct detect_plan){.depth = 1.0, .width = 1.0, .darknet = true},
    .attributes = attributes,
    YOLOX_COMMON(640),
};
