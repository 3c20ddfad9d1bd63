/* SPDX-License-Identifier: MIT */
/* Shifts the picture by a few whole pixels, as if it were padded by a border and a piece of its own size cut out at a
 * random place. */
#include "transform/transform.h"

struct crop_options {
    int64_t padding;
    int border;
};

static const char *const borders[] = {"zero", "reflect", "edge", NULL}; /* as enum image_border */

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct crop_options, padding), .kind = ATTRIBUTE_INTEGER, .standard = 4, .maximum = 4096,
     .doc = "the border's width, pixels"},
    {ATTRIBUTE(struct crop_options, border), .kind = ATTRIBUTE_CHOICE, .choices = borders, .doc = "what it is made of"},
    {.name = NULL},
};

static void geometry(const void *options, struct transform_draw *draw, struct geometry *geometry)
{
    const struct crop_options *o = options;
    double x = (double)(draw_below(draw, 2 * o->padding + 1) - o->padding);
    double y = (double)(draw_below(draw, 2 * o->padding + 1) - o->padding);
    const struct image_map step = {{1, 0, x, 0, 1, y, 0, 0, 1}};

    geometry_then(geometry, &step);
    geometry->border = (enum image_border)o->border;
}

const struct transform transform_crop = {
    .name = "crop",
    .torchvision = "RandomCrop",
    .summary = "cut out of the picture with a border around it, at a random place",
    .kind = TRANSFORM_GEOMETRY,
    .attributes = attributes,
    .options_size = sizeof(struct crop_options),
    .geometry = geometry,
};
