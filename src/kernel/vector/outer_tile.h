/* SPDX-License-Identifier: MIT */
/* One register tile of outer products: ROWS input channels by VECTORS registers of filters, summed over pixels. A template,
   as product_tile.h: define ROWS and VECTORS and include it. No include guard. */

#define TILE_NAME JOIN(outer_, JOIN(ROWS, JOIN(x, VECTORS)))
#define EACH_ROW(M) JOIN(ROWS_, ROWS)(M)
#define EACH_COLUMN(M, r) JOIN(COLUMNS_, VECTORS)(M, r)
#define EACH_REGISTER(M) JOIN(REGISTERS_, VECTORS)(M)
#define DECLARE(r, v) vf sum##r##_##v = {0};
#define DECLARE_ROW(r) EACH_COLUMN(DECLARE, r)
#define LOAD_GRADIENT(v) vf g##v = load(dy + v * VECTOR);
#define MULTIPLY(r, v) sum##r##_##v += value * g##v;
#define MULTIPLY_ROW(r)          \
    {                            \
        float value = x[r];      \
        EACH_COLUMN(MULTIPLY, r) \
    }
#define STEP                        \
    {                               \
        EACH_REGISTER(LOAD_GRADIENT) \
        EACH_ROW(MULTIPLY_ROW)      \
        x += o->x_step;             \
        dy += VECTORS * VECTOR;     \
    }
#define FINISH(r, v)                                                                           \
    store(out + v * VECTOR, o->accumulate ? sum##r##_##v + load(out + v * VECTOR) : sum##r##_##v);
#define FINISH_ROW(r)                            \
    {                                            \
        float *out = o->out + r * o->out_stride; \
        EACH_COLUMN(FINISH, r)                   \
    }

static void TILE_NAME(const struct kernel_outer *o)
{
    EACH_ROW(DECLARE_ROW)
    const float *dy = o->dy;
    for (size_t n = 0; n < o->runs; n++) {
        const float *x = o->x + n * o->x_run_stride;
        size_t i = 0;
        for (; i + 2 <= o->run; i += 2) {
            STEP STEP
        }
        if (i < o->run) {
            STEP
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
#undef STEP
#undef FINISH
#undef FINISH_ROW
