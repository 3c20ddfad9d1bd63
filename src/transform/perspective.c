/* SPDX-License-Identifier: MIT */
/* Changes the perspective: moves each corner inwards by a random part of half the size. */
#include "transform/transform.h"

struct perspective_options {
    double distortion, p;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct perspective_options, distortion), .kind = ATTRIBUTE_NUMBER, .standard = 0.5, .maximum = 0.9,
     .doc = "at most so much of half the size"},
    {ATTRIBUTE(struct perspective_options, p), .kind = ATTRIBUTE_NUMBER, .standard = 0.5, .maximum = 1,
     .doc = "probability"},
    {.name = NULL},
};

static void geometry(const void *options, struct transform_draw *draw, struct geometry *geometry)
{
    const struct perspective_options *o = options;
    double most_x = o->distortion * geometry->width / 2, most_y = o->distortion * geometry->height / 2;
    double corner[4][2];
    struct image_map away, step;

    if (!draw_chance(draw, o->p)) {
        return;
    }
    for (int i = 0; i < 4; i++) {
        double x = draw_uniform(draw, 0, most_x), y = draw_uniform(draw, 0, most_y);

        corner[i][0] = i == 1 || i == 2 ? geometry->width - x : x;
        corner[i][1] = i >= 2 ? geometry->height - y : y;
    }
    /* `away` takes the picture's corners to the moved ones; the step that is needed is its inverse */
    if (image_map_corners(geometry->height, geometry->width, corner, &away) && image_map_invert(&away, &step)) {
        geometry_then(geometry, &step);
    }
}

const struct transform transform_perspective = {
    .name = "perspective",
    .torchvision = "RandomPerspective",
    .summary = "seen from another place",
    .kind = TRANSFORM_GEOMETRY,
    .attributes = attributes,
    .options_size = sizeof(struct perspective_options),
    .geometry = geometry,
};
