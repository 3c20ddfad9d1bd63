/* SPDX-License-Identifier: MIT */
/* Applies one of 25 pairs of operations to each sample; each operation has a probability and a magnitude that were
 * learned for a data set (Cubuk, Zoph, Mane, Vasudevan & Le, "AutoAugment: learning augmentation strategies from data",
 * 2019, appendix; magnitudes in ninths of the range, as in torchvision). */
#include "transform/magnitude.h"

enum { PAIRS = 25, POLICIES = 3 };

struct auto_augment_options {
    int policy;
};

static const char *const policy_names[] = {"imagenet", "cifar10", "svhn", NULL};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct auto_augment_options, policy), .kind = ATTRIBUTE_CHOICE, .choices = policy_names,
     .doc = "which data they were found for"},
    {.name = NULL},
};

/* An operation, its probability in tenths, its magnitude in ninths of the range. */
struct found {
    unsigned char operation, probability, magnitude;
};

static const struct found policies[POLICIES][PAIRS][2] = {
    {
        {{MAGNITUDE_POSTERIZE, 4, 8}, {MAGNITUDE_ROTATE, 6, 9}},
        {{MAGNITUDE_SOLARIZE, 6, 5}, {MAGNITUDE_AUTOCONTRAST, 6, 0}},
        {{MAGNITUDE_EQUALIZE, 8, 0}, {MAGNITUDE_EQUALIZE, 6, 0}},
        {{MAGNITUDE_POSTERIZE, 6, 7}, {MAGNITUDE_POSTERIZE, 6, 6}},
        {{MAGNITUDE_EQUALIZE, 4, 0}, {MAGNITUDE_SOLARIZE, 2, 4}},
        {{MAGNITUDE_EQUALIZE, 4, 0}, {MAGNITUDE_ROTATE, 8, 8}},
        {{MAGNITUDE_SOLARIZE, 6, 3}, {MAGNITUDE_EQUALIZE, 6, 0}},
        {{MAGNITUDE_POSTERIZE, 8, 5}, {MAGNITUDE_EQUALIZE, 10, 0}},
        {{MAGNITUDE_ROTATE, 2, 3}, {MAGNITUDE_SOLARIZE, 6, 8}},
        {{MAGNITUDE_EQUALIZE, 6, 0}, {MAGNITUDE_POSTERIZE, 4, 6}},
        {{MAGNITUDE_ROTATE, 8, 8}, {MAGNITUDE_COLOR, 4, 0}},
        {{MAGNITUDE_ROTATE, 4, 9}, {MAGNITUDE_EQUALIZE, 6, 0}},
        {{MAGNITUDE_EQUALIZE, 0, 0}, {MAGNITUDE_EQUALIZE, 8, 0}},
        {{MAGNITUDE_INVERT, 6, 0}, {MAGNITUDE_EQUALIZE, 10, 0}},
        {{MAGNITUDE_COLOR, 6, 4}, {MAGNITUDE_CONTRAST, 10, 8}},
        {{MAGNITUDE_ROTATE, 8, 8}, {MAGNITUDE_COLOR, 10, 2}},
        {{MAGNITUDE_COLOR, 8, 8}, {MAGNITUDE_SOLARIZE, 8, 7}},
        {{MAGNITUDE_SHARPNESS, 4, 7}, {MAGNITUDE_INVERT, 6, 0}},
        {{MAGNITUDE_SHEAR_X, 6, 5}, {MAGNITUDE_EQUALIZE, 10, 0}},
        {{MAGNITUDE_COLOR, 4, 0}, {MAGNITUDE_EQUALIZE, 6, 0}},
        {{MAGNITUDE_EQUALIZE, 4, 0}, {MAGNITUDE_SOLARIZE, 2, 4}},
        {{MAGNITUDE_SOLARIZE, 6, 5}, {MAGNITUDE_AUTOCONTRAST, 6, 0}},
        {{MAGNITUDE_INVERT, 6, 0}, {MAGNITUDE_EQUALIZE, 10, 0}},
        {{MAGNITUDE_COLOR, 6, 4}, {MAGNITUDE_CONTRAST, 10, 8}},
        {{MAGNITUDE_EQUALIZE, 8, 0}, {MAGNITUDE_EQUALIZE, 6, 0}},
    },
    {
        {{MAGNITUDE_INVERT, 1, 0}, {MAGNITUDE_CONTRAST, 2, 6}},
        {{MAGNITUDE_ROTATE, 7, 2}, {MAGNITUDE_TRANSLATE_X, 3, 9}},
        {{MAGNITUDE_SHARPNESS, 8, 1}, {MAGNITUDE_SHARPNESS, 9, 3}},
        {{MAGNITUDE_SHEAR_Y, 5, 8}, {MAGNITUDE_TRANSLATE_Y, 7, 9}},
        {{MAGNITUDE_AUTOCONTRAST, 5, 0}, {MAGNITUDE_EQUALIZE, 9, 0}},
        {{MAGNITUDE_SHEAR_Y, 2, 7}, {MAGNITUDE_POSTERIZE, 3, 7}},
        {{MAGNITUDE_COLOR, 4, 3}, {MAGNITUDE_BRIGHTNESS, 6, 7}},
        {{MAGNITUDE_SHARPNESS, 3, 9}, {MAGNITUDE_BRIGHTNESS, 7, 9}},
        {{MAGNITUDE_EQUALIZE, 6, 0}, {MAGNITUDE_EQUALIZE, 5, 0}},
        {{MAGNITUDE_CONTRAST, 6, 7}, {MAGNITUDE_SHARPNESS, 6, 5}},
        {{MAGNITUDE_COLOR, 7, 7}, {MAGNITUDE_TRANSLATE_X, 5, 8}},
        {{MAGNITUDE_EQUALIZE, 3, 0}, {MAGNITUDE_AUTOCONTRAST, 4, 0}},
        {{MAGNITUDE_TRANSLATE_Y, 4, 3}, {MAGNITUDE_SHARPNESS, 2, 6}},
        {{MAGNITUDE_BRIGHTNESS, 9, 6}, {MAGNITUDE_COLOR, 2, 8}},
        {{MAGNITUDE_SOLARIZE, 5, 2}, {MAGNITUDE_INVERT, 0, 0}},
        {{MAGNITUDE_EQUALIZE, 2, 0}, {MAGNITUDE_AUTOCONTRAST, 6, 0}},
        {{MAGNITUDE_EQUALIZE, 2, 0}, {MAGNITUDE_EQUALIZE, 6, 0}},
        {{MAGNITUDE_COLOR, 9, 9}, {MAGNITUDE_EQUALIZE, 6, 0}},
        {{MAGNITUDE_AUTOCONTRAST, 8, 0}, {MAGNITUDE_SOLARIZE, 2, 8}},
        {{MAGNITUDE_BRIGHTNESS, 1, 3}, {MAGNITUDE_COLOR, 7, 0}},
        {{MAGNITUDE_SOLARIZE, 4, 5}, {MAGNITUDE_AUTOCONTRAST, 9, 0}},
        {{MAGNITUDE_TRANSLATE_Y, 9, 9}, {MAGNITUDE_TRANSLATE_Y, 7, 9}},
        {{MAGNITUDE_AUTOCONTRAST, 9, 0}, {MAGNITUDE_SOLARIZE, 8, 3}},
        {{MAGNITUDE_EQUALIZE, 8, 0}, {MAGNITUDE_INVERT, 1, 0}},
        {{MAGNITUDE_TRANSLATE_Y, 7, 9}, {MAGNITUDE_AUTOCONTRAST, 9, 0}},
    },
    {
        {{MAGNITUDE_SHEAR_X, 9, 4}, {MAGNITUDE_INVERT, 2, 0}},
        {{MAGNITUDE_SHEAR_Y, 9, 8}, {MAGNITUDE_INVERT, 7, 0}},
        {{MAGNITUDE_EQUALIZE, 6, 0}, {MAGNITUDE_SOLARIZE, 6, 6}},
        {{MAGNITUDE_INVERT, 9, 0}, {MAGNITUDE_EQUALIZE, 6, 0}},
        {{MAGNITUDE_EQUALIZE, 6, 0}, {MAGNITUDE_ROTATE, 9, 3}},
        {{MAGNITUDE_SHEAR_X, 9, 4}, {MAGNITUDE_AUTOCONTRAST, 8, 0}},
        {{MAGNITUDE_SHEAR_Y, 9, 8}, {MAGNITUDE_INVERT, 4, 0}},
        {{MAGNITUDE_SHEAR_Y, 9, 5}, {MAGNITUDE_SOLARIZE, 2, 6}},
        {{MAGNITUDE_INVERT, 9, 0}, {MAGNITUDE_AUTOCONTRAST, 8, 0}},
        {{MAGNITUDE_EQUALIZE, 6, 0}, {MAGNITUDE_ROTATE, 9, 3}},
        {{MAGNITUDE_SHEAR_X, 9, 4}, {MAGNITUDE_SOLARIZE, 3, 3}},
        {{MAGNITUDE_SHEAR_Y, 8, 8}, {MAGNITUDE_INVERT, 7, 0}},
        {{MAGNITUDE_EQUALIZE, 9, 0}, {MAGNITUDE_TRANSLATE_Y, 6, 6}},
        {{MAGNITUDE_INVERT, 9, 0}, {MAGNITUDE_EQUALIZE, 6, 0}},
        {{MAGNITUDE_CONTRAST, 3, 3}, {MAGNITUDE_ROTATE, 8, 4}},
        {{MAGNITUDE_INVERT, 8, 0}, {MAGNITUDE_TRANSLATE_Y, 0, 2}},
        {{MAGNITUDE_SHEAR_Y, 7, 6}, {MAGNITUDE_SOLARIZE, 4, 8}},
        {{MAGNITUDE_INVERT, 6, 0}, {MAGNITUDE_ROTATE, 8, 4}},
        {{MAGNITUDE_SHEAR_Y, 3, 7}, {MAGNITUDE_TRANSLATE_X, 9, 3}},
        {{MAGNITUDE_SHEAR_X, 1, 6}, {MAGNITUDE_INVERT, 6, 0}},
        {{MAGNITUDE_SOLARIZE, 7, 2}, {MAGNITUDE_TRANSLATE_Y, 6, 7}},
        {{MAGNITUDE_SHEAR_Y, 8, 4}, {MAGNITUDE_INVERT, 8, 0}},
        {{MAGNITUDE_SHEAR_X, 7, 9}, {MAGNITUDE_TRANSLATE_Y, 8, 3}},
        {{MAGNITUDE_SHEAR_Y, 8, 5}, {MAGNITUDE_AUTOCONTRAST, 7, 0}},
        {{MAGNITUDE_SHEAR_X, 7, 2}, {MAGNITUDE_INVERT, 1, 0}},
    },
};

static int choose(const void *options, struct transform_draw *draw, struct transform_use *uses)
{
    const struct auto_augment_options *o = options;
    const struct found *pair = policies[o->policy][draw_below(draw, PAIRS)];
    int count = 0;

    for (int i = 0; i < 2; i++) {
        if (draw_chance(draw, pair[i].probability / 10.0)) {
            uses[count++] = magnitude_use((enum magnitude_operation)pair[i].operation, pair[i].magnitude / 9.0, draw);
        }
    }
    return count;
}

const struct transform transform_auto_augment = {
    .name = "auto-augment",
    .torchvision = "AutoAugment",
    .summary = "one of 25 pairs of operations that were found for a data set",
    .kind = TRANSFORM_POLICY,
    .attributes = attributes,
    .options_size = sizeof(struct auto_augment_options),
    .choose = choose,
};
