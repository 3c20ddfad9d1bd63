/* SPDX-License-Identifier: MIT */
/* Mirrors the picture top to bottom, with a probability. */
#include "transform/transform.h"

struct vertical_flip_options {
    double p;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct vertical_flip_options, p), .kind = ATTRIBUTE_NUMBER, .standard = 0.5, .maximum = 1,
     .doc = "probability"},
    {.name = NULL},
};

static void geometry(const void *options, struct transform_draw *draw, struct geometry *geometry)
{
    const struct vertical_flip_options *o = options;
    const struct image_map mirror = {{1, 0, 0, 0, -1, geometry->height, 0, 0, 1}};

    if (draw_chance(draw, o->p)) {
        geometry_then(geometry, &mirror);
    }
}

const struct transform transform_vertical_flip = {
    .name = "vertical-flip",
    .torchvision = "RandomVerticalFlip",
    .summary = "mirrored top to bottom",
    .kind = TRANSFORM_GEOMETRY,
    .attributes = attributes,
    .options_size = sizeof(struct vertical_flip_options),
    .geometry = geometry,
};
