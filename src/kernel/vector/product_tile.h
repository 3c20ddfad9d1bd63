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
#define BEGIN(r) const float *x##r;
#define AT_STRIDE(r) x##r = p->x + (row + r) * p->x_stride;
#define AT_OFFSET(r) x##r = p->x + offset[r];
#define AT_OFFSET_OR_ZEROS(r) x##r = offset[r] < 0 ? p->zeros : p->x + offset[r];
#define LOAD_WEIGHTS(v)                                                                                       \
    vf w##v = load(w + (v / VECTORS) * panel_stride + (v % VECTORS) * VECTOR);                               \
    PREFETCH(w + (v / VECTORS) * panel_stride + (v % VECTORS) * VECTOR + WEIGHTS_AHEAD, v);
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
#define LOAD_BIAS(v)                                                                      \
    vf bias##v = {0};                                                                     \
    if (p->bias) {                                                                        \
        bias##v = load_some(p->bias + filter + v * VECTOR, v + 1 < REGISTERS ? 0 : part); \
    }
#define FINISH(r, v) \
    store_some(out + v * VECTOR, vmin(high, vmax(low, sum##r##_##v + bias##v)), v + 1 < REGISTERS ? 0 : part);
#define FINISH_ROW(r)                                  \
    {                                                  \
        float *out = out_address(p, row + r) + filter; \
        EACH_COLUMN(FINISH, r)                         \
    }
#define KEEP(r, v) sums[r * REGISTERS + v] = sum##r##_##v;
#define KEEP_ROW(r) EACH_COLUMN(KEEP, r)

/* Rows row .. row + ROWS - 1; filters filter .. filter + columns - 1; w is their first panel. */
static void TILE_NAME(const struct kernel_product *p, size_t row, size_t filter, size_t columns, const float *w,
                      size_t panel_stride)
{
    EACH_ROW(DECLARE_ROW)
    (void)panel_stride;
    for (size_t t = 0; t < p->taps; t++) {
        const int32_t *offset = p->offsets ? p->offsets + t * p->offset_stride + row : NULL;
        EACH_ROW(BEGIN)
        if (!offset) {
            EACH_ROW(AT_STRIDE)
        } else if (!p->zeros) {
            EACH_ROW(AT_OFFSET)
        } else {
            EACH_ROW(AT_OFFSET_OR_ZEROS)
        }
        size_t c = 0, channels = p->channels;
        while (c + 4 <= channels) {
            STEP STEP STEP STEP
        }
        while (c < channels) {
            STEP
        }
    }
    vf low, high;
    if (ends_plainly(p, &low, &high)) { /* straight from the registers */
        size_t part = columns % VECTOR; /* floats in the last register if it is not full, else 0 */
        EACH_REGISTER(LOAD_BIAS)
        EACH_ROW(FINISH_ROW)
    } else {
        vf sums[ROWS * REGISTERS];
        EACH_ROW(KEEP_ROW)
        finish_tile(p, row, ROWS, filter, columns, REGISTERS, sums);
    }
}

#undef REGISTERS
#undef REGISTERS_NUMBER
#undef TILE_NAME
#undef EACH_ROW
#undef EACH_COLUMN
#undef EACH_REGISTER
#undef DECLARE
#undef DECLARE_ROW
#undef BEGIN
#undef AT_STRIDE
#undef AT_OFFSET
#undef AT_OFFSET_OR_ZEROS
#undef LOAD_WEIGHTS
#undef MULTIPLY
#undef MULTIPLY_ROW
#undef STEP
#undef LOAD_BIAS
#undef FINISH
#undef FINISH_ROW
#undef KEEP
#undef KEEP_ROW
