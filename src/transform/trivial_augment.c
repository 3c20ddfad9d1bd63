/* SPDX-License-Identifier: MIT */
/* Applies one transform per sample, drawn uniformly from a list, with a strength drawn from its whole range (Mueller &
 * Hutter, "TrivialAugment: tuning-free yet state-of-the-art data augmentation", 2021, the wide ranges). */
#include "transform/transform.h"

#include <stddef.h>

/* For most transforms the option is the bound up to which they draw a strength themselves. Where `from` is set the
 * option is the strength itself: it is drawn here, from `from` (no effect) down by up to `most`. */
static const struct {
    const char *name, *option;
    double most, from;
} choices[] = {
    {NULL, NULL, 0, 0}, /* identity */
    {"shear", "degrees", 44.7, 0},
    {"translate", "by", 0.14, 0},
    {"rotate", "degrees", 135, 0},
    {"brightness", "by", 0.99, 0},
    {"saturation", "by", 0.99, 0},
    {"contrast", "by", 0.99, 0},
    {"sharpen", "by", 0.99, 0},
    {"posterize", "bits", 6, 8},
    {"solarize", "threshold", 256, 256},
    {"autocontrast", "p", 1, 0},
    {"equalize", "p", 1, 0},
};
enum { CHOICES = sizeof choices / sizeof *choices };

static int choose(const void *options, struct transform_draw *draw, struct transform_use *use)
{
    int64_t i = draw_below(draw, CHOICES);
    double value = choices[i].most;

    (void)options;
    if (choices[i].name == NULL) {
        return 0;
    }
    if (choices[i].from > 0) {
        value = choices[i].from - (double)draw_below(draw, (int64_t)value + 1);
    }
    *use = transform_with(choices[i].name, choices[i].option, value);
    attribute_put(attribute_find(use->transform->attributes, "p"), use->options, 1); /* the choice was random already */
    return 1;
}

const struct transform transform_trivial_augment = {
    .name = "trivial-augment",
    .torchvision = "TrivialAugmentWide",
    .summary = "one transform, drawn with its strength from a list of twelve",
    .kind = TRANSFORM_POLICY,
    .choose = choose,
};
