/* SPDX-License-Identifier: MIT */
/* Fills a rectangle of random place, area and shape with noise, with a probability (Zhong et al., "Random erasing data
 * augmentation", 2017). */
#include "transform/transform.h"

#include <math.h>

struct erase_options {
    double p, smallest, largest;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct erase_options, p), .kind = ATTRIBUTE_NUMBER, .standard = 0.5, .maximum = 1, .doc = "probability"},
    {ATTRIBUTE(struct erase_options, smallest), .kind = ATTRIBUTE_NUMBER, .standard = 0.02, .minimum = 1e-4,
     .maximum = 1, .doc = "area at least, as a share"},
    {ATTRIBUTE(struct erase_options, largest), .kind = ATTRIBUTE_NUMBER, .standard = 0.33, .minimum = 1e-4,
     .maximum = 1, .doc = "at most"},
    {.name = NULL},
};

enum { TRIES = 10 };

static void colour(const void *options, struct transform_draw *draw, const struct colours *colours)
{
    const struct erase_options *o = options;
    const double bound = log(3.3);
    double area = (double)colours->height * colours->width;
    bool drawn = draw_chance(draw, o->p);

    for (int i = 0; drawn && i < TRIES; i++) {
        double wanted = area * draw_uniform(draw, o->smallest, fmax(o->smallest, o->largest));
        double ratio = exp(draw_uniform(draw, -bound, bound));
        int64_t height = (int64_t)sqrt(wanted * ratio), width = (int64_t)sqrt(wanted / ratio);

        if (height < colours->height && width < colours->width) {
            int64_t top = draw_below(draw, colours->height - height + 1),
                    left = draw_below(draw, colours->width - width + 1);

            for (int64_t k = 0; k < height * width * colours->channels; k++) {
                int64_t row = k / (width * colours->channels), at = k % (width * colours->channels);

                colours->pixels[((top + row) * colours->width + left) * colours->channels + at] =
                    (uint8_t)draw_below(draw, 256);
            }
            return;
        }
    }
}

const struct transform transform_erase = {
    .name = "erase",
    .torchvision = "RandomErasing",
    .summary = "a rectangle filled with noise",
    .kind = TRANSFORM_COLOUR,
    .attributes = attributes,
    .options_size = sizeof(struct erase_options),
    .colour = colour,
};
