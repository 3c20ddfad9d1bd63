/* SPDX-License-Identifier: MIT */
/* Changes the sharpness: moves each pixel away from or towards a mean of its neighbourhood (1 1 1, 1 5 1, 1 1 1, over
 * 13), as Pillow does; the outermost pixels stay. */
#include "transform/transform.h"

#include <math.h>

struct sharpen_options {
    double by;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct sharpen_options, by), .kind = ATTRIBUTE_NUMBER, .standard = 0.4, .maximum = 10,
     .doc = "a factor from 1 - by (at least 0) to 1 + by"},
    {.name = NULL},
};

static void colour(const void *options, struct transform_draw *draw, const struct colours *colours)
{
    const struct sharpen_options *o = options;

    colours_sharpen(colours, draw_uniform(draw, fmax(1 - o->by, 0), 1 + o->by));
}

const struct transform transform_sharpen = {
    .name = "sharpen",
    .torchvision = "RandomAdjustSharpness",
    .summary = "sharper or softer",
    .kind = TRANSFORM_COLOUR,
    .attributes = attributes,
    .options_size = sizeof(struct sharpen_options),
    .colour = colour,
};
