/* SPDX-License-Identifier: MIT */
/* Blackens a square at a random place, which may reach beyond the picture's edge (DeVries & Taylor, "Improved
 * regularization of convolutional neural networks with cutout", 2017). */
#include "transform/transform.h"

#include <string.h>

struct cutout_options {
    int64_t side;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct cutout_options, side), .kind = ATTRIBUTE_INTEGER, .standard = 8, .minimum = 1, .maximum = 16384,
     .doc = "pixels"},
    {.name = NULL},
};

static void colour(const void *options, struct transform_draw *draw, const struct colours *colours)
{
    const struct cutout_options *o = options;
    int64_t top = draw_below(draw, colours->height) - o->side / 2,
            left = draw_below(draw, colours->width) - o->side / 2;
    int64_t bottom = top + o->side < colours->height ? top + o->side : colours->height;
    int64_t right = left + o->side < colours->width ? left + o->side : colours->width;

    top = top > 0 ? top : 0;
    left = left > 0 ? left : 0;
    for (int64_t y = top; y < bottom; y++) {
        memset(colours->pixels + (y * colours->width + left) * colours->channels, 0,
               (size_t)((right - left) * colours->channels));
    }
}

const struct transform transform_cutout = {
    .name = "cutout",
    .torchvision = NULL,
    .summary = "a square blackened",
    .kind = TRANSFORM_COLOUR,
    .attributes = attributes,
    .options_size = sizeof(struct cutout_options),
    .colour = colour,
};
