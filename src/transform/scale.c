/* SPDX-License-Identifier: MIT */
/* Enlarges or shrinks the content around the middle; the picture's size stays. */
#include "transform/transform.h"

struct scale_options {
    double by;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct scale_options, by), .kind = ATTRIBUTE_NUMBER, .standard = 0.1, .maximum = 0.95,
     .doc = "from 1 - by to 1 + by times its size"},
    {.name = NULL},
};

static void geometry(const void *options, struct transform_draw *draw, struct geometry *geometry)
{
    const struct scale_options *o = options;
    double factor = 1 / draw_uniform(draw, 1 - o->by, 1 + o->by);

    geometry_around_middle(geometry, (double[4]){factor, 0, 0, factor});
}

const struct transform transform_scale = {
    .name = "scale",
    .torchvision = "RandomAffine",
    .summary = "made larger or smaller around its middle",
    .kind = TRANSFORM_GEOMETRY,
    .attributes = attributes,
    .options_size = sizeof(struct scale_options),
    .geometry = geometry,
};
