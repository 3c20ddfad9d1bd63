/* SPDX-License-Identifier: MIT */
/* One register tile of the implicit product: ROWS rows by VECTORS registers of each of PANELS panels. A template: define
   the three and include it; product.h does so for every size that occurs. No include guard. */

#define REGISTERS (VECTORS * PANELS)
#define REGISTERS_NUMBER JOIN(REGISTERS_OF_, JOIN(VECTORS, JOIN(_, PANELS)))
#define TILE_NAME JOIN(tile_, JOIN(ROWS, JOIN(x, JOIN(VECTORS, JOIN(x, PANELS)))))
#define EACH_ROW(M) JOIN(ROWS_, ROWS)(M)
#define EACH_COLUMN(M, r) JOIN(COLUMNS_, REGISTERS_NUMBER)(M, r)
#define EACH_REGISTER(M) JOIN(REGISTERS_, REGISTERS_NUMBER)(M)

#define DECLARE(r, v) vf sum##r##_##v = {0};
#define DECLARE_ROW(r) EACH_COLUMN(DECLARE, r)
#define ADDRESS(r) const float *x##r = row_address(p, t, row + r);
#define LOAD_WEIGHTS(v) vf w##v = load(w + (v / VECTORS) * panel_stride + (v % VECTORS) * VECTOR);
#define MULTIPLY(r, v) sum##r##_##v += value * w##v;
#define MULTIPLY_ROW(r)              \
    {                                \
        float value = x##r[c];       \
        EACH_COLUMN(MULTIPLY, r)     \
    }
#define STEP                         \
    {                                \
        EACH_REGISTER(LOAD_WEIGHTS)  \
        EACH_ROW(MULTIPLY_ROW)       \
        w += VECTORS * VECTOR;       \
        c++;                         \
    }
#define LOAD_BIAS(v)                                                                     \
    vf bias##v = {0};                                                                    \
    if (p->bias) {                                                                       \
        bias##v = load_some(p->bias + filter + v * VECTOR, v + 1 < REGISTERS ? 0 : last); \
    }
#define FINISH(r, v)                                                                     \
    finish(&end, sum##r##_##v + bias##v, out + v * VECTOR, add + v * VECTOR, v + 1 < REGISTERS ? 0 : last);
#define FINISH_ROW(r)                                                                    \
    {                                                                                    \
        float *out = out_address(p, row + r) + filter;                                   \
        const float *add = end.adds ? add_address(p, row + r) + filter : out;            \
        EACH_COLUMN(FINISH, r)                                                           \
        end_row(&end, out, row + r, filter);                                                  \
    }

/* Rows row .. row + ROWS - 1; filters filter .. filter + columns - 1; w is their first panel. */
static void TILE_NAME(const struct kernel_product *p, size_t row, size_t filter, size_t columns, const float *w,
                      size_t panel_stride)
{
    EACH_ROW(DECLARE_ROW)
    (void)panel_stride;
    for (size_t t = 0; t < p->taps; t++) {
        EACH_ROW(ADDRESS)
        size_t c = 0, channels = p->channels;
        while (c + 4 <= channels) {
            STEP STEP STEP STEP
        }
        while (c < channels) {
            STEP
        }
    }
    struct ending end = make_ending(p, columns);
    size_t last = columns % VECTOR; /* floats in the last register if it is not full, else 0 */
    EACH_REGISTER(LOAD_BIAS)
    EACH_ROW(FINISH_ROW)
}

#undef REGISTERS
#undef REGISTERS_NUMBER
#undef TILE_NAME
#undef EACH_ROW
#undef EACH_COLUMN
#undef EACH_REGISTER
#undef DECLARE
#undef DECLARE_ROW
#undef ADDRESS
#undef LOAD_WEIGHTS
#undef MULTIPLY
#undef MULTIPLY_ROW
#undef STEP
#undef LOAD_BIAS
#undef FINISH
#undef FINISH_ROW
