/* SPDX-License-Identifier: MIT */
/* Cuts a piece of the network's input size out of the picture at a random place, without resizing: how per-pixel
 * networks are trained on pictures larger than a step can take. A smaller picture is placed at random within the
 * piece. */
#include "transform/transform.h"
#include <math.h>

struct cut_options {
    int border;
};

static const char *const borders[] = {"zero", "reflect", "edge", NULL}; /* as enum image_border */

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct cut_options, border), .kind = ATTRIBUTE_CHOICE, .choices = borders,
     .doc = "what lies outside of a picture that is smaller"},
    {.name = NULL},
};

/* Where the piece begins along one side; negative if the picture is smaller than the piece. */
static double begin(struct transform_draw *draw, double side, double wanted)
{
    double room = floor(fabs(side - wanted)), at = (double)draw_below(draw, (int64_t)room + 1);

    return side >= wanted ? at : -at;
}

static void geometry(const void *options, struct transform_draw *draw, struct geometry *geometry)
{
    const struct cut_options *o = options;
    double x = begin(draw, geometry->width, geometry->wanted_width);
    double y = begin(draw, geometry->height, geometry->wanted_height);
    const struct image_map step = {{1, 0, x, 0, 1, y, 0, 0, 1}};

    geometry_then(geometry, &step);
    geometry->width = geometry->wanted_width;
    geometry->height = geometry->wanted_height;
    geometry->border = (enum image_border)o->border;
}

const struct transform transform_cut = {
    .name = "cut",
    .torchvision = "RandomCrop",
    .summary = "a piece of the size that the network gets, at a random place, not resized",
    .kind = TRANSFORM_GEOMETRY,
    .attributes = attributes,
    .options_size = sizeof(struct cut_options),
    .geometry = geometry,
};
