/* SPDX-License-Identifier: MIT */
/* Rotates the picture around its middle by a random angle. */
#include "transform/transform.h"

#include <math.h>

struct rotate_options {
    double degrees;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct rotate_options, degrees), .kind = ATTRIBUTE_NUMBER, .standard = 10, .maximum = 180,
     .doc = "at most so much either way"},
    {.name = NULL},
};

static void geometry(const void *options, struct transform_draw *draw, struct geometry *geometry)
{
    const struct rotate_options *o = options;
    double angle = draw_uniform(draw, -o->degrees, o->degrees) * 3.14159265358979323846 / 180;

    geometry_around_middle(geometry, (double[4]){cos(angle), -sin(angle), sin(angle), cos(angle)});
}

const struct transform transform_rotate = {
    .name = "rotate",
    .torchvision = "RandomRotation",
    .summary = "turned around its middle",
    .kind = TRANSFORM_GEOMETRY,
    .attributes = attributes,
    .options_size = sizeof(struct rotate_options),
    .geometry = geometry,
};
