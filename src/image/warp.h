/* SPDX-License-Identifier: MIT */
/* One resampling for any number of geometric transforms. A map gives for each point of the result the point of the
 * picture that it is taken from; maps are multiplied, so that ten transforms cost one pass. Points are in pixels, (0,
 * 0) is the upper left corner of the first pixel, whose middle is (0.5, 0.5). Pictures, masks and boxes go through the
 * same map. Next: map.c (arithmetic of maps and boxes), warp.c (pixels). */
#ifndef IMAGE_WARP_H
#define IMAGE_WARP_H

#include <stdbool.h>
#include <stdint.h>

/** A 3 x 3 matrix in row-major order: (x, y) of the result is taken from (u / w, v / w) of the picture, where
 *  (u, v, w) = at (x, y, 1). */
struct image_map {
    double at[9];
};
extern const struct image_map image_map_identity;

/** The composition outer(inner(point)): applies `inner` first. */
struct image_map image_map_multiply(const struct image_map *outer, const struct image_map *inner);
/** The inverse map; false if the map is singular. */
bool image_map_invert(const struct image_map *map, struct image_map *inverse);
void image_map_point(const struct image_map *map, double x, double y, double *u, double *v);
/** The projective map that takes the corners of a height x width rectangle (upper left, upper right, lower right, lower
 *  left) to `corner` [4][2], which is only read; false if there is no such map. */
bool image_map_corners(double height, double width, double corner[4][2], struct image_map *map);

/** The values outside of a picture, shown for a row a b c d. */
enum image_border {
    IMAGE_BORDER_ZERO,    /**< 0 0 0 | a b c d | 0 0 0 */
    IMAGE_BORDER_REFLECT, /**< d c b | a b c d | c b a: the edge is not repeated, as PyTorch's "reflect" */
    IMAGE_BORDER_EDGE     /**< a a a | a b c d | d d d */
};

/** Warps a picture [height, width, channels] through a map to [out_height, out_width, channels]; 1 to 4 channels. */
struct image_warp {
    const uint8_t    *in;
    int               height, width, channels, out_height, out_width;
    struct image_map  map;
    /** [out_height][out_width][2]: added to a point of the result, x then y, before the map (elastic); NULL: none */
    const float      *displacement;
    enum image_border border;
    bool              nearest; /**< masks: the pixel that a point lies in, never a mixture of classes */
    uint8_t           outside; /**< value of IMAGE_BORDER_ZERO: 255, "ignored", for masks */
};
/** Warps a picture. Shifts by whole pixels and mirroring copy pixels exactly; other maps interpolate bilinearly. Where
 *  the map shrinks the picture, each output pixel is a mean of about as many points as it covers input pixels (at most
 *  8 x 8). */
void image_warp(const struct image_warp *warp, uint8_t *out);

/** Maps a box (x1, y1, x2, y2) of the picture to the result: the smallest box around points on its warped edges,
 *  clipped to the result; false if nothing of it is left. `inverse`: the inverse of warp->map. */
bool image_warp_box(const struct image_warp *warp, const struct image_map *inverse, const float box[4],
                    float warped[4]);

#endif
