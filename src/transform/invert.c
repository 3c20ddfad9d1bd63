/* SPDX-License-Identifier: MIT */
/* Makes a negative, with a probability: 255 minus each value. */
#include "transform/transform.h"

struct invert_options {
    double p;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct invert_options, p), .kind = ATTRIBUTE_NUMBER, .standard = 0.5, .maximum = 1,
     .doc = "probability"},
    {.name = NULL},
};

static void colour(const void *options, struct transform_draw *draw, const struct colours *colours)
{
    const struct invert_options *o = options;
    uint8_t table[256];

    for (int i = 0; i < 256; i++) {
        table[i] = (uint8_t)(255 - i);
    }
    if (draw_chance(draw, o->p)) {
        colours_by_table(colours, table);
    }
}

const struct transform transform_invert = {
    .name = "invert",
    .torchvision = "RandomInvert",
    .summary = "as a negative",
    .kind = TRANSFORM_COLOUR,
    .attributes = attributes,
    .options_size = sizeof(struct invert_options),
    .colour = colour,
};
