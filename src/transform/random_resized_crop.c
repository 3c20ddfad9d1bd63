/* SPDX-License-Identifier: MIT */
/* Crops a part of random area and shape and resizes it to the input size (Szegedy et al., "Going deeper with
 * convolutions", 2015, section 6). After ten random boxes that do not fit it takes the largest one in the middle, as
 * torchvision does. */
#include "transform/transform.h"

#include <math.h>

struct resized_crop_options {
    double smallest, largest, ratio;
};

enum { TRIES = 10 };

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct resized_crop_options, smallest), .kind = ATTRIBUTE_NUMBER, .standard = 0.08, .minimum = 1e-4,
     .maximum = 1, .doc = "area at least, as a share of the picture"},
    {ATTRIBUTE(struct resized_crop_options, largest), .kind = ATTRIBUTE_NUMBER, .standard = 1, .minimum = 1e-4,
     .maximum = 1, .doc = "area at most"},
    {ATTRIBUTE(struct resized_crop_options, ratio), .kind = ATTRIBUTE_NUMBER, .standard = 4.0 / 3, .minimum = 1,
     .maximum = 100, .doc = "width over height at most, and height over width"},
    {.name = NULL},
};

static void cut(struct geometry *geometry, double top, double left, double height, double width)
{
    const struct image_map step = {{1, 0, left, 0, 1, top, 0, 0, 1}};

    geometry_then(geometry, &step);
    geometry->height = height;
    geometry->width = width;
}

static void geometry(const void *options, struct transform_draw *draw, struct geometry *geometry)
{
    const struct resized_crop_options *o = options;
    double area = geometry->height * geometry->width, bound = log(o->ratio);
    double largest = fmax(o->smallest, o->largest), height, width;

    for (int i = 0; i < TRIES; i++) {
        double wanted = area * draw_uniform(draw, o->smallest, largest), ratio = exp(draw_uniform(draw, -bound, bound));

        width = floor(sqrt(wanted * ratio) + 0.5);
        height = floor(sqrt(wanted / ratio) + 0.5);
        if (width >= 1 && height >= 1 && width <= geometry->width && height <= geometry->height) {
            double top = (double)draw_below(draw, (int64_t)(geometry->height - height) + 1);
            double left = (double)draw_below(draw, (int64_t)(geometry->width - width) + 1);

            cut(geometry, top, left, height, width);
            return;
        }
    }
    width = fmin(geometry->width, floor(geometry->height * o->ratio + 0.5));
    height = fmin(geometry->height, floor(geometry->width * o->ratio + 0.5));
    cut(geometry, floor((geometry->height - height) / 2), floor((geometry->width - width) / 2), height, width);
}

const struct transform transform_random_resized_crop = {
    .name = "random-resized-crop",
    .torchvision = "RandomResizedCrop",
    .summary = "a part of random area and shape, resized to the whole",
    .kind = TRANSFORM_GEOMETRY,
    .attributes = attributes,
    .options_size = sizeof(struct resized_crop_options),
    .geometry = geometry,
};
