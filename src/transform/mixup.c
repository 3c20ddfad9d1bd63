/* SPDX-License-Identifier: MIT */
/* Blends two samples pixel by pixel (Zhang, Cisse, Dauphin & Lopez-Paz, "mixup: beyond empirical risk minimization",
 * 2018): the share of the first is drawn from Beta(alpha, alpha), the rest is the other. The same shares weight their
 * classes; the boxes of both are kept. */
#include "transform/transform.h"

struct mixup_options {
    double alpha, p;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct mixup_options, alpha), .kind = ATTRIBUTE_NUMBER, .standard = 0.2, .minimum = 0.01,
     .maximum = 1000, .doc = "of Beta(alpha, alpha): small ones leave most samples nearly alone, large ones halve"},
    {ATTRIBUTE(struct mixup_options, p), .kind = ATTRIBUTE_NUMBER, .standard = 1, .maximum = 1, .doc = "probability"},
    {.name = NULL},
};

static bool mix(const void *options, struct transform_draw *draw, struct mix *mix)
{
    const struct mixup_options *o = options;

    if (!draw_chance(draw, o->p)) {
        return false;
    }
    mix->piece[1].weight = (int)((1 - draw_beta(draw, o->alpha)) * MIX_WHOLE + 0.5);
    return true;
}

const struct transform transform_mixup = {
    .name = "mixup",
    .torchvision = "MixUp",
    .summary = "a weighted mean of two samples, and of their classes",
    .kind = TRANSFORM_MIX,
    .attributes = attributes,
    .options_size = sizeof(struct mixup_options),
    .mix = mix,
    .partners = 1,
    .blends = true,
};
