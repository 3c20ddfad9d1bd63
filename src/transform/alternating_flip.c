/* SPDX-License-Identifier: MIT */
/* Mirrors each sample left to right in every other epoch. Whether it begins mirrored is drawn once per sample, so that
 * two successive epochs always show both orientations (Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024,
 * section 3.6). */
#include "transform/transform.h"

static void geometry(const void *options, struct transform_draw *draw, struct geometry *geometry)
{
    const struct image_map mirror = {{-1, 0, geometry->width, 0, 1, 0, 0, 0, 1}};
    struct random_key sample = draw->key;

    (void)options;
    sample.position = 0; /* the key's position is the epoch: leaves it out of the drawn number */
    if ((random_u32(sample, draw->next++) + draw->key.position) % 2 == 1) {
        geometry_then(geometry, &mirror);
    }
}

const struct transform transform_alternating_flip = {
    .name = "alternating-flip",
    .summary = "mirrored left to right in every other epoch",
    .kind = TRANSFORM_GEOMETRY,
    .geometry = geometry,
};
