/* SPDX-License-Identifier: MIT */
/* Shears the picture horizontally and vertically, each by a random angle. */
#include "transform/transform.h"

#include <math.h>

struct shear_options {
    double degrees;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct shear_options, degrees), .kind = ATTRIBUTE_NUMBER, .standard = 10, .maximum = 60,
     .doc = "at most so much either way, along both axes"},
    {.name = NULL},
};

static void geometry(const void *options, struct transform_draw *draw, struct geometry *geometry)
{
    const struct shear_options *o = options;
    const double to_radians = 3.14159265358979323846 / 180;
    double x = tan(draw_uniform(draw, -o->degrees, o->degrees) * to_radians);
    double y = tan(draw_uniform(draw, -o->degrees, o->degrees) * to_radians);

    geometry_around_middle(geometry, (double[4]){1, x, 0, 1});
    geometry_around_middle(geometry, (double[4]){1, 0, y, 1});
}

const struct transform transform_shear = {
    .name = "shear",
    .torchvision = "RandomAffine",
    .summary = "slanted along both axes",
    .kind = TRANSFORM_GEOMETRY,
    .attributes = attributes,
    .options_size = sizeof(struct shear_options),
    .geometry = geometry,
};
