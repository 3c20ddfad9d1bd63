/* SPDX-License-Identifier: MIT */
/* The vector types and the small functions that every vector kernel is written with. Everything here is static: the
   same source is compiled once per instruction set, and the linker must never use one set's copy of an inline function
   in another set's code. Included by vector.c after the header of the instruction set (isa/), which defines VECTOR, the
   tile sizes and vmax/vmin/vsqrt. */
#ifndef KERNEL_VECTOR_VECTOR_H
#define KERNEL_VECTOR_VECTOR_H

#include <math.h>
#include <string.h>

#include "kernel/kernel.h"

#define INLINE static inline __attribute__((always_inline))

/* Vectors of VECTOR floats, integers, bytes, 16-bit integers and doubles; a pointer to an `unaligned` type may point
   into any array. */
typedef float   vf __attribute__((vector_size(4 * VECTOR)));
typedef int32_t vi __attribute__((vector_size(4 * VECTOR)));
typedef uint32_t vu __attribute__((vector_size(4 * VECTOR)));
typedef uint8_t vb __attribute__((vector_size(VECTOR)));
typedef uint16_t vh __attribute__((vector_size(2 * VECTOR)));
typedef double  vd __attribute__((vector_size(8 * VECTOR)));
typedef float   vf_unaligned __attribute__((vector_size(4 * VECTOR), aligned(4), may_alias));
typedef int32_t vi_unaligned __attribute__((vector_size(4 * VECTOR), aligned(4), may_alias));
typedef double  vd_unaligned __attribute__((vector_size(8 * VECTOR), aligned(8), may_alias));

INLINE vf load(const float *p)
{
    return *(const vf_unaligned *)p;
}

INLINE void store(float *p, vf v)
{
    *(vf_unaligned *)p = v;
}

INLINE vf splat(float s)
{
    return s - (vf){0}; /* s - 0 is s, also for -0 */
}

#ifndef ISA_HAS_MASKS /* otherwise the instruction set's header defines these */
/* Loads the first n < VECTOR floats; the other lanes are 0, and their memory is not read. */
INLINE vf load_first(const float *p, size_t n)
{
    float buffer[VECTOR] __attribute__((aligned(4 * VECTOR))) = {0};
    size_t i = 0;
    for (size_t part = VECTOR / 2; part > 0; part /= 2) {
        if (n & part) {
            memcpy(buffer + i, p + i, part * sizeof(float));
            i += part;
        }
    }
    return *(const vf *)buffer;
}

/* Stores the first n < VECTOR floats and nothing else. */
INLINE void store_first(float *p, vf v, size_t n)
{
    float buffer[VECTOR] __attribute__((aligned(4 * VECTOR)));
    *(vf *)buffer = v;
    size_t i = 0;
    for (size_t part = VECTOR / 2; part > 0; part /= 2) {
        if (n & part) {
            memcpy(p + i, buffer + i, part * sizeof(float));
            i += part;
        }
    }
}

/* load_first and store_first for bytes. */
INLINE vb load_first_bytes(const uint8_t *p, size_t n)
{
    vb bytes = {0};
    for (size_t i = 0; i < n; i++) {
        bytes[i] = p[i];
    }
    return bytes;
}

INLINE void store_first_bytes(uint8_t *p, vb v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = v[i];
    }
}

#endif

/* Shuffles two vectors: lane l of the result is lane M(l, d) of a and b side by side; M and d are constants. */
#if VECTOR == 16
#define LANES(M, d) \
    M(0, d), M(1, d), M(2, d), M(3, d), M(4, d), M(5, d), M(6, d), M(7, d), M(8, d), M(9, d), M(10, d), M(11, d), \
        M(12, d), M(13, d), M(14, d), M(15, d)
#elif VECTOR == 8
#define LANES(M, d) M(0, d), M(1, d), M(2, d), M(3, d), M(4, d), M(5, d), M(6, d), M(7, d)
#else
#define LANES(M, d) M(0, d), M(1, d), M(2, d), M(3, d)
#endif
#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE_LANES(a, b, M, d) __builtin_shufflevector(a, b, LANES(M, d))
#else
#define SHUFFLE_LANES(a, b, M, d) __builtin_shuffle(a, b, (vi){LANES(M, d)})
#endif

/* mask ? a : b, lane by lane; masks come from comparisons: all ones or all zeros */
INLINE vf choose(vi mask, vf a, vf b)
{
    return (vf)(((vi)a & mask) | ((vi)b & ~mask));
}

INLINE vf vabs(vf x)
{
    return (vf)((vi)x & 0x7fffffff);
}

/* The sign of s on the magnitude of x >= 0 */
INLINE vf with_sign_of(vf x, vf s)
{
    return (vf)((vi)x | ((vi)s & (-0x7fffffff - 1)));
}

/* vmax and vmin that return NaN if either argument is NaN */
INLINE vf max_or_nan(vf a, vf b)
{
    return choose(a != a, a, vmax(a, b));
}

INLINE vf min_or_nan(vf a, vf b)
{
    return choose(a != a, a, vmin(a, b));
}

INLINE vf to_float(vi x)
{
    return __builtin_convertvector(x, vf);
}

#ifndef ISA_HAS_BYTES /* otherwise the instruction set's header defines these */
/* Bytes to integers and back, by way of 16-bit integers: in one step gcc would convert byte by byte. */
INLINE vi widen(vb bytes)
{
    return __builtin_convertvector(__builtin_convertvector(bytes, vh), vi);
}

INLINE vb narrow(vi v)
{
    return __builtin_convertvector(__builtin_convertvector(v, vh), vb);
}
#endif

/* True where any lane of a mask is set */
INLINE bool any(vi mask)
{
    int32_t bits = 0;
    for (size_t i = 0; i < VECTOR; i++) {
        bits |= mask[i];
    }
    return bits != 0;
}

/* Loads a whole vector, or its first `left` floats where left is not 0: one loop body serves both. */
INLINE vf load_some(const float *p, size_t left)
{
    return left ? load_first(p, left) : load(p);
}

INLINE void store_some(float *p, vf v, size_t left)
{
    if (left) {
        store_first(p, v, left);
    } else {
        store(p, v);
    }
}

/* Runs its body for i in [0, n) in steps of VECTOR; `left` is 0 for whole vectors and the number of floats in a last,
   partial one. The body is expanded twice; in the first copy `left` is a constant, so the compiler drops the tests in
   load_some and store_some. */
#define EACH_VECTOR(n, ...)                                        \
    do {                                                           \
        size_t i = 0, end_ = (n);                                  \
        for (; i + VECTOR <= end_; i += VECTOR) {                  \
            enum { left = 0 };                                     \
            __VA_ARGS__                                            \
        }                                                          \
        if (i < end_) {                                            \
            size_t left = end_ - i;                                \
            __VA_ARGS__                                            \
        }                                                          \
    } while (0)

/* Before a short loop of constant length whose array should live in registers. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif
/* The same where the length becomes a constant only by inlining: clang unrolls those by itself, and warns about the
   pragma. */
#ifdef __clang__
#define UNROLL_CONSTANT
#else
#define UNROLL_CONSTANT UNROLL
#endif

/* c + a b, c - a b and a b - c, rounded once where the instruction set has a fused instruction and twice where it has
   none. Each of a, b and c is a vector, or a number for all lanes. Only these macros (and multiply_add) give fused
   instructions: compilers, if allowed to, fuse different products (of a b + c d the first or the second; of a product
   that two sums share both or none), so that results would depend on the compiler. The build forbids that
   (CMakeLists.txt). */
#define plus_product(c, a, b)  fused_plus(IN_ALL_LANES(c), IN_ALL_LANES(a), IN_ALL_LANES(b))
#define minus_product(c, a, b) fused_minus(IN_ALL_LANES(c), IN_ALL_LANES(a), IN_ALL_LANES(b))
#define product_less(a, b, c)  fused_less(IN_ALL_LANES(a), IN_ALL_LANES(b), IN_ALL_LANES(c))
#define IN_ALL_LANES(x)        ((x) - (vf){0}) /* as splat; of a vector compilers drop the subtraction */

/* terms[0] + x terms[1] + x^2 terms[2] + ..., from the highest term down (Horner). Callers pass a constant count. */
INLINE vf polynomial(vf x, const float *terms, const size_t count)
{
    vf sum = splat(terms[count - 1]);
    UNROLL_CONSTANT
    for (size_t t = count - 1; t > 0; t--) {
        sum = plus_product(terms[t - 1], x, sum);
    }
    return sum;
}

/* The same for doubles, which fill two registers. */
#if VECTOR == 16
#define LOWER_LANES 0, 1, 2, 3, 4, 5, 6, 7
#define UPPER_LANES 8, 9, 10, 11, 12, 13, 14, 15
#elif VECTOR == 8
#define LOWER_LANES 0, 1, 2, 3
#define UPPER_LANES 4, 5, 6, 7
#else
#define LOWER_LANES 0, 1
#define UPPER_LANES 2, 3
#endif
#define LOWER_HALF(v) __builtin_shufflevector(v, v, LOWER_LANES)
#define UPPER_HALF(v) __builtin_shufflevector(v, v, UPPER_LANES)
INLINE vd plus_product_double(vd c, vd a, vd b)
{
#if defined(fused_plus_double) && (defined(__clang__) || __GNUC__ >= 12)
    return (vd)__builtin_shufflevector(fused_plus_double(LOWER_HALF(c), LOWER_HALF(a), LOWER_HALF(b)),
                                       fused_plus_double(UPPER_HALF(c), UPPER_HALF(a), UPPER_HALF(b)), LOWER_LANES,
                                       UPPER_LANES);
#else
    return c + a * b;
#endif
}

INLINE vd polynomial_double(vd x, const double *terms, const size_t count)
{
    vd sum = (vd){0} + terms[count - 1];
    UNROLL_CONSTANT
    for (size_t t = count - 1; t > 0; t--) {
        sum = plus_product_double((vd){0} + terms[t - 1], x, sum);
    }
    return sum;
}

/* sum += a * b as one instruction that keeps the sum in its register, where the set's header defines it so. Compilers
   otherwise also choose forms that overwrite a factor, and then move and spill: 5 % with the 24 sums of AVX-512. */
#ifndef multiply_add
#define multiply_add(sum, a, b) sum += (a) * (b)
#endif

#endif
