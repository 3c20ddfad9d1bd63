/* SPDX-License-Identifier: MIT */
/* Replaces a rectangle of the sample by that of another one (Yun et al., "CutMix: regularization strategy to train
 * strong classifiers with localizable features", 2019). The share of the area that stays, before the rectangle is
 * clipped at the picture's edges, is drawn from Beta(alpha, alpha); its shape is the picture's. Classes are weighted by
 * the visible area of their samples. */
#include "transform/transform.h"
#include <math.h>

struct cutmix_options {
    double alpha, p;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct cutmix_options, alpha), .kind = ATTRIBUTE_NUMBER, .standard = 1, .minimum = 0.01, .maximum = 1000,
     .doc = "of Beta(alpha, alpha), from which the rectangle's area is drawn"},
    {ATTRIBUTE(struct cutmix_options, p), .kind = ATTRIBUTE_NUMBER, .standard = 1, .maximum = 1, .doc = "probability"},
    {.name = NULL},
};

/* The range of a side that the rectangle covers, around a random centre. */
static void cut(struct transform_draw *draw, int side, double share, int *from, int *to)
{
    int half = (int)(share * side) / 2, middle = (int)draw_below(draw, side);

    *from = middle - half > 0 ? middle - half : 0;
    *to = middle + half < side ? middle + half : side;
}

static bool mix(const void *options, struct transform_draw *draw, struct mix *mix)
{
    const struct cutmix_options *o = options;
    struct mix_piece *piece = &mix->piece[1];

    if (!draw_chance(draw, o->p)) {
        return false;
    }
    double share = sqrt(1 - draw_beta(draw, o->alpha));
    cut(draw, mix->height, share, &piece->top, &piece->bottom);
    cut(draw, mix->width, share, &piece->left, &piece->right);
    return true;
}

const struct transform transform_cutmix = {
    .name = "cutmix",
    .torchvision = "CutMix",
    .summary = "a rectangle of another sample, and its class by area",
    .kind = TRANSFORM_MIX,
    .attributes = attributes,
    .options_size = sizeof(struct cutmix_options),
    .mix = mix,
    .partners = 1,
};
