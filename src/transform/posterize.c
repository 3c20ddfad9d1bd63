/* SPDX-License-Identifier: MIT */
/* Reduces the number of shades, with a probability: keeps only the upper bits of each value. */
#include "transform/transform.h"

struct posterize_options {
    int64_t bits;
    double p;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct posterize_options, bits), .kind = ATTRIBUTE_INTEGER, .standard = 4, .minimum = 1, .maximum = 8,
     .doc = "that stay of eight"},
    {ATTRIBUTE(struct posterize_options, p), .kind = ATTRIBUTE_NUMBER, .standard = 0.5, .maximum = 1,
     .doc = "probability"},
    {.name = NULL},
};

static void colour(const void *options, struct transform_draw *draw, const struct colours *colours)
{
    const struct posterize_options *o = options;
    uint8_t table[256];

    for (int i = 0; i < 256; i++) {
        table[i] = (uint8_t)(i >> (8 - o->bits) << (8 - o->bits));
    }
    if (draw_chance(draw, o->p)) {
        colours_by_table(colours, table);
    }
}

const struct transform transform_posterize = {
    .name = "posterize",
    .torchvision = "RandomPosterize",
    .summary = "fewer shades",
    .kind = TRANSFORM_COLOUR,
    .attributes = attributes,
    .options_size = sizeof(struct posterize_options),
    .colour = colour,
};
