/* SPDX-License-Identifier: MIT */
/* Derivatives, one line per function of kernel/list.inc, as the table there states them. `v` is x or y, whichever the
 * gradient reads. For a new function in the list, -Wswitch reports the two lines that are missing here. */
#include "op/activation_gradient/derivative.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

static double sigmoid(double x)
{
    double e = exp(-fabs(x));
    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

static double softplus(double x)
{
    return (x < 0 ? 0 : x) + log1p(exp(-fabs(x)));
}

/* Density of the standard normal distribution. */
static double normal_density(double x)
{
    return exp(-x * x / 2) / sqrt(2 * PI);
}

/* The cumulative distribution function of the standard normal distribution. */
static double normal_share(double x)
{
    return (1 + erf(x / sqrt(2))) / 2;
}

/* gelu_tanh's argument u(x) = k (x + c x^3) and its derivatives. */
static const double GELU_C = 0.044715;
static double gelu_argument(double x, double *first, double *second)
{
    double k = sqrt(2 / PI);
    *first = k * (1 + 3 * GELU_C * x * x);
    *second = 6 * k * GELU_C * x;
    return k * (x + GELU_C * x * x * x);
}

double derivative(enum unary function, double v, double alpha, double beta)
{
    switch (function) {
    case UNARY_identity:
        return 1;
    case UNARY_relu:
        return v > 0;
    case UNARY_leaky_relu:
        return v > 0 ? 1 : alpha;
    case UNARY_thresholded_relu:
        return v > alpha;
    case UNARY_clip:
        return v >= alpha && v <= beta;
    case UNARY_sigmoid:
        return v * (1 - v);
    case UNARY_tanh:
        return 1 - v * v;
    case UNARY_softplus:
        return sigmoid(v);
    case UNARY_softsign:
        return 1 / ((1 + fabs(v)) * (1 + fabs(v)));
    case UNARY_elu:
        return v > 0 ? 1 : v + alpha;
    case UNARY_selu:
        return v > 0 ? beta : v + alpha * beta;
    case UNARY_celu:
        return v > 0 ? 1 : v / alpha + 1;
    case UNARY_gelu:
        return normal_share(v) + v * normal_density(v);
    case UNARY_gelu_tanh: {
        double u1, u2, t = tanh(gelu_argument(v, &u1, &u2));
        return (1 + t) / 2 + v / 2 * (1 - t * t) * u1;
    }
    case UNARY_swish: {
        double s = sigmoid(alpha * v);
        return s + alpha * v * s * (1 - s);
    }
    case UNARY_mish: {
        double t = tanh(softplus(v));
        return t + v * sigmoid(v) * (1 - t * t);
    }
    case UNARY_hard_sigmoid:
        return v > 0 && v < 1 ? alpha : 0;
    case UNARY_hard_swish:
        return v < -3 ? 0 : v <= 3 ? v / 3 + 0.5 : 1;
    case UNARY_exp:
        return v;
    case UNARY_log:
        return 1 / v;
    case UNARY_sqrt:
        return 1 / (2 * v);
    case UNARY_reciprocal:
        return -v * v;
    case UNARY_square:
        return 2 * v;
    case UNARY_abs:
        return v > 0 ? 1 : v < 0 ? -1 : v;
    case UNARY_neg:
        return -1;
    case UNARY_affine:
        return alpha;
    case UNARY_erf:
        return 2 / sqrt(PI) * exp(-v * v);
    case UNARY_sign:
    case UNARY_step:
    case UNARY_floor:
    case UNARY_ceil:
    case UNARY_round:
    case UNARY_COUNT:
        return 0;
    }
    return 0;
}

bool derivative_is_piecewise_constant(enum unary function)
{
    switch (function) {
    case UNARY_identity:
    case UNARY_relu:
    case UNARY_leaky_relu:
    case UNARY_thresholded_relu:
    case UNARY_clip:
    case UNARY_hard_sigmoid:
    case UNARY_abs:
    case UNARY_neg:
    case UNARY_affine:
    case UNARY_sign:
    case UNARY_step:
    case UNARY_floor:
    case UNARY_ceil:
    case UNARY_round:
        return true;
    default:
        return false;
    }
}

double derivative_slope(enum unary function, double v, double alpha, double beta)
{
    (void)beta;
    switch (function) {
    case UNARY_sigmoid:
        return 1 - 2 * v;
    case UNARY_tanh:
        return -2 * v;
    case UNARY_softplus: {
        double s = sigmoid(v);
        return s * (1 - s);
    }
    case UNARY_softsign: {
        double d = 1 + fabs(v);
        return (v > 0 ? -2 : v < 0 ? 2 : 0) / (d * d * d);
    }
    case UNARY_elu:
    case UNARY_selu:
        return v > 0 ? 0 : 1;
    case UNARY_celu:
        return v > 0 ? 0 : 1 / alpha;
    case UNARY_gelu:
        return normal_density(v) * (2 - v * v);
    case UNARY_gelu_tanh: {
        double u1, u2, t = tanh(gelu_argument(v, &u1, &u2)), q = 1 - t * t;
        return q * u1 + v / 2 * (q * u2 - 2 * t * q * u1 * u1);
    }
    case UNARY_swish: {
        double s = sigmoid(alpha * v), q = s * (1 - s);
        return 2 * alpha * q + alpha * alpha * v * q * (1 - 2 * s);
    }
    case UNARY_mish: {
        double s = sigmoid(v), t = tanh(softplus(v)), q = 1 - t * t;
        double t1 = q * s, t2 = q * s * (1 - s) - 2 * t * q * s * s; /* t' and t'' by v */
        return 2 * t1 + v * t2;
    }
    case UNARY_hard_swish:
        return v < -3 || v > 3 ? 0 : 1.0 / 3;
    case UNARY_exp:
        return 1;
    case UNARY_log:
        return -1 / (v * v);
    case UNARY_sqrt:
        return -1 / (2 * v * v);
    case UNARY_reciprocal:
        return -2 * v;
    case UNARY_square:
        return 2;
    case UNARY_erf:
        return -4 * v / sqrt(PI) * exp(-v * v);
    case UNARY_identity:
    case UNARY_relu:
    case UNARY_leaky_relu:
    case UNARY_thresholded_relu:
    case UNARY_clip:
    case UNARY_hard_sigmoid:
    case UNARY_abs:
    case UNARY_neg:
    case UNARY_affine:
    case UNARY_sign:
    case UNARY_step:
    case UNARY_floor:
    case UNARY_ceil:
    case UNARY_round:
    case UNARY_COUNT:
        return 0;
    }
    return 0;
}
