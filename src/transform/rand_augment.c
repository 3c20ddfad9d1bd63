/* SPDX-License-Identifier: MIT */
/* Applies a few operations in turn, all of one magnitude, drawn uniformly from fourteen, one of which changes nothing
 * (Cubuk, Zoph, Shlens & Le, "RandAugment: practical automated data augmentation with a reduced search space",
 * 2020). */
#include "transform/magnitude.h"

struct rand_augment_options {
    int64_t count;
    double magnitude;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct rand_augment_options, count), .kind = ATTRIBUTE_INTEGER, .standard = 2, .minimum = 1,
     .maximum = TRANSFORM_MOST_CHOICES, .doc = "operations in turn"},
    {ATTRIBUTE(struct rand_augment_options, magnitude), .kind = ATTRIBUTE_NUMBER, .standard = 9, .maximum = 30,
     .doc = "thirtieths of the full range"},
    {.name = NULL},
};

static int choose(const void *options, struct transform_draw *draw, struct transform_use *uses)
{
    const struct rand_augment_options *o = options;
    int count = 0;

    for (int64_t i = 0; i < o->count; i++) {
        int64_t operation = draw_below(draw, MAGNITUDE_OPERATIONS);

        if (operation != MAGNITUDE_INVERT) { /* RandAugment has the identity in place of the inversion */
            uses[count++] = magnitude_use((enum magnitude_operation)operation, o->magnitude / 30, draw);
        }
    }
    return count;
}

const struct transform transform_rand_augment = {
    .name = "rand-augment",
    .torchvision = "RandAugment",
    .summary = "a few operations in turn, of one magnitude, drawn from fourteen",
    .kind = TRANSFORM_POLICY,
    .attributes = attributes,
    .options_size = sizeof(struct rand_augment_options),
    .choose = choose,
};
