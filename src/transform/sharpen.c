/* SPDX-License-Identifier: MIT */
/* Sharper or softer: away from or towards a mean of the neighbours (1 1 1, 1 5 1, 1 1 1, over 13), as Pillow does; the
 * outermost pixels stay. */
#include "transform/transform.h"

#include <math.h>
#include <string.h>

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
    double factor = draw_uniform(draw, fmax(1 - o->by, 0), 1 + o->by);
    int64_t row = (int64_t)colours->width * colours->channels, step = colours->channels;

    memcpy(colours->room, colours->pixels, (size_t)(colours->height * row));
    for (int64_t y = 1; y + 1 < colours->height; y++) {
        for (int64_t x = step; x + step < row; x++) {
            const uint8_t *at = colours->room + y * row + x;
            double sum = 4.0 * at[0];

            for (int i = 0; i < 9; i++) {
                sum += at[(i / 3 - 1) * row + (i % 3 - 1) * step];
            }
            colours->pixels[y * row + x] = colours_blend(factor, at[0], sum / 13);
        }
    }
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
