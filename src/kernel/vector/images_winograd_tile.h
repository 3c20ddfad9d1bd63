/* SPDX-License-Identifier: MIT */
/* Register tiles of Winograd's convolution with images as lanes: ROWS filters or channels at PANELS points (4, 6).
   Forward and back sum products at each point over channels or filters, and then transform the last axis while the sums
   are in registers; outer sums over tiles. A template: define both macros and include this file; images_winograd.h does
   so. No include guard. */

#define NAMED(name) JOIN(name, JOIN(ROWS, JOIN(x, PANELS)))
#define EACH_ROW(M) JOIN(ROWS_, ROWS)(M)
#define EACH_COLUMN(M, r) JOIN(COLUMNS_, PANELS)(M, r)
#define EACH_REGISTER(M) JOIN(REGISTERS_, PANELS)(M)
#define DECLARE(r, v) vf sum##r##_##v = {0};
#define DECLARE_ROW(r) EACH_COLUMN(DECLARE, r)
#define MULTIPLY(r, v) sum##r##_##v = plus_product(sum##r##_##v, value, w[r * PANELS + v]);
#define MULTIPLY_POINT(v)                     \
    {                                         \
        vf value = load(values + v * VECTOR); \
        JOIN(ROWS_WITH_, ROWS)(MULTIPLY, v)   \
    }
#if PANELS == 6
#define SUMS(r) sum##r##_0, sum##r##_1, sum##r##_2, sum##r##_3, sum##r##_4, sum##r##_5
#else
#define SUMS(r) sum##r##_0, sum##r##_1, sum##r##_2, sum##r##_3, sum##r##_0, sum##r##_0
#endif
#define GATHER_ROW(r) gather_two(PANELS, SUMS(r), out + r * VECTOR, step);
#define UNSPREAD_ROW(r) unspread_sums(PANELS, SUMS(r), out + r * VECTOR, step);

#if PANELS == 6
#define EACH_POINT(M)                                                         \
    M(0, d0)                                                                  \
    M(1, plus_product(d0, 0.75f, d1)) M(2, minus_product(d0, 0.75f, d1))      \
    M(3, plus_product(d0, 1.5f, d1)) M(4, minus_product(d0, 1.5f, d1)) M(5, d1)
#else
#define EACH_POINT(M) M(0, d0) M(1, d0 + d1) M(2, d0 - d1) M(3, d1)
#endif
#define RAISE_POINT(v, expression)          \
    {                                       \
        vf value = expression;              \
        JOIN(ROWS_WITH_, ROWS)(MULTIPLY, v) \
    }

/* Sums over `terms` channels: values [terms][point], w [terms][weight_step]; then A^T to out and, `step` further, to
   the second column */
static void NAMED(images_forward_)(const float *values, size_t terms, const float *w, size_t weight_step, float *out,
                                   size_t step)
{
    EACH_ROW(DECLARE_ROW)
    do {
        EACH_REGISTER(MULTIPLY_POINT)
        values += PANELS * VECTOR;
        w += weight_step;
    } while (--terms > 0);
    EACH_ROW(GATHER_ROW)
}

/* Sums over `terms` filters of y [terms], which is first transformed to the points by A; then B, added to out. */
static void NAMED(images_back_)(const float *y, size_t y_plane, size_t terms, const float *w, size_t weight_step,
                                float *out, size_t step)
{
    EACH_ROW(DECLARE_ROW)
    do {
        vf d0 = load(y), d1 = load(y + y_plane);
        EACH_POINT(RAISE_POINT)
        y += VECTOR;
        w += weight_step;
    } while (--terms > 0);
    EACH_ROW(UNSPREAD_ROW)
}

#undef MULTIPLY
#define MULTIPLY(r, v) sum##r##_##v = plus_product(sum##r##_##v, load(values + (r * PANELS + v) * VECTOR), value);
#define ADD(r, v) store(to + v * VECTOR, k->begins ? sum##r##_##v : load(to + v * VECTOR) + sum##r##_##v);
#define ADD_ROW(r)                                               \
    {                                                            \
        float *to = sums + r * k->filters * PANELS * VECTOR;     \
        EACH_COLUMN(ADD, r)                                      \
    }

/* ROWS channels by one filter; values and y point at them in the first tile. */
static void NAMED(images_tiles_outer_)(const struct kernel_images_tiles *k, const float *values, const float *y,
                                       float *sums)
{
    size_t y_step = k->filters * VECTOR, step = k->channels * PANELS * VECTOR;
    EACH_ROW(DECLARE_ROW)
    for (size_t tile = k->rows * k->tiles; tile > 0; tile--) {
        vf d0 = load(y), d1 = load(y + k->y_plane);
        EACH_POINT(RAISE_POINT)
        values += step;
        y += y_step;
    }
    EACH_ROW(ADD_ROW)
}

#undef NAMED
#undef EACH_ROW
#undef EACH_COLUMN
#undef EACH_REGISTER
#undef DECLARE
#undef DECLARE_ROW
#undef MULTIPLY
#undef MULTIPLY_POINT
#undef SUMS
#undef GATHER_ROW
#undef UNSPREAD_ROW
#undef EACH_POINT
#undef RAISE_POINT
#undef ADD
#undef ADD_ROW
