/* SPDX-License-Identifier: MIT */
/* Elementwise functions and their derivatives, each as one formula in double. The formulas are those of list.inc; the
   vector versions, which use polynomials instead of the C library, are in vector/map.h. */
#include <math.h>

#include "kernel/reference/reference.h"

static const double sqrt_half = 0.70710678118654752440, sqrt_2_over_pi = 0.79788456080286535588,
                    two_over_sqrt_pi = 1.12837916709551257390, one_over_sqrt_2pi = 0.39894228040143267794;

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static double soft_plus(double x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

/* min and max that return NaN if x is NaN, unlike fmin and fmax */
static double smaller(double x, double y)
{
    return x < y || isnan(x) ? x : y;
}

static double greater(double x, double y)
{
    return x > y || isnan(x) ? x : y;
}

/* x * factor for factors that go to zero as x goes to minus infinity: the product's limit there is 0, not NaN */
static double times(double x, double factor)
{
    return isinf(x) && x < 0 ? 0 : x * factor;
}

static double sign_of(double x)
{
    return x > 0 ? 1 : x < 0 ? -1 : x;
}

/* tanh of GELU's inner cubic, and that cubic's derivative */
static double gelu_inner(double x)
{
    return tanh(sqrt_2_over_pi * (x + 0.044715 * x * x * x));
}

static double slope_of_gelu_tanh(double x)
{
    double t = gelu_inner(x);
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * sqrt_2_over_pi * (1 + 3 * 0.044715 * x * x);
}

static double slope_of_mish(double x)
{
    double t = tanh(soft_plus(x));
    return t + x * logistic(x) * (1 - t * t);
}

static double slope_of_swish(double x, double a)
{
    double s = logistic(a * x);
    return s + a * x * s * (1 - s);
}

/* name, f(x), f'(x or y); a and b are the parameters */
#define FORMULAS(F)                                                                                             \
    F(identity, x, 1)                                                                                           \
    F(relu, greater(x, 0), y > 0)                                                                               \
    F(leaky_relu, x > 0 ? x : a * x, y > 0 ? 1 : a)                                                             \
    F(thresholded_relu, x > a || isnan(x) ? x : 0, x > a)                                                       \
    F(clip, smaller(greater(x, a), b), x >= a && x <= b)                                                        \
    F(sigmoid, logistic(x), y *(1 - y))                                                                         \
    F(tanh, tanh(x), 1 - y * y)                                                                                 \
    F(softplus, soft_plus(x), logistic(x))                                                                      \
    F(softsign, isinf(x) ? sign_of(x) : x / (1 + fabs(x)), 1 / ((1 + fabs(x)) * (1 + fabs(x))))                 \
    F(elu, x > 0 ? x : a * expm1(x), y > 0 ? 1 : y + a)                                                         \
    F(selu, x > 0 ? b * x : b * a * expm1(x), y > 0 ? b : y + a * b)                                            \
    F(celu, x > 0 ? x : a * expm1(x / a), y > 0 ? 1 : y / a + 1)                                                \
    F(gelu, times(x, 0.5 * (1 + erf(x * sqrt_half))),                                                           \
      0.5 * (1 + erf(x * sqrt_half)) + x * exp(-0.5 * x * x) * one_over_sqrt_2pi)                               \
    F(gelu_tanh, times(x, 0.5 * (1 + gelu_inner(x))), slope_of_gelu_tanh(x))                                    \
    F(swish, times(x, logistic(a * x)), slope_of_swish(x, a))                                                   \
    F(mish, times(x, tanh(soft_plus(x))), slope_of_mish(x))                                                     \
    F(hard_sigmoid, smaller(greater(a * x + b, 0), 1), y > 0 && y < 1 ? a : 0)                                  \
    F(hard_swish, times(x, smaller(greater(x / 6 + 0.5, 0), 1)), x < -3 ? 0 : x <= 3 ? x / 3 + 0.5 : 1)         \
    F(exp, exp(x), y)                                                                                           \
    F(log, log(x), 1 / x)                                                                                       \
    F(sqrt, sqrt(x), 0.5 / y)                                                                                   \
    F(reciprocal, 1 / x, -y * y)                                                                                \
    F(square, x *x, 2 * x)                                                                                      \
    F(abs, fabs(x), sign_of(x))                                                                                 \
    F(neg, -x, -1)                                                                                              \
    F(affine, a *x + b, a)                                                                                      \
    F(sign, sign_of(x), 0)                                                                                      \
    F(step, isnan(x) ? x : x > 0, 0)                                                                            \
    F(floor, floor(x), 0)                                                                                       \
    F(ceil, ceil(x), 0)                                                                                         \
    F(round, nearbyint(x), 0)                                                                                   \
    F(erf, erf(x), two_over_sqrt_pi *exp(-x * x))

#define DEFINE(name, value, derivative)                                                                              \
    static double name##_value(double x, double a, double b)                                                         \
    {                                                                                                                \
        (void)a, (void)b;                                                                                            \
        return value;                                                                                                \
    }                                                                                                                \
    static double name##_derivative(double x, double y, double a, double b)                                          \
    {                                                                                                                \
        (void)x, (void)y, (void)a, (void)b;                                                                          \
        return derivative;                                                                                           \
    }                                                                                                                \
    void reference_unary_##name(size_t n, const float *x, float *y, float alpha, float beta)                         \
    {                                                                                                                \
        for (size_t i = 0; i < n; i++) {                                                                             \
            y[i] = (float)name##_value(x[i], alpha, beta);                                                           \
        }                                                                                                            \
    }                                                                                                                \
    void reference_unary_gradient_##name(size_t n, const float *x, const float *y, const float *dy, float *dx,       \
                                         float alpha, float beta)                                                    \
    {                                                                                                                \
        for (size_t i = 0; i < n; i++) {                                                                             \
            double derivative_here = name##_derivative(x ? x[i] : 0, y ? y[i] : 0, alpha, beta);                     \
            dx[i] = (float)(dy[i] * derivative_here);                                                                \
        }                                                                                                            \
    }
FORMULAS(DEFINE)

double reference_activation(enum unary function, double x, float alpha, float beta)
{
    static double (*const value_of[UNARY_COUNT])(double, double, double) = {
#define UNARY(name, reads, formula, derivative) [UNARY_##name] = name##_value,
#include "kernel/list.inc"
    };
    return value_of[function](x, alpha, beta);
}

#define BINARY_FORMULAS(F)        \
    F(add, a + b)                                                                                               \
    F(sub, a - b)                                                                                               \
    F(mul, a *b)                                                                                                \
    F(div, a / b)                                                                                               \
    F(max, greater(a, isnan(a) ? a : b))                                                                        \
    F(min, smaller(a, isnan(a) ? a : b))                                                                        \
    F(pow, pow(a, b))                                                                                           \
    F(prelu, a > 0 ? a : a * b)                                                                                 \
    F(less, a < b)                                                                                              \
    F(equal, a == b)

#define DEFINE_BINARY(name, value)                                                                               \
    void reference_binary_##name(size_t rows, size_t columns, struct kernel_operand p, struct kernel_operand q,  \
                                 float *y, size_t y_stride)                                                      \
    {                                                                                                            \
        for (size_t r = 0; r < rows; r++) {                                                                      \
            for (size_t c = 0; c < columns; c++) {                                                               \
                double a = p.data[r * p.row_stride + c * p.column_stride];                                       \
                double b = q.data[r * q.row_stride + c * q.column_stride];                                       \
                y[r * y_stride + c] = (float)(value);                                                            \
            }                                                                                                    \
        }                                                                                                        \
    }
BINARY_FORMULAS(DEFINE_BINARY)

/* ---- measuring --------------------------------------------------------------------------------------------------- */

void reference_peak(size_t turns, float factor, float addend, float *x)
{
    for (size_t i = 0; i < KERNEL_PEAK_CHAINS * REFERENCE_PANEL; i++) {
        double value = (double)x[i];
        for (size_t t = 0; t < turns; t++) {
            value = (double)(float)(value * (double)factor + (double)addend); /* rounded at each turn, as registers are */
        }
        x[i] = (float)value;
    }
}
