/* SPDX-License-Identifier: MIT */
/* One register tile of a weight gradient with images as lanes: ROWS kernel columns of one channel by VECTORS filters,
   summed over pixels. The tile spans kernel columns because successive pixels read the same x through successive
   columns: it then comes from the first-level cache. A template: define both macros and include this file. No include
   guard. */

#define TILE_NAME JOIN(images_outer_, JOIN(ROWS, JOIN(x, VECTORS)))
#define EACH_ROW(M) JOIN(ROWS_, ROWS)(M)
#define EACH_COLUMN(M, r) JOIN(COLUMNS_, VECTORS)(M, r)
#define EACH_REGISTER(M) JOIN(REGISTERS_, VECTORS)(M)
#define DECLARE(r, v) vf sum##r##_##v = {0};
#define DECLARE_ROW(r) EACH_COLUMN(DECLARE, r)
#define LOAD_GRADIENT(v) vf g##v = load(dy + v * VECTOR);
#define MULTIPLY(r, v) sum##r##_##v = plus_product(sum##r##_##v, pixel, g##v);
#define MULTIPLY_ROW(r)                  \
    {                                    \
        vf pixel = load(x + r * column); \
        IN_REGISTER(pixel)               \
        EACH_COLUMN(MULTIPLY, r)         \
    }
#define FINISH(r, v) store(sums + v * VECTOR, load(sums + v * VECTOR) + sum##r##_##v);
#define FINISH_ROW(r)                                             \
    {                                                             \
        float *sums = to + r * k->channels * k->filters * VECTOR; \
        EACH_COLUMN(FINISH, r)                                    \
    }

/* x points at the tile's first kernel column in the first line, dy at its first filter. */
static void TILE_NAME(const struct kernel_images_outer *k, const float *x, const float *dy, float *to)
{
    EACH_ROW(DECLARE_ROW)
    size_t column = k->channels * VECTOR, x_step = k->x_step, dy_step = k->filters * VECTOR, pixels = k->pixels;
    /* Negative where lines overlap. */
    ptrdiff_t x_rest = (ptrdiff_t)k->x_line - (ptrdiff_t)(pixels * x_step);
    ptrdiff_t dy_rest = (ptrdiff_t)k->dy_line - (ptrdiff_t)(pixels * dy_step);
    for (size_t line = k->lines; line > 0; line--, x += x_rest, dy += dy_rest) {
        for (size_t o = pixels; o > 0; o--, x += x_step, dy += dy_step) {
            EACH_REGISTER(LOAD_GRADIENT)
            EACH_ROW(MULTIPLY_ROW)
        }
    }
    EACH_ROW(FINISH_ROW)
}

#undef TILE_NAME
#undef EACH_ROW
#undef EACH_COLUMN
#undef EACH_REGISTER
#undef DECLARE
#undef DECLARE_ROW
#undef LOAD_GRADIENT
#undef MULTIPLY
#undef MULTIPLY_ROW
#undef FINISH
#undef FINISH_ROW
