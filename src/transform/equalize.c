/* SPDX-License-Identifier: MIT */
/* Equalises the histogram, with a probability: maps each channel through its own cumulative histogram, as Pillow
 * does. */
#include "transform/transform.h"

struct equalize_options {
    double p;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct equalize_options, p), .kind = ATTRIBUTE_NUMBER, .standard = 0.5, .maximum = 1,
     .doc = "probability"},
    {.name = NULL},
};

static void equalize(const struct colours *colours, int channel)
{
    int64_t values = (int64_t)colours->height * colours->width * colours->channels;
    int64_t histogram[256] = {0}, below, last = 0, step;
    uint8_t table[256];

    for (int64_t i = channel; i < values; i += colours->channels) {
        histogram[colours->pixels[i]]++;
    }
    for (int i = 0; i < 256; i++) {
        last = histogram[i] != 0 ? histogram[i] : last;
    }
    step = (values / colours->channels - last) / 255;
    if (step == 0) {
        return; /* a single value, or too few pixels */
    }
    below = step / 2;
    for (int i = 0; i < 256; i++) {
        table[i] = (uint8_t)(below / step < 255 ? below / step : 255);
        below += histogram[i];
    }
    for (int64_t i = channel; i < values; i += colours->channels) {
        colours->pixels[i] = table[colours->pixels[i]];
    }
}

static void colour(const void *options, struct transform_draw *draw, const struct colours *colours)
{
    const struct equalize_options *o = options;
    bool drawn = draw_chance(draw, o->p);

    for (int c = 0; drawn && c < colours->channels; c++) {
        equalize(colours, c);
    }
}

const struct transform transform_equalize = {
    .name = "equalize",
    .torchvision = "RandomEqualize",
    .summary = "each channel's values equally often",
    .kind = TRANSFORM_COLOUR,
    .attributes = attributes,
    .options_size = sizeof(struct equalize_options),
    .colour = colour,
};
