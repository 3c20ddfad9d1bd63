/* SPDX-License-Identifier: MIT */
/* Changes the saturation: moves each pixel towards or away from its grey value. */
#include "transform/transform.h"

#include <math.h>

struct saturation_options {
    double by;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct saturation_options, by), .kind = ATTRIBUTE_NUMBER, .standard = 0.4, .maximum = 10,
     .doc = "a factor from 1 - by (at least 0) to 1 + by"},
    {.name = NULL},
};

static void colour(const void *options, struct transform_draw *draw, const struct colours *colours)
{
    const struct saturation_options *o = options;

    colours_saturate(colours, draw_uniform(draw, fmax(1 - o->by, 0), 1 + o->by));
}

const struct transform transform_saturation = {
    .name = "saturation",
    .torchvision = "ColorJitter",
    .summary = "more or less colour",
    .kind = TRANSFORM_COLOUR,
    .attributes = attributes,
    .options_size = sizeof(struct saturation_options),
    .colour = colour,
};
