/* SPDX-License-Identifier: MIT */
/* Shifts the picture by a random part of its size, not only by whole pixels. */
#include "transform/transform.h"

struct translate_options {
    double by;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct translate_options, by), .kind = ATTRIBUTE_NUMBER, .standard = 0.1, .maximum = 1,
     .doc = "at most so much of width and height, either way"},
    {.name = NULL},
};

static void geometry(const void *options, struct transform_draw *draw, struct geometry *geometry)
{
    const struct translate_options *o = options;
    double x = draw_uniform(draw, -o->by, o->by) * geometry->width;
    double y = draw_uniform(draw, -o->by, o->by) * geometry->height;
    const struct image_map step = {{1, 0, x, 0, 1, y, 0, 0, 1}};

    geometry_then(geometry, &step);
}

const struct transform transform_translate = {
    .name = "translate",
    .torchvision = "RandomAffine",
    .summary = "moved by a part of its size",
    .kind = TRANSFORM_GEOMETRY,
    .attributes = attributes,
    .options_size = sizeof(struct translate_options),
    .geometry = geometry,
};
