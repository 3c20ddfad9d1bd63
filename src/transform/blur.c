/* SPDX-License-Identifier: MIT */
/* Blurs with a Gaussian of random standard deviation; the edge pixels are repeated beyond the edge. */
#include "transform/transform.h"

#include <math.h>

struct blur_options {
    double smallest, largest;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct blur_options, smallest), .kind = ATTRIBUTE_NUMBER, .standard = 0.1, .minimum = 0.01,
     .maximum = 10, .doc = "deviation at least, pixels"},
    {ATTRIBUTE(struct blur_options, largest), .kind = ATTRIBUTE_NUMBER, .standard = 2, .minimum = 0.01, .maximum = 10,
     .doc = "at most"},
    {.name = NULL},
};

enum { MOST_RADIUS = 30 };

/* Smooths a line of `length` values that lie `step` bytes apart, from one buffer to another. */
static void smooth_line(const uint8_t *from, uint8_t *to, int length, int64_t step, const double *weights, int radius)
{
    for (int at = 0; at < length; at++) {
        double sum = 0;

        for (int t = -radius; t <= radius; t++) {
            int place = at + t < 0 ? 0 : at + t >= length ? length - 1 : at + t;

            sum += weights[t + radius] * from[place * step];
        }
        to[at * step] = (uint8_t)(sum + 0.5);
    }
}

static void colour(const void *options, struct transform_draw *draw, const struct colours *colours)
{
    const struct blur_options *o = options;
    double sigma = draw_uniform(draw, o->smallest, fmax(o->smallest, o->largest)), sum = 0;
    double weights[2 * MOST_RADIUS + 1];
    int radius = (int)fmin(fmax(floor(3 * sigma + 0.5), 1), MOST_RADIUS);
    int64_t row = (int64_t)colours->width * colours->channels;

    for (int t = -radius; t <= radius; t++) {
        sum += weights[t + radius] = exp(-t * t / (2 * sigma * sigma));
    }
    for (int t = 0; t <= 2 * radius; t++) {
        weights[t] /= sum;
    }
    for (int y = 0; y < colours->height; y++) {
        for (int c = 0; c < colours->channels; c++) {
            smooth_line(colours->pixels + y * row + c, colours->workspace + y * row + c, colours->width,
                        colours->channels, weights, radius);
        }
    }
    for (int64_t i = 0; i < row; i++) {
        smooth_line(colours->workspace + i, colours->pixels + i, colours->height, row, weights, radius);
    }
}

const struct transform transform_blur = {
    .name = "blur",
    .torchvision = "GaussianBlur",
    .summary = "out of focus",
    .kind = TRANSFORM_COLOUR,
    .attributes = attributes,
    .options_size = sizeof(struct blur_options),
    .colour = colour,
};
