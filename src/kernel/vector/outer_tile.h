/* SPDX-License-Identifier: MIT */
/* One register tile of outer products: ROWS input channels by VECTORS registers of filters, summed over pixels. A
   template, as product_tile.h: define ROWS and VECTORS and include this file. No include guard. A multiply-add takes
   four cycles and two may begin in each cycle: fewer than eight chains would wait for each other, so then the even and
   the odd pixels of a run have separate chains. */

#define TILE_NAME JOIN(outer_, JOIN(ROWS, JOIN(x, VECTORS)))
#define EACH_ROW(M) JOIN(ROWS_, ROWS)(M)
#define EACH_COLUMN(M, r) JOIN(COLUMNS_, VECTORS)(M, r)
#define EACH_REGISTER(M) JOIN(REGISTERS_, VECTORS)(M)
#define TWO_CHAINS (ROWS * VECTORS < 8)
#if TWO_CHAINS
#define DECLARE(r, v) vf sum##r##_##v = {0}, odd##r##_##v = {0};
#define MULTIPLY_ODD(r, v) multiply_add(odd##r##_##v, value, g##v);
#define TOTAL(r, v) (sum##r##_##v + odd##r##_##v)
#else
#define DECLARE(r, v) vf sum##r##_##v = {0};
#define MULTIPLY_ODD(r, v) multiply_add(sum##r##_##v, value, g##v);
#define TOTAL(r, v) sum##r##_##v
#endif
#define DECLARE_ROW(r) EACH_COLUMN(DECLARE, r)
#define LOAD_GRADIENT(v) vf g##v = load(dy + v * VECTOR);
#define MULTIPLY(r, v) multiply_add(sum##r##_##v, value, g##v);
#define MULTIPLY_ROW(r)          \
    {                            \
        vf value = splat(x[r]);  \
        EACH_COLUMN(MULTIPLY, r) \
    }
#define MULTIPLY_ODD_ROW(r)          \
    {                                \
        vf value = splat(x[r]);      \
        EACH_COLUMN(MULTIPLY_ODD, r) \
    }
#define STEP(ROW_OF_PRODUCTS)        \
    {                                \
        EACH_REGISTER(LOAD_GRADIENT) \
        EACH_ROW(ROW_OF_PRODUCTS)    \
        x += step;                   \
        dy += VECTORS * VECTOR;      \
    }
#define FINISH(r, v) store(out + v * VECTOR, accumulate ? TOTAL(r, v) + load(out + v * VECTOR) : TOTAL(r, v));
#define FINISH_ROW(r)                            \
    {                                            \
        float *out = o->out + r * o->out_stride; \
        EACH_COLUMN(FINISH, r)                   \
    }

static void TILE_NAME(const struct kernel_outer *o)
{
    EACH_ROW(DECLARE_ROW)
    const float *dy = o->dy;
    size_t run = o->run, step = o->x_step;
    bool accumulate = o->accumulate;
    const float *ahead = o->ahead;
    size_t pairs_ahead = (o->ahead_lines + 1) / 2;
    for (size_t n = 0; n < o->runs; n++) {
        const float *x = o->x + n * o->x_run_stride;
        size_t i = 0;
        for (; i + 2 <= run; i += 2) {
            if (pairs_ahead > 0) {
                pairs_ahead--;
                __builtin_prefetch(ahead, 0, 2);
                __builtin_prefetch(ahead + LINE, 0, 2);
                ahead += 2 * LINE;
            }
            STEP(MULTIPLY_ROW) STEP(MULTIPLY_ODD_ROW)
        }
        if (i < run) {
            STEP(MULTIPLY_ROW)
        }
    }
    EACH_ROW(FINISH_ROW)
}

#undef TILE_NAME
#undef EACH_ROW
#undef EACH_COLUMN
#undef EACH_REGISTER
#undef TWO_CHAINS
#undef DECLARE
#undef DECLARE_ROW
#undef LOAD_GRADIENT
#undef MULTIPLY
#undef MULTIPLY_ROW
#undef MULTIPLY_ODD
#undef MULTIPLY_ODD_ROW
#undef TOTAL
#undef STEP
#undef FINISH
#undef FINISH_ROW
