/* SPDX-License-Identifier: MIT */
/* Shifts all hues by a random part of the colour circle; value and saturation stay (Smith, "Color gamut transform
 * pairs", 1978). */
#include "transform/transform.h"

#include <math.h>

struct hue_options {
    double by;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct hue_options, by), .kind = ATTRIBUTE_NUMBER, .standard = 0.1, .maximum = 0.5,
     .doc = "at most so much of a turn either way"},
    {.name = NULL},
};

/* One channel of the colour with a hue in [0, 6), whose values span `low` to `high`. Phase of red: 0, green: 4, blue:
 * 2. */
static double channel_of(double hue, double phase, double low, double high)
{
    double at = fmod(hue + phase, 6);

    return at < 1   ? high
           : at < 2 ? high - (high - low) * (at - 1)
           : at < 4 ? low
           : at < 5 ? low + (high - low) * (at - 4)
                    : high;
}

static double hue_of(const uint8_t *pixel, double low, double high)
{
    double r = pixel[0], g = pixel[1], b = pixel[2];

    return r == high   ? fmod((g - b) / (high - low) + 6, 6)
           : g == high ? (b - r) / (high - low) + 2
                       : (r - g) / (high - low) + 4;
}

static void colour(const void *options, struct transform_draw *draw, const struct colours *colours)
{
    const struct hue_options *o = options;
    double turn = draw_uniform(draw, -o->by, o->by) * 6;
    int64_t pixels = (int64_t)colours->height * colours->width;

    for (int64_t i = 0; colours->channels == 3 && i < pixels; i++) {
        uint8_t *pixel = colours->pixels + i * 3;
        double low = fmin(pixel[0], fmin(pixel[1], pixel[2])), high = fmax(pixel[0], fmax(pixel[1], pixel[2]));

        if (low < high) {
            double hue = fmod(hue_of(pixel, low, high) + turn + 6, 6);

            pixel[0] = (uint8_t)(channel_of(hue, 0, low, high) + 0.5);
            pixel[1] = (uint8_t)(channel_of(hue, 4, low, high) + 0.5);
            pixel[2] = (uint8_t)(channel_of(hue, 2, low, high) + 0.5);
        }
    }
}

const struct transform transform_hue = {
    .name = "hue",
    .torchvision = "ColorJitter",
    .summary = "the colour circle turned",
    .kind = TRANSFORM_COLOUR,
    .attributes = attributes,
    .options_size = sizeof(struct hue_options),
    .colour = colour,
};
