/* SPDX-License-Identifier: MIT */
/* Stretches the values of each channel to the full range, with a probability: the darkest becomes 0, the brightest
 * 255. */
#include "transform/transform.h"

struct autocontrast_options {
    double p;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct autocontrast_options, p), .kind = ATTRIBUTE_NUMBER, .standard = 0.5, .maximum = 1,
     .doc = "probability"},
    {.name = NULL},
};

static void stretch(const struct colours *colours, int channel)
{
    int64_t values = (int64_t)colours->height * colours->width * colours->channels;
    uint8_t low = 255, high = 0;

    for (int64_t i = channel; i < values; i += colours->channels) {
        low = colours->pixels[i] < low ? colours->pixels[i] : low;
        high = colours->pixels[i] > high ? colours->pixels[i] : high;
    }
    for (int64_t i = channel; low < high && i < values; i += colours->channels) {
        colours->pixels[i] = (uint8_t)((colours->pixels[i] - low) * 255.0 / (high - low) + 0.5);
    }
}

static void colour(const void *options, struct transform_draw *draw, const struct colours *colours)
{
    const struct autocontrast_options *o = options;
    bool drawn = draw_chance(draw, o->p);

    for (int c = 0; drawn && c < colours->channels; c++) {
        stretch(colours, c);
    }
}

const struct transform transform_autocontrast = {
    .name = "autocontrast",
    .torchvision = "RandomAutocontrast",
    .summary = "each channel stretched to all values",
    .kind = TRANSFORM_COLOUR,
    .attributes = attributes,
    .options_size = sizeof(struct autocontrast_options),
    .colour = colour,
};
