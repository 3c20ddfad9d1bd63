/* SPDX-License-Identifier: MIT */
/* Mirrors the picture left to right, with a probability. */
#include "transform/transform.h"

struct flip_options {
    double p;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct flip_options, p), .kind = ATTRIBUTE_NUMBER, .standard = 0.5, .maximum = 1, .doc = "probability"},
    {.name = NULL},
};

static void geometry(const void *options, struct transform_draw *draw, struct geometry *geometry)
{
    const struct flip_options *o = options;
    const struct image_map mirror = {{-1, 0, geometry->width, 0, 1, 0, 0, 0, 1}};

    if (draw_chance(draw, o->p)) {
        geometry_then(geometry, &mirror);
    }
}

const struct transform transform_flip = {
    .name = "flip",
    .torchvision = "RandomHorizontalFlip",
    .summary = "mirrored left to right",
    .kind = TRANSFORM_GEOMETRY,
    .attributes = attributes,
    .options_size = sizeof(struct flip_options),
    .geometry = geometry,
};
