/* SPDX-License-Identifier: MIT */
/* More or less colour: each pixel towards or away from its grey. */
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
    double factor = draw_uniform(draw, fmax(1 - o->by, 0), 1 + o->by);
    int64_t pixels = (int64_t)colours->height * colours->width;

    for (int64_t i = 0; colours->channels == 3 && i < pixels; i++) {
        uint8_t *pixel = colours->pixels + i * 3;
        double luma = colours_luma(pixel, 3);

        for (int c = 0; c < 3; c++) {
            pixel[c] = colours_blend(factor, pixel[c], luma);
        }
    }
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
