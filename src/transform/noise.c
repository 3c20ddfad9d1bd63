/* SPDX-License-Identifier: MIT */
/* Adds normally distributed noise to every value. */
#include "transform/transform.h"

struct noise_options {
    double sigma;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct noise_options, sigma), .kind = ATTRIBUTE_NUMBER, .standard = 10, .maximum = 255,
     .doc = "deviation, of 255"},
    {.name = NULL},
};

static void colour(const void *options, struct transform_draw *draw, const struct colours *colours)
{
    const struct noise_options *o = options;
    int64_t values = (int64_t)colours->height * colours->width * colours->channels;

    for (int64_t i = 0; i < values; i++) {
        colours->pixels[i] = colours_blend(1, colours->pixels[i] + o->sigma * draw_normal(draw), 0);
    }
}

const struct transform transform_noise = {
    .name = "noise",
    .torchvision = "GaussianNoise",
    .summary = "grain on every value",
    .kind = TRANSFORM_COLOUR,
    .attributes = attributes,
    .options_size = sizeof(struct noise_options),
    .colour = colour,
};
