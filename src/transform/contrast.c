/* SPDX-License-Identifier: MIT */
/* Changes the contrast: moves values towards or away from the mean of the picture's luma. */
#include "transform/transform.h"

#include <math.h>

struct contrast_options {
    double by;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct contrast_options, by), .kind = ATTRIBUTE_NUMBER, .standard = 0.4, .maximum = 10,
     .doc = "a factor from 1 - by (at least 0) to 1 + by"},
    {.name = NULL},
};

static void colour(const void *options, struct transform_draw *draw, const struct colours *colours)
{
    const struct contrast_options *o = options;

    colours_contrast(colours, draw_uniform(draw, fmax(1 - o->by, 0), 1 + o->by));
}

const struct transform transform_contrast = {
    .name = "contrast",
    .torchvision = "ColorJitter",
    .summary = "more or less contrast",
    .kind = TRANSFORM_COLOUR,
    .attributes = attributes,
    .options_size = sizeof(struct contrast_options),
    .colour = colour,
};
