/* SPDX-License-Identifier: MIT */
/* Arranges four samples around a random point of a picture with twice the sides, each with a corner at that point
 * (Bochkovskiy, Wang & Liao, "YOLOv4", 2020, section 3.3). Later transforms of the list get the large picture: "mosaic"
 * alone shows it at half its size, "mosaic, scale:0.5" also enlarges parts of it. */
#include "transform/transform.h"

struct mosaic_options {
    double  from, p;
    int64_t fill;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct mosaic_options, from), .kind = ATTRIBUTE_NUMBER, .standard = 0.25, .maximum = 0.5,
     .doc = "how near the point comes to a side, as a share of the side"},
    {ATTRIBUTE(struct mosaic_options, p), .kind = ATTRIBUTE_NUMBER, .standard = 1, .maximum = 1, .doc = "probability"},
    {ATTRIBUTE(struct mosaic_options, fill), .kind = ATTRIBUTE_INTEGER, .standard = 114, .maximum = 255,
     .doc = "grey value where none of the four lies"},
    {.name = NULL},
};

static int inside(int at, int side)
{
    return at < 0 ? 0 : at > side ? side : at;
}

static bool mix(const void *options, struct transform_draw *draw, struct mix *mix)
{
    const struct mosaic_options *o = options;
    int height = mix->height, width = mix->width;

    if (!draw_chance(draw, o->p)) {
        return false;
    }
    mix->fill = (uint8_t)o->fill;
    mix->height = 2 * height;
    mix->width = 2 * width;
    int x = (int)(draw_uniform(draw, o->from, 1 - o->from) * mix->width);
    int y = (int)(draw_uniform(draw, o->from, 1 - o->from) * mix->height);
    for (int i = 0; i < 4; i++) { /* upper left, upper right, lower left, lower right */
        struct mix_piece *piece = &mix->piece[i];

        piece->x = i % 2 == 0 ? x - width : x;
        piece->y = i / 2 == 0 ? y - height : y;
        piece->left = inside(piece->x, mix->width);
        piece->top = inside(piece->y, mix->height);
        piece->right = inside(piece->x + width, mix->width);
        piece->bottom = inside(piece->y + height, mix->height);
    }
    return true;
}

const struct transform transform_mosaic = {
    .name = "mosaic",
    .summary = "four samples around a point, with all that is in them",
    .kind = TRANSFORM_MIX,
    .attributes = attributes,
    .options_size = sizeof(struct mosaic_options),
    .mix = mix,
    .partners = 3,
};
