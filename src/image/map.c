/* SPDX-License-Identifier: MIT */
/* Arithmetic of projective maps (Hartley & Zisserman, "Multiple view geometry", 2004, chapter 2), and boxes through
 * them. */
#include "image/warp.h"

#include <math.h>
#include <stddef.h>

const struct image_map image_map_identity = {{1, 0, 0, 0, 1, 0, 0, 0, 1}};

struct image_map image_map_multiply(const struct image_map *outer, const struct image_map *inner)
{
    struct image_map product;

    for (int i = 0; i < 9; i++) {
        const double *row = outer->at + i / 3 * 3, *column = inner->at + i % 3;

        product.at[i] = row[0] * column[0] + row[1] * column[3] + row[2] * column[6];
    }
    return product;
}

bool image_map_invert(const struct image_map *map, struct image_map *inverse)
{
    const double *m = map->at;
    double        cofactor[9] = {m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
                                 m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
                                 m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3]};
    double        determinant = m[0] * cofactor[0] + m[1] * cofactor[3] + m[2] * cofactor[6];

    for (int i = 0; i < 9; i++) {
        inverse->at[i] = cofactor[i] / determinant;
    }
    return fabs(determinant) > 1e-12 && isfinite(determinant);
}

void image_map_point(const struct image_map *map, double x, double y, double *u, double *v)
{
    const double *m = map->at;
    double        w = m[6] * x + m[7] * y + m[8];

    *u = m[0] * x + m[1] * y + m[2];
    *v = m[3] * x + m[4] * y + m[5];
    if (w != 1.0) { /* only perspective maps need the division */
        *u /= w;
        *v /= w;
    }
}

/* From the unit square to four points, in closed form (Heckbert, "Fundamentals of texture mapping and image warping",
 * 1989, section 2.2.3), after shrinking the rectangle to that square. */
bool image_map_corners(double height, double width, double corner[4][2], struct image_map *map)
{
    double dx1 = corner[1][0] - corner[2][0], dx2 = corner[3][0] - corner[2][0];
    double dy1 = corner[1][1] - corner[2][1], dy2 = corner[3][1] - corner[2][1];
    double sx = corner[0][0] - corner[1][0] + corner[2][0] - corner[3][0];
    double sy = corner[0][1] - corner[1][1] + corner[2][1] - corner[3][1];
    double determinant = dx1 * dy2 - dx2 * dy1;
    double g = (sx * dy2 - dx2 * sy) / determinant, h = (dx1 * sy - sx * dy1) / determinant;
    const struct image_map square = {
        {corner[1][0] - corner[0][0] + g * corner[1][0], corner[3][0] - corner[0][0] + h * corner[3][0], corner[0][0],
         corner[1][1] - corner[0][1] + g * corner[1][1], corner[3][1] - corner[0][1] + h * corner[3][1], corner[0][1],
         g, h, 1}};
    const struct image_map shrink = {{1 / width, 0, 0, 0, 1 / height, 0, 0, 0, 1}};

    *map = image_map_multiply(&square, &shrink);
    return fabs(determinant) > 1e-9;
}

/* ---- boxes ------------------------------------------------------------------------------------------------------- */

enum { POINTS_A_SIDE = 4, TURNS = 8 };

/* The position in the result of a point of the picture: the inverse map, then a fixed-point iteration that inverts the
 * displacement. */
static void point_in_result(const struct image_warp *warp, const struct image_map *inverse, double u, double v,
                            double *x, double *y)
{
    double there[2];

    image_map_point(inverse, u, v, &there[0], &there[1]);
    *x = there[0];
    *y = there[1];
    for (int turn = 0; warp->displacement != NULL && turn < TURNS; turn++) {
        int column = (int)fmin(fmax(*x, 0.0), warp->out_width - 1.0);
        int row    = (int)fmin(fmax(*y, 0.0), warp->out_height - 1.0);
        const float *moved = warp->displacement + ((int64_t)row * warp->out_width + column) * 2;

        *x = there[0] - (double)moved[0];
        *y = there[1] - (double)moved[1];
    }
}

bool image_warp_box(const struct image_warp *warp, const struct image_map *inverse, const float box[4], float warped[4])
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    double left = (double)box[0], top = (double)box[1], right = (double)box[2], bottom = (double)box[3];

    for (int i = 0; i < 4 * POINTS_A_SIDE; i++) { /* points along the edges, which a displacement may bend */
        double along = (double)(i % POINTS_A_SIDE) / POINTS_A_SIDE, x, y;
        int    side = i / POINTS_A_SIDE;
        double across = left + (side < 2 ? along : 1 - along) * (right - left);
        double down   = top + (side < 2 ? along : 1 - along) * (bottom - top);
        double u = side % 2 == 0 ? across : side == 1 ? right : left; /* top, right, bottom, left */
        double v = side % 2 == 1 ? down : side == 0 ? top : bottom;

        point_in_result(warp, inverse, u, v, &x, &y);
        low[0]  = fmin(low[0], x);
        high[0] = fmax(high[0], x);
        low[1]  = fmin(low[1], y);
        high[1] = fmax(high[1], y);
    }
    warped[0] = (float)fmax(low[0], 0.0);
    warped[1] = (float)fmax(low[1], 0.0);
    warped[2] = (float)fmin(high[0], warp->out_width);
    warped[3] = (float)fmin(high[1], warp->out_height);
    return warped[0] < warped[2] && warped[1] < warped[3];
}
