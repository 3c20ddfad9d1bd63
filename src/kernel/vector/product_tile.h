/* SPDX-License-Identifier: MIT */
/* One register tile of the implicit product: ROWS rows by VECTORS registers of each of PANELS panels. A template:
   define the three macros and include this file; product.h does so for every size that occurs. No include guard. */

#define REGISTERS (VECTORS * PANELS)
#define REGISTERS_NUMBER JOIN(REGISTERS_OF_, JOIN(VECTORS, JOIN(_, PANELS)))
#define TILE_NAME JOIN(tile_, JOIN(ROWS, JOIN(x, JOIN(VECTORS, JOIN(x, PANELS)))))
#define EACH_ROW(M) JOIN(ROWS_, ROWS)(M)
#define EACH_COLUMN(M, r) JOIN(COLUMNS_, REGISTERS_NUMBER)(M, r)
#define EACH_REGISTER(M) JOIN(REGISTERS_, REGISTERS_NUMBER)(M)

#define DECLARE(r, v) vf sum##r##_##v = bias##v;
#define DECLARE_ROW(r) EACH_COLUMN(DECLARE, r)
#define BEGIN(r) const float *x##r = NULL;
#define AT_STRIDE(r) x##r = p->x + (row + r) * p->x_stride;
#define AT_OFFSET(r) x##r = p->x + offset[r];
#define AT_OFFSET_OR_ZEROS(r) x##r = offset[r] < 0 ? p->zeros : p->x + offset[r];
#define LOAD_WEIGHTS(v) vf w##v = load(w + (v / VECTORS) * panel_stride + (v % VECTORS) * VECTOR); STREAM(v)
#define MULTIPLY(r, v) multiply_add(sum##r##_##v, value, w##v);
#define MULTIPLY_ROW(r)                   \
    {                                     \
        vf value = splat(x##r[step]);     \
        EACH_COLUMN(MULTIPLY, r)          \
    }
#define STEP(number)                 \
    {                                \
        enum { step = number };      \
        EACH_REGISTER(LOAD_WEIGHTS)  \
        EACH_ROW(MULTIPLY_ROW)       \
        w += VECTORS * VECTOR;       \
    }
/* Prefetches. Tiles of several panels, which have few rows and read weights faster than the hardware prefetches them,
   prefetch the next lines of their own weights. Others prefetch, in each turn of four steps, a line or two from
   `ahead`, or their own weights if that is NULL. */
#if PANELS > 1
#define STREAM(v) PREFETCH(w + (v / VECTORS) * panel_stride + (v % VECTORS) * VECTOR + WEIGHTS_AHEAD, v);
#define LOOK_AHEAD
#else
#define STREAM(v)
#define LOOK_AHEAD                                                                                           \
    if (ahead) {                                                                                             \
        __builtin_prefetch(ahead, 0, 2);                                                                     \
        if (AHEAD_LINES > 1) {                                                                               \
            __builtin_prefetch(ahead + second, 0, 2);                                                        \
        }                                                                                                    \
        ahead += LINE;                                                                                       \
    } else {                                                                                                 \
        UNROLL                                                                                               \
        for (size_t line = 0; line < 4 * VECTORS * VECTOR / LINE; line++) {                                  \
            __builtin_prefetch(w + line * LINE + WEIGHTS_AHEAD);                                             \
        }                                                                                                    \
    }
#endif
/* Each row has a pointer that advances, rather than one index for all rows: with an index, a multiply-add from memory
   takes one operation more. The empty statement keeps the compiler from turning the pointers back into an index. */
#define ADVANCE(r)                   \
    x##r += advance;                 \
    __asm__("" : "+r"(x##r));
#define LOAD_BIAS(v)                                                                      \
    vf bias##v = {0};                                                                     \
    if (p->bias) {                                                                        \
        bias##v = load_some(p->bias + filter + v * VECTOR, v + 1 < REGISTERS ? 0 : part); \
    }
#define RESUME(r, v) sum##r##_##v = load(parted->sums + ((row + r) * REGISTERS + v) * VECTOR);
#define RESUME_ROW(r) EACH_COLUMN(RESUME, r)
#define SUSPEND(r, v) store(parted->sums + ((row + r) * REGISTERS + v) * VECTOR, sum##r##_##v);
#define SUSPEND_ROW(r) EACH_COLUMN(SUSPEND, r)
#define ADD(r, v) sum##r##_##v += load_some(add + v * VECTOR, v + 1 < REGISTERS ? 0 : part);
#define ADD_ROW(r)                                                                      \
    {                                                                                   \
        const float *add = addend + (scattered ? (size_t)scattered[r] : (size_t)r * add_stride); \
        EACH_COLUMN(ADD, r)                                                             \
    }
#define LIMIT(r, v) sum##r##_##v = vmin(high, vmax(low, sum##r##_##v));
#define LIMIT_ROW(r) EACH_COLUMN(LIMIT, r)
#define FINISH(r, v) store_some(out + v * VECTOR, vmax(low, sum##r##_##v), v + 1 < REGISTERS ? 0 : part);
#define FINISH_ROW(r)                                                                 \
    {                                                                                 \
        float *out = first + (scattered ? (size_t)scattered[r] : (size_t)r * stride); \
        EACH_COLUMN(FINISH, r)                                                        \
    }
#define KEEP(r, v) sums[r * REGISTERS + v] = sum##r##_##v;
#define KEEP_ROW(r) EACH_COLUMN(KEEP, r)

/* Computes rows row .. row + ROWS - 1 of filters filter .. filter + columns - 1; w is their first panel. Prefetches
   from `ahead`, and from `second` floats behind it, what is read after this tile; ahead NULL: these weights are not in
   a cache yet, prefetch them. `parted`: the weights are a part of the depth, and partial sums are kept there; NULL:
   they are the whole depth. */
static void TILE_NAME(const struct kernel_product *p, size_t row, size_t filter, size_t columns, const float *w,
                      size_t panel_stride, const float *ahead, size_t second, struct parted *parted)
{
    size_t part = columns % VECTOR; /* floats in the last register if it is not full, else 0 */
    const int32_t *scattered = p->out_offsets ? p->out_offsets + row : NULL;
    size_t stride = p->out_stride;
    float *first = p->out + filter + (scattered ? 0 : row * stride);
    EACH_REGISTER(LOAD_BIAS)
    EACH_ROW(DECLARE_ROW)
    if (parted && !parted->begins) {
        EACH_ROW(RESUME_ROW)
    }
    EACH_ROW(BEGIN)
    (void)panel_stride;
    (void)ahead;
    (void)second;
    for (size_t t = 0; t < p->taps; t++) {
        const int32_t *offset = p->offsets ? p->offsets + t * p->offset_stride + row : NULL;
        if (!offset) {
            EACH_ROW(AT_STRIDE)
        } else if (t > 0 && p->separable) { /* all rows move by the same distance */
            ptrdiff_t advance = (ptrdiff_t)offset[0] - offset[-(ptrdiff_t)p->offset_stride] - (ptrdiff_t)p->channels;
            EACH_ROW(ADVANCE)
        } else if (!p->zeros || p->separable) {
            EACH_ROW(AT_OFFSET)
        } else {
            EACH_ROW(AT_OFFSET_OR_ZEROS)
        }
        size_t c = p->channels;
        for (; c >= 4; c -= 4) {
            enum { advance = 4 };
            LOOK_AHEAD
            STEP(0) STEP(1) STEP(2) STEP(3)
            EACH_ROW(ADVANCE)
        }
        for (; c > 0; c--) {
            enum { advance = 1 };
            STEP(0)
            EACH_ROW(ADVANCE)
        }
    }
    if (parted && !parted->ends) {
        EACH_ROW(SUSPEND_ROW)
        return;
    }
    vf low, high;
    if (ends_plainly(p, &low, &high)) { /* straight from the registers */
        if (p->residual || p->accumulate) {
            size_t add_stride = p->accumulate ? stride : p->residual_stride;
            const float *addend = p->accumulate ? first : p->residual + filter + (scattered ? 0 : row * add_stride);
            EACH_ROW(ADD_ROW)
        }
        if (p->activation == UNARY_clip) {
            EACH_ROW(LIMIT_ROW)
        }
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
#undef ADVANCE
#undef LOAD_BIAS
#undef FINISH
#undef FINISH_ROW
#undef KEEP
#undef KEEP_ROW
#undef STREAM
#undef LOOK_AHEAD
#undef RESUME
#undef RESUME_ROW
#undef SUSPEND
#undef SUSPEND_ROW
#undef ADD
#undef ADD_ROW
#undef LIMIT
#undef LIMIT_ROW
