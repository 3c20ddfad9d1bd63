/* SPDX-License-Identifier: MIT */
/* One register tile of a convolution with images as lanes: ROWS filters at PANELS output pixels (1, 2 side by side,
   or the 4 of a pooling block). A template: define both macros and include this file; images.h does so for every size.
   No include guard. */

#define TILE_NAME JOIN(images_, JOIN(ROWS, JOIN(x, PANELS)))
#define EACH_ROW(M) JOIN(ROWS_, ROWS)(M)
#define EACH_COLUMN(M, r) JOIN(COLUMNS_, PANELS)(M, r)
#define EACH_REGISTER(M) JOIN(REGISTERS_, PANELS)(M)

#define DECLARE(r, v) vf sum##r##_##v = {0};
#define DECLARE_ROW(r) EACH_COLUMN(DECLARE, r)
#define BEGIN(v) const float *x##v = line + (v % 2) * tile->x_step + (v / 2) * tile->x_line;
#define MULTIPLY(r, v) sum##r##_##v = plus_product(sum##r##_##v, pixel##v, weight);
#define LOAD_PIXEL(v) vf pixel##v = load(x##v);
#define MULTIPLY_ROW(r)                 \
    {                                   \
        float weight = w[r];            \
        EACH_COLUMN(MULTIPLY, r)        \
    }
#define LOAD_WEIGHT(r) vf weight##r = splat(w[r]);
/* Pointers that advance instead of one index: see ADVANCE in product_tile.h. */
#define ADVANCE(v)        \
    x##v += VECTOR;       \
    __asm__("" : "+r"(x##v));
#define ADD_BIAS(r, v) sum##r##_##v += bias;
#define FINISH(r, v) store(out + (v * tile->filters + r) * VECTOR, vmin(high, vmax(low, sum##r##_##v)));
#define FINISH_ROW(r)                                       \
    {                                                       \
        vf bias = splat(biases ? biases[r] : 0); \
        EACH_COLUMN(ADD_BIAS, r)                            \
        EACH_COLUMN(FINISH, r)                              \
    }
/* The bias is added to each sum before they are compared, so that winners are those of a pooling of stored sums. */
#define POOL_ROW(r)                                                                        \
    {                                                                                      \
        vf bias = splat(biases ? biases[r] : 0);                                \
        vf best = sum##r##_0 + bias;                                                       \
        if (index) {                                                                       \
            vi winner = {0};                                                               \
            meet_tap(&best, &winner, sum##r##_1 + bias, 1, 1);                             \
            meet_tap(&best, &winner, sum##r##_2 + bias, 2, 1);                             \
            meet_tap(&best, &winner, sum##r##_3 + bias, 3, 1);                             \
            *(vi_unaligned *)(index + r * VECTOR) = winner;                                \
        } else {                                                                           \
            best = max_or_nan(best, sum##r##_1 + bias);                                    \
            best = max_or_nan(best, max_or_nan(sum##r##_2 + bias, sum##r##_3 + bias));     \
        }                                                                                  \
        store(out + r * VECTOR, vmin(high, vmax(low, best)));                              \
    }

static void TILE_NAME(const struct images_tile *tile)
{
    EACH_ROW(DECLARE_ROW)
    const float *w = tile->weights, *line = tile->x;
    size_t rows = tile->rows;
    do {
        EACH_REGISTER(BEGIN)
        size_t i = tile->run, step = tile->filters;
        do {
#if PANELS == 4 /* weights in registers, one pixel at a time: 6 + 1 rather than 4 + 1 registers beside 24 sums */
            EACH_ROW(LOAD_WEIGHT)
#define MULTIPLY_PIXEL_ROW(r, v) sum##r##_##v = plus_product(sum##r##_##v, pixel, weight##r);
#define PIXEL(v)                                \
    {                                           \
        vf pixel = load(x##v);                  \
        JOIN(ROWS_WITH_, ROWS)(MULTIPLY_PIXEL_ROW, v) \
    }
            PIXEL(0) PIXEL(1) PIXEL(2) PIXEL(3)
#undef PIXEL
#undef MULTIPLY_PIXEL_ROW
#else
            EACH_REGISTER(LOAD_PIXEL)
            EACH_ROW(MULTIPLY_ROW)
#endif
            EACH_REGISTER(ADVANCE)
            w += step;
        } while (--i > 0);
        w += tile->weight_skip;
        line += tile->x_row;
    } while (--rows > 0);
    vf low = splat(tile->low), high = splat(tile->high);
    const float *biases = tile->bias;
    float *out = tile->out;
#if PANELS == 4
    int32_t *index = tile->index;
    EACH_ROW(POOL_ROW)
#else
    EACH_ROW(FINISH_ROW)
#endif
}

#undef TILE_NAME
#undef EACH_ROW
#undef EACH_COLUMN
#undef EACH_REGISTER
#undef DECLARE
#undef DECLARE_ROW
#undef BEGIN
#undef MULTIPLY
#undef LOAD_PIXEL
#undef MULTIPLY_ROW
#undef LOAD_WEIGHT
#undef ADVANCE
#undef ADD_BIAS
#undef FINISH
#undef FINISH_ROW
#undef POOL_ROW
