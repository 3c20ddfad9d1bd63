/* SPDX-License-Identifier: MIT */
/* Solarises the picture, with a probability: inverts the values from a threshold on. */
#include "transform/transform.h"

struct solarize_options {
    int64_t threshold;
    double p;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct solarize_options, threshold), .kind = ATTRIBUTE_INTEGER, .standard = 128, .maximum = 256,
     .doc = "first value that is inverted"},
    {ATTRIBUTE(struct solarize_options, p), .kind = ATTRIBUTE_NUMBER, .standard = 0.5, .maximum = 1,
     .doc = "probability"},
    {.name = NULL},
};

static void colour(const void *options, struct transform_draw *draw, const struct colours *colours)
{
    const struct solarize_options *o = options;
    uint8_t table[256];

    for (int i = 0; i < 256; i++) {
        table[i] = (uint8_t)(i >= o->threshold ? 255 - i : i);
    }
    if (draw_chance(draw, o->p)) {
        colours_by_table(colours, table);
    }
}

const struct transform transform_solarize = {
    .name = "solarize",
    .torchvision = "RandomSolarize",
    .summary = "bright values inverted",
    .kind = TRANSFORM_COLOUR,
    .attributes = attributes,
    .options_size = sizeof(struct solarize_options),
    .colour = colour,
};
