/* SPDX-License-Identifier: MIT */
/* Removes the colour, with a probability: each pixel becomes its luma. */
#include "transform/transform.h"

#include <string.h>

struct grey_options {
    double p;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct grey_options, p), .kind = ATTRIBUTE_NUMBER, .standard = 0.1, .maximum = 1, .doc = "probability"},
    {.name = NULL},
};

static void colour(const void *options, struct transform_draw *draw, const struct colours *colours)
{
    const struct grey_options *o = options;
    int64_t pixels = (int64_t)colours->height * colours->width;
    bool drawn = draw_chance(draw, o->p);

    for (int64_t i = 0; drawn && colours->channels == 3 && i < pixels; i++) {
        uint8_t *pixel = colours->pixels + i * 3;

        memset(pixel, (int)(colours_luma(pixel, 3) + 0.5), 3);
    }
}

const struct transform transform_grey = {
    .name = "grey",
    .torchvision = "RandomGrayscale",
    .summary = "without colour",
    .kind = TRANSFORM_COLOUR,
    .attributes = attributes,
    .options_size = sizeof(struct grey_options),
    .colour = colour,
};
