/* SPDX-License-Identifier: MIT */
/* Makes the picture brighter or darker: multiplies every value by a random factor. */
#include "transform/transform.h"

#include <math.h>

struct brightness_options {
    double by;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct brightness_options, by), .kind = ATTRIBUTE_NUMBER, .standard = 0.4, .maximum = 10,
     .doc = "a factor from 1 - by (at least 0) to 1 + by"},
    {.name = NULL},
};

static void colour(const void *options, struct transform_draw *draw, const struct colours *colours)
{
    const struct brightness_options *o = options;

    colours_brighten(colours, draw_uniform(draw, fmax(1 - o->by, 0), 1 + o->by));
}

const struct transform transform_brightness = {
    .name = "brightness",
    .torchvision = "ColorJitter",
    .summary = "brighter or darker",
    .kind = TRANSFORM_COLOUR,
    .attributes = attributes,
    .options_size = sizeof(struct brightness_options),
    .colour = colour,
};
