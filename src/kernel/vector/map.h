/* SPDX-License-Identifier: MIT */
/* Elementwise functions: a function is one formula over vectors here, one over doubles in reference/map.c, and one line
   in list.inc. The loops around the formulas are written once. */
#ifndef KERNEL_VECTOR_MAP_H
#define KERNEL_VECTOR_MAP_H

#include "kernel/vector/math.h"

/* max(x, limit) and min(x, limit) that return NaN if x is NaN */
#define AT_LEAST(limit, x) vmax(splat(limit), x)
#define AT_MOST(limit, x) vmin(splat(limit), x)

INLINE vf ones_where(vi mask)
{
    return (vf)(mask & (vi)splat(1.0f));
}

INLINE vf gelu_inner(vf x)
{
    return vtanh(0.797884561f * plus_product(x, 0.044715f, x * x * x));
}

INLINE vf gelu_tanh_slope(vf x)
{
    vf t = gelu_inner(x);
    vf slope = 0.5f * x * minus_product(1.0f, t, t) * 0.797884561f * plus_product(1.0f, 0.134145f, x * x);
    return plus_product(slope, 0.5f, 1.0f + t);
}

INLINE vf sigmoid_slope(vf s)
{
    return s * (1.0f - s);
}

INLINE vf swish_slope(vf x, vf s, float a)
{
    return plus_product(s, a * x, sigmoid_slope(s));
}

INLINE vf mish_slope(vf x, vf t)
{
    return plus_product(t, x * vsigmoid(x), minus_product(1.0f, t, t));
}

/* x * factor for factors that go to zero as x goes to minus infinity: there the result is the limit 0, not NaN */
INLINE vf times_or_zero(vf x, vf factor)
{
    return vmax(splat(-3.40282347e38f), x) * factor;
}

/* tanh(log(1 + e)) = ((1 + e)^2 - 1) / ((1 + e)^2 + 1) with e = e^x; far below x = 40 it is already 1 in single
   precision. */
INLINE vf mish_gate(vf x)
{
    vf e = vexp(vmin(splat(40.0f), x));
    vf n = e * (e + 2.0f);
    return n / (n + 2.0f);
}

INLINE vf square_plus_one(vf x)
{
    vf d = 1.0f + vabs(x);
    return d * d;
}

/* name, f(x), derivative from x or y; a and b are the parameters. list.inc says the same in words. */
#define FORMULAS(F)                                                                                       \
    F(identity, x, splat(1.0f))                                                                           \
    F(relu, AT_LEAST(0.0f, x), ones_where(y > 0.0f))                                                      \
    F(leaky_relu, choose(x > 0.0f, x, a * x), choose(y > 0.0f, splat(1.0f), splat(a)))                    \
    F(thresholded_relu, (vf)((vi)x & ~(x <= a)), ones_where(x > a))                                       \
    F(clip, AT_MOST(b, AT_LEAST(a, x)), ones_where((x >= a) & (x <= b)))                                  \
    F(sigmoid, vsigmoid(x), sigmoid_slope(y))                                                             \
    F(tanh, vtanh(x), minus_product(1.0f, y, y))                                                          \
    F(softplus, vsoftplus(x), vsigmoid(x))                                                                \
    F(softsign, choose(vabs(x) == INFINITY, with_sign_of(splat(1.0f), x), x / (1.0f + vabs(x))),          \
      1.0f / square_plus_one(x))                                                                          \
    F(elu, choose(x > 0.0f, x, a * vexpm1_negative(x)), choose(y > 0.0f, splat(1.0f), y + a))             \
    F(selu, b *choose(x > 0.0f, x, a * vexpm1_negative(x)), choose(y > 0.0f, splat(b), y + a * b))        \
    F(celu, choose(x > 0.0f, x, a * vexpm1_negative(x / a)), choose(y > 0.0f, splat(1.0f), y / a + 1.0f)) \
    F(gelu, times_or_zero(x, 0.5f * (1.0f + verf(x * 0.707106781f))),                                     \
      plus_product(x * vexp(-0.5f * (x * x)) * 0.398942280f, 0.5f, 1.0f + verf(x * 0.707106781f)))        \
    F(gelu_tanh, vgated(x, 1.595769122f * plus_product(x, 0.044715f, x * x * x)), gelu_tanh_slope(x))     \
    F(mish, times_or_zero(x, mish_gate(x)), mish_slope(x, vtanh(vsoftplus(x))))                           \
    F(hard_sigmoid, AT_MOST(1.0f, AT_LEAST(0.0f, plus_product(b, a, x))),                                 \
      a *ones_where((y > 0.0f) & (y < 1.0f)))                                                             \
    F(hard_swish, times_or_zero(x, AT_MOST(1.0f, AT_LEAST(0.0f, plus_product(0.5f, x, 0.166666667f)))),   \
      (vf)((vi)choose(x <= 3.0f, x / 3.0f + 0.5f, splat(1.0f)) & ~(x < -3.0f)))                           \
    F(exp, vexp(x), y)                                                                                    \
    F(log, vlog(x), 1.0f / x)                                                                             \
    F(sqrt, vsqrt(x), 0.5f / y)                                                                           \
    F(reciprocal, 1.0f / x, -(y * y))                                                                     \
    F(square, x *x, 2.0f * x)                                                                             \
    F(abs, vabs(x), sign_of(x))                                                                           \
    F(neg, -x, splat(-1.0f))                                                                              \
    F(affine, plus_product(b, a, x), splat(a))                                                            \
    F(sign, sign_of(x), splat(0.0f))                                                                      \
    F(step, choose(x != x, x, ones_where(x > 0.0f)), splat(0.0f))                                         \
    F(floor, vfloor(x), splat(0.0f))                                                                      \
    F(ceil, vceil(x), splat(0.0f))                                                                        \
    F(round, vround(x), splat(0.0f))                                                                      \
    F(erf, verf(x), 1.128379167f * vexp(-(x * x)))

INLINE vf sign_of(vf x)
{
    return choose((x > 0.0f) | (x < 0.0f), with_sign_of(splat(1.0f), x), x);
}

#define DEFINE_FORMULA(name, value, derivative)                                                                       \
    INLINE vf name##_value(vf x, float a, float b)                                                                    \
    {                                                                                                                 \
        (void)a, (void)b;                                                                                             \
        return value;                                                                                                 \
    }                                                                                                                 \
    INLINE vf name##_derivative(vf x, vf y, float a, float b)                                                         \
    {                                                                                                                 \
        (void)x, (void)y, (void)a, (void)b;                                                                           \
        return derivative;                                                                                            \
    }
#define DEFINE(name, value, derivative)                                                                               \
    DEFINE_FORMULA(name, value, derivative)                                                                           \
    static void vector_unary_##name(size_t n, const float *x, float *y, float alpha, float beta)                      \
    {                                                                                                                 \
        EACH_VECTOR(n, store_some(y + i, name##_value(load_some(x + i, left), alpha, beta), left););                  \
    }
FORMULAS(DEFINE)
DEFINE_FORMULA(swish, vgated(x, a *x), swish_slope(x, vsigmoid(a * x), a))
#undef DEFINE
#undef DEFINE_FORMULA

/* Swish, the one smooth function that occurs throughout whole networks, takes several vectors at once. `plain` says
   that alpha is 1; callers pass a constant. */
INLINE void swish_run(size_t n, const float *x, float *y, float alpha, const bool plain)
{
    size_t several = n / (GATED * VECTOR) * (GATED * VECTOR);
    for (size_t i = 0; i < several; i += GATED * VECTOR) {
        vf in[GATED];
        vf gate[GATED];
        vf out[GATED];
        UNROLL
        for (size_t v = 0; v < GATED; v++) {
            in[v] = load(x + i + v * VECTOR);
            gate[v] = plain ? in[v] : alpha * in[v];
        }
        vgated_several(GATED, in, gate, out);
        UNROLL
        for (size_t v = 0; v < GATED; v++) {
            store(y + i + v * VECTOR, out[v]);
        }
    }
    x += several;
    y += several;
    EACH_VECTOR(n - several, store_some(y + i, swish_value(load_some(x + i, left), alpha, 0), left););
}

static void vector_unary_swish(size_t n, const float *x, float *y, float alpha, float beta)
{
    (void)beta;
    if (alpha == 1.0f) {
        swish_run(n, x, y, 1.0f, true);
    } else {
        swish_run(n, x, y, alpha, false);
    }
}

/* `reads` is a constant, so each gradient loads only the one of x and y that it needs. */
#define UNARY(name, reads, formula, derivative)                                                                       \
    static void vector_unary_gradient_##name(size_t n, const float *x, const float *y, const float *dy, float *dx,    \
                                             float alpha, float beta)                                                 \
    {                                                                                                                 \
        (void)x, (void)y;                                                                                             \
        EACH_VECTOR(n, {                                                                                              \
            vf at_x = (reads) == READS_X ? load_some(x + i, left) : (vf){0};                                          \
            vf at_y = (reads) == READS_Y ? load_some(y + i, left) : (vf){0};                                          \
            store_some(dx + i, load_some(dy + i, left) * name##_derivative(at_x, at_y, alpha, beta), left);           \
        });                                                                                                           \
    }
#include "kernel/list.inc"
#undef FORMULAS
#undef AT_LEAST
#undef AT_MOST

/* The functions by enum unary, for kernels that apply an activation to the rows they have just written. */
static unary_kernel *const vector_unary[UNARY_COUNT] = {
#define UNARY(name, reads, formula, derivative) [UNARY_##name] = vector_unary_##name,
#include "kernel/list.inc"
};

#define BINARY_FORMULAS(F)                                     \
    F(add, a + b)                                              \
    F(sub, a - b)                                              \
    F(mul, a *b)                                               \
    F(div, a / b)                                              \
    F(max, max_or_nan(a, b))                                   \
    F(min, min_or_nan(a, b))                                   \
    F(pow, vpow(a, b))                                         \
    F(prelu, choose(a > 0.0f, a, a *b))                        \
    F(less, ones_where(a < b))                                 \
    F(equal, ones_where(a == b))

/* The four combinations of column strides have a loop each, so that no loop tests strides inside. */
#define BINARY_ROW(name, load_a, load_b) \
    EACH_VECTOR(columns, store_some(y + i, name##_of(load_a, load_b), left););
#define DEFINE(name, value)                                                                                           \
    INLINE vf name##_of(vf a, vf b)                                                                                   \
    {                                                                                                                 \
        return value;                                                                                                 \
    }                                                                                                                 \
    static void vector_binary_##name(size_t rows, size_t columns, struct kernel_operand p, struct kernel_operand q,   \
                                     float *y, size_t y_stride)                                                       \
    {                                                                                                                 \
        const float *a = p.data, *b = q.data;                                                                         \
        for (size_t r = 0; columns > 0 && r < rows; r++, a += p.row_stride, b += q.row_stride, y += y_stride) {       \
            if (p.column_stride && q.column_stride) {                                                                 \
                BINARY_ROW(name, load_some(a + i, left), load_some(b + i, left))                                      \
            } else if (p.column_stride) {                                                                             \
                vf scalar = splat(*b);                                                                                \
                BINARY_ROW(name, load_some(a + i, left), scalar)                                                      \
            } else if (q.column_stride) {                                                                             \
                vf scalar = splat(*a);                                                                                \
                BINARY_ROW(name, scalar, load_some(b + i, left))                                                      \
            } else {                                                                                                  \
                vf both = name##_of(splat(*a), splat(*b));                                                            \
                EACH_VECTOR(columns, store_some(y + i, both, left););                                                 \
            }                                                                                                         \
        }                                                                                                             \
    }
BINARY_FORMULAS(DEFINE)
#undef DEFINE
#undef BINARY_ROW
#undef BINARY_FORMULAS

#endif
