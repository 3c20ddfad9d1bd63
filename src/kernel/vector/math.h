/* SPDX-License-Identifier: MIT */
/* exp, log, tanh, erf and pow over vectors: one source for every instruction set, so that results do not depend on the
   C library. Each function reduces its argument to a short interval and evaluates a polynomial interpolated there at
   Chebyshev nodes, lowest term first (the interval and degree are given beside each; any least-maximum fit gives the
   same). Products that must not be rounded have short constants, so that instruction sets with and without a fused
   multiply-add do equally well. */
#ifndef KERNEL_VECTOR_MATH_H
#define KERNEL_VECTOR_MATH_H

#include "kernel/vector/vector.h"

static const float ln2_high = 0.693145751953125f;      /* 16 bits: n * ln2_high is exact for |n| < 256 */
static const float ln2_low = 1.42860677e-6f;           /* ln 2 - ln2_high */
static const float log2_e = 1.44269504f;

/* 2^n for integers -126 <= n <= 127. Here and below, arithmetic on the bits of floats is unsigned: the bits of a NaN
   may overflow, harmlessly, since the result is discarded. */
INLINE vf power_of_two(vi n)
{
    return (vf)(((vu)n + 127u) << 23);
}

/* (e^r - 1 - r) / r^2 for |r| <= 0.3475, degree 4, relative error 1e-8 of e^r */
INLINE vf exp_tail(vf r)
{
    static const float terms[] = {0.5f, 1.666657606e-1f, 4.166655346e-2f, 8.363333082e-3f, 1.392637600e-3f};
    return polynomial(r, terms, sizeof terms / sizeof *terms);
}

/* n = x / ln 2 rounded, r = x - n ln 2 */
INLINE vf exp_reduce(vf x, vi *n)
{
    /* Adding 1.5 * 2^23 leaves the nearest integer in the low bits of the sum. */
    const float magic = 12582912.0f;
    vf shifted = plus_product(magic, x, log2_e);
    *n = (vi)((vu)shifted - 0x4b400000u);
    vf k = shifted - magic;
    return minus_product(minus_product(x, k, ln2_high), k, ln2_low);
}

/* e^x, at most 2 ulp. Overflows to infinity above 88.72, passes through the denormals to 0 below -103.97. */
INLINE vf vexp(vf x)
{
    vi n;
    /* The limits come first in vmax and vmin so that a NaN, second, is what they return. */
    vf limited = vmin(splat(89.0f), vmax(splat(-105.0f), x));
    vf r = exp_reduce(limited, &n);
    vf power = 1.0f + plus_product(r, r * r, exp_tail(r));
    /* Scaled in two steps, since 2^n itself may be out of range where e^x is not. */
    vi half = n >> 1;
    vf result = power * power_of_two(half) * power_of_two(n - half);
    return choose(x != x, x, result);
}

/* e^x - 1 for x <= 0 (for elu and its kin); relatively accurate for small x, too */
INLINE vf vexpm1_negative(vf x)
{
    vf small = plus_product(x, x * x, exp_tail(x));
    return choose(x > -0.3475f, small, vexp(x) - 1.0f);
}

/* m in [sqrt 1/2, sqrt 2) and e with x = m 2^e, for normal x > 0 */
INLINE vf log_reduce(vf x, vi *e)
{
    vi bits = (vi)((vu)x - 0x3f3504f3u);
    *e = bits >> 23;
    return (vf)((bits & 0x007fffff) + 0x3f3504f3);
}

/* (log(1 + f) - f + f^2 / 2) / f^3 on the reduced interval, degree 8, relative error 4e-9 of log(1 + f) */
INLINE vf log_tail(vf f)
{
    static const float terms[] = {3.333333112e-1f,  -2.499999663e-1f, 2.000073050e-1f,
                                  -1.666785097e-1f, 1.424855127e-1f,  -1.242403774e-1f,
                                  1.168907115e-1f,  -1.149454651e-1f, 6.980701810e-2f};
    return polynomial(f, terms, sizeof terms / sizeof *terms);
}

/* log of x 2^extra_exponent for normal x > 0, at most 2 ulp */
INLINE vf log_positive(vf x, vi extra_exponent)
{
    vi e;
    vf f = log_reduce(x, &e) - 1.0f;
    vf k = to_float(e + extra_exponent);
    vf tail = plus_product(k * ln2_low, f * f * f, log_tail(f));
    tail = minus_product(tail, 0.5f, f * f);
    return plus_product(f + tail, k, ln2_high);
}

INLINE vf vlog(vf x)
{
    vi  tiny = x < 1.17549435e-38f;
    vf  scaled = choose(tiny, x * 8388608.0f, x); /* a denormal becomes normal */
    vf  result = log_positive(scaled, tiny & -23);
    result = choose(x == INFINITY, x, result);
    result = choose(x == 0.0f, splat(-INFINITY), result);
    return choose((x < 0.0f) | (x != x), splat(NAN), result);
}

/* log(1 + x) for 0 <= x <= 1, relative error at most 3 ulp: the rounding error of 1 + x is corrected */
INLINE vf vlog1p(vf x)
{
    vf u = 1.0f + x;
    vf lost = x - (u - 1.0f);
    return log_positive(u, (vi){0}) + lost / u;
}

/* 1 / (1 + e^-x), from e^-|x|, which cannot overflow */
INLINE vf vsigmoid(vf x)
{
    vf e = vexp(-vabs(x));
    return choose(x < 0.0f, e, splat(1.0f)) / (1.0f + e);
}

enum { GATED = 4 }; /* vectors that vgated_several takes at once */

/* x / d for d from 1 to 1e38, at most 3 ulp */
INLINE vf vquotient(vf x, vf d)
{
#ifdef ISA_HAS_RECIPROCAL
    vf r = vreciprocal_first(d);
    return x * (r * minus_product(2.0f, d, r));
#else
    return x / d;
#endif
}

/* d = 1 + e^-z for z >= -86: the denominator of a sigmoid. Several vectors advance together, step by step, because with
   one alone each operation waits for the previous one. The argument is reduced in one step, as a power of two, since in
   1 / d the error of e^-z counts little where it is large. */
#ifdef ISA_HAS_LOOKUP
/* The bits of 2^(j / 32) for j = 0 .. 31, minus j << 18, that is j / 32 at the exponent's place. */
static const uint32_t roots_of_two[2 * VECTOR] = {
    0x3f800000u, 0x3f7ecd87u, 0x3f7daac3u, 0x3f7c980fu, 0x3f7b95c2u, 0x3f7aa43au, 0x3f79c3d3u, 0x3f78f4f0u,
    0x3f7837f0u, 0x3f778d3au, 0x3f76f532u, 0x3f767043u, 0x3f75fed7u, 0x3f75a15bu, 0x3f75583fu, 0x3f7523f6u,
    0x3f7504f3u, 0x3f74fbafu, 0x3f7508a4u, 0x3f752c4du, 0x3f75672au, 0x3f75b9beu, 0x3f76248cu, 0x3f76a81eu,
    0x3f7744fdu, 0x3f77fbb8u, 0x3f78ccdfu, 0x3f79b907u, 0x3f7ac0c7u, 0x3f7be4bau, 0x3f7d257du, 0x3f7e83b3u};

/* e^-z = 2^n 2^(j / 32) 2^f with 2^(j / 32) looked up and 2^f by a polynomial of degree 2 on |f| <= 1 / 64 (relative
   error 6e-8). 32 n + j is added to the exponent as it is, shifted: the table has subtracted j already. */
INLINE void one_and_power_several(const size_t count, const vf *z, vf *d)
{
    const float magic = 393216.0f; /* as in exp_reduce, for 1 / 32: the sum's low bits are 32 n + j */
    const vi_unaligned *table = (const vi_unaligned *)(const void *)roots_of_two;
    vf roots = (vf)table[0], more_roots = (vf)table[1];
    vf shifted[GATED];
    vf power[GATED];
    UNROLL
    for (size_t v = 0; v < count; v++) {
        d[v] = vmin(splat(86.0f), z[v]);
        shifted[v] = splat(magic);
        multiply_add(shifted[v], d[v], splat(-log2_e));
    }
    UNROLL
    for (size_t v = 0; v < count; v++) {
        vf f = magic - shifted[v];
        multiply_add(f, d[v], splat(-log2_e));
        power[v] = plus_product(1.0f, f, plus_product(6.931573437e-1f, f, 2.402282681e-1f));
    }
    UNROLL
    for (size_t v = 0; v < count; v++) {
        vf root = (vf)((vu)lookup(shifted[v], roots, more_roots) + ((vu)shifted[v] << 18));
        d[v] = splat(1.0f);
        multiply_add(d[v], power[v], root);
    }
}
#else
/* e^-z = 2^n 2^f, 2^f by a polynomial of degree 5 on |f| <= 0.5 (relative error 1.6e-7), 2^n added to its exponent. */
INLINE void one_and_power_several(const size_t count, const vf *z, vf *d)
{
    const float magic = 12582912.0f; /* as in exp_reduce; the sum's low bits are the integer */
    static const float terms[] = {9.676055051e-3f, 5.550356954e-2f, 2.402210683e-1f, 6.931471825e-1f, 1.000000119f};
    vf shifted[GATED];
    vf f[GATED];
    vf power[GATED];
    UNROLL
    for (size_t v = 0; v < count; v++) {
        f[v] = vmin(splat(86.0f), z[v]);
        shifted[v] = splat(magic);
        multiply_add(shifted[v], f[v], splat(-log2_e));
    }
    UNROLL
    for (size_t v = 0; v < count; v++) {
        vf rest = magic - shifted[v];
        multiply_add(rest, f[v], splat(-log2_e));
        f[v] = rest;
        power[v] = splat(1.339088660e-3f);
    }
    UNROLL
    for (size_t term = 0; term < sizeof terms / sizeof *terms; term++) {
        UNROLL
        for (size_t v = 0; v < count; v++) {
            power[v] = plus_product(terms[term], f[v], power[v]);
        }
    }
    UNROLL
    for (size_t v = 0; v < count; v++) { /* shifting by 23 leaves only n, at the exponent's place */
        d[v] = 1.0f + (vf)((vu)power[v] + ((vu)shifted[v] << 23));
    }
}
#endif

/* x / (1 + e^-z), which is x sigmoid(z), for swish and its kin. The error is a few units in the last place of |x|, not
   of the result, which is small where e^-z is large. Results below e^-86 |x| are zero. */
INLINE void vgated_several(const size_t count, const vf *x, const vf *z, vf *y)
{
    vf d[GATED];
    one_and_power_several(count, z, d);
    UNROLL
    for (size_t v = 0; v < count; v++) {
        y[v] = (vf)((vi)vquotient(x[v], d[v]) & ~(z[v] < -86.0f));
    }
}

INLINE vf vgated(vf x, vf z)
{
    vf y;
    vgated_several(1, &x, &z, &y);
    return y;
}

INLINE vf vsoftplus(vf x)
{
    vf result = vmax(splat(0.0f), x) + vlog1p(vexp(-vabs(x)));
    return choose(x != x, x, result);
}

/* Below 0.625 an odd polynomial, degree 4 in x^2; above, 1 - 2 / (e^2|x| + 1). At most 3 ulp. */
INLINE vf vtanh(vf x)
{
    vf a = vabs(x), z = x * x;
    static const float terms[] = {-3.333332894e-1f, 1.333276974e-1f, -5.385090958e-2f, 2.099717900e-2f,
                                  -6.096714163e-3f};
    vf small = plus_product(x, x, z * polynomial(z, terms, sizeof terms / sizeof *terms));
    vf large = with_sign_of(1.0f - 2.0f / (vexp(vmin(splat(20.0f), a + a)) + 1.0f), x);
    return choose(a < 0.625f, small, choose(x != x, x, large));
}

/* Below 1 an odd polynomial, degree 6 in x^2; above, 1 - exp(-g), g = -log erfc a polynomial of degree 8 on [0.98,
 * 4]. */
INLINE vf verf(vf x)
{
    static const float odd_terms[] = {1.128379166f,    -3.761262667e-1f, 1.128359472e-1f, -2.685421201e-2f,
                                      5.189087423e-3f, -8.016864282e-4f, 7.875875047e-5f};
    static const float g_terms[] = {-3.214710300e-4f, 1.130239201f,     6.318156996e-1f,
                                    1.100901975e-1f,  -2.642704378e-2f, 4.761717238e-3f,
                                    -5.972644334e-4f, 4.611291393e-5f,  -1.639938017e-6f};
    vf a = vmin(splat(4.0f), vabs(x));
    vf small = x * polynomial(a * a, odd_terms, sizeof odd_terms / sizeof *odd_terms);
    vf g = polynomial(a, g_terms, sizeof g_terms / sizeof *g_terms);
    vf large = with_sign_of(1.0f - vexp(-g), x);
    return choose(a < 1.0f, small, choose(x != x, x, large));
}

/* x rounded towards zero. From 2^23 on every float is an integer; below that, the conversion to int32_t is defined. */
INLINE vf integer_part(vf x)
{
    vi small = vabs(x) < 8388608.0f;
    vf part = to_float(__builtin_convertvector(choose(small, x, splat(0.0f)), vi));
    return choose(small, with_sign_of(vabs(part), x), x);
}

INLINE vf vfloor(vf x)
{
    vf part = integer_part(x);
    return choose(part > x, part - 1.0f, part);
}

INLINE vf vceil(vf x)
{
    return -vfloor(-x);
}

INLINE vf vround(vf x)
{
    /* Adding and subtracting 2^23 makes the adder round to an integer, halves to even; the sign is restored after. */
    vf a = vabs(x), rounded = (a + 8388608.0f) - 8388608.0f;
    return choose(a < 8388608.0f, with_sign_of(rounded, x), x);
}

/* log2 of x > 0 (a double that was a float, hence normal), relative error 1e-13: the series of 2 atanh(s), s = (m - 1)
   / (m + 1), |s| < 0.172 */
INLINE vd double_log2(vd x)
{
    typedef int64_t vl __attribute__((vector_size(8 * VECTOR)));
    vl bits = (vl)x - 0x3fe6a09e667f3bcdLL;
    vd e = __builtin_convertvector(bits >> 52, vd);
    vd m = (vd)((bits & 0x000fffffffffffffLL) + 0x3fe6a09e667f3bcdLL);
    vd s = (m - 1.0) / (m + 1.0), z = s * s;
    static const double terms[] = {1.0, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15};
    vd series = polynomial_double(z, terms, sizeof terms / sizeof *terms);
    return plus_product_double(e, s * series, (vd){0} + 2.88539008177792681472);
}

/* 2^t for |t| <= 300, relative error 1e-11 */
INLINE vd double_exp2(vd t)
{
    typedef int64_t  vl __attribute__((vector_size(8 * VECTOR)));
    typedef uint64_t vul __attribute__((vector_size(8 * VECTOR)));
    const double magic = 6755399441055744.0; /* 1.5 * 2^52 */
    vd shifted = t + magic;
    vl n = (vl)shifted - 0x4338000000000000LL;
    vd r = (t - (shifted - magic)) * 0.693147180559945309417;
    static const double terms[] = {1.0,       1.0,       1.0 / 2,    1.0 / 6,     1.0 / 24,
                                   1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880};
    vd p = polynomial_double(r, terms, sizeof terms / sizeof *terms);
    return (vd)((vul)p + ((vul)n << 52));
}

/* a^b in double, rounded once; the special cases are those of C's pow */
INLINE vf vpow(vf a, vf b)
{
    vf size = vabs(a);
    vi usual = (size > 0.0f) & (size < INFINITY) & (vabs(b) < INFINITY);
    vd t = double_log2(__builtin_convertvector(choose(usual, size, splat(1.0f)), vd)) *
           __builtin_convertvector(choose(usual, b, splat(1.0f)), vd);
    typedef int64_t vl __attribute__((vector_size(8 * VECTOR)));
    vl low = t < -300.0, high = t > 300.0;
    t = (vd)(((vl)t & ~low & ~high) | ((vl)((vd){0} - 300.0) & low) | ((vl)((vd){0} + 300.0) & high));
    vf power = __builtin_convertvector(double_exp2(t), vf);

    vi whole = vfloor(b) == b;
    vf half = b * 0.5f;
    vi odd = whole & (vfloor(half) != half);
    vi zero = size == 0.0f, infinite = size == INFINITY;
    vi to_zero = (zero & (b > 0.0f)) | (infinite & (b < 0.0f));
    vi to_infinity = (zero & (b < 0.0f)) | (infinite & (b > 0.0f));
    /* An infinite exponent: the result is infinite or zero, depending on whether |a| is above or below 1. */
    vi endless = vabs(b) == INFINITY;
    to_zero |= endless & ((size < 1.0f) == (b > 0.0f)) & (size != 1.0f);
    to_infinity |= endless & ((size < 1.0f) == (b < 0.0f)) & (size != 1.0f);
    power = choose(endless & (size == 1.0f), splat(1.0f), power);
    power = choose(to_zero, splat(0.0f), choose(to_infinity, splat(INFINITY), power));
    vi negative = (vi)a < 0;
    power = choose(negative & odd, -power, power);
    vi invalid = (a < 0.0f) & ~whole & (vabs(a) < INFINITY) & ~endless;
    power = choose(invalid | (a != a) | (b != b), splat(NAN), power);
    return choose((b == 0.0f) | (a == 1.0f), splat(1.0f), power);
}

#endif
