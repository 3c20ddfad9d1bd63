/* SPDX-License-Identifier: MIT */
/* Elastic deformation, as in handwriting and tissue (Simard, Steinkraus & Platt, "Best practices for convolutional
 * neural networks applied to visual document analysis", 2003): displaces every pixel by noise in [-1, 1), smoothed by a
 * Gaussian, times a strength. pipeline.c makes the displacement field. */
#include "transform/transform.h"

struct elastic_options {
    double strength, sigma;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct elastic_options, strength), .kind = ATTRIBUTE_NUMBER, .standard = 34, .maximum = 10000,
     .doc = "times the smoothed noise, pixels of the result"},
    {ATTRIBUTE(struct elastic_options, sigma), .kind = ATTRIBUTE_NUMBER, .standard = 4, .minimum = 0.5, .maximum = 32,
     .doc = "deviation of the smoothing, pixels of the result"},
    {.name = NULL},
};

static void geometry(const void *options, struct transform_draw *draw, struct geometry *geometry)
{
    const struct elastic_options *o = options;

    geometry->elastic_strength = o->strength;
    geometry->elastic_reach = o->sigma;
    geometry->elastic_draw = *draw;
}

const struct transform transform_elastic = {
    .name = "elastic",
    .torchvision = "ElasticTransform",
    .summary = "bent by smooth noise",
    .kind = TRANSFORM_GEOMETRY,
    .attributes = attributes,
    .options_size = sizeof(struct elastic_options),
    .geometry = geometry,
};
