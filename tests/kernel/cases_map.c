/* SPDX-License-Identifier: MIT */
/* Cases of the elementwise functions: special values, the whole range of floats, every length of tail, in place. */
#include <math.h>
#include <string.h>

#include "cases.h"

enum { SAMPLES = 60000 };

/* The error bounds that list.inc promises: in ulp for the basic functions; composed functions have an absolute part,
 * too, in units of 2^-24 * max(1, |x|), since terms cancel (x + 1 near -1, 1 + erf far below zero). */
struct bound {
    double ulp, absolute;
};

static struct bound bound_of(enum unary function)
{
    switch (function) {
    case UNARY_exp:
    case UNARY_log:
        return (struct bound){2, 0};
    case UNARY_tanh:
    case UNARY_sigmoid:
    case UNARY_erf:
    case UNARY_softplus:
        return (struct bound){4, 0};
    case UNARY_sqrt:
    case UNARY_reciprocal:
    case UNARY_square:
        return (struct bound){0.5, 0};
    case UNARY_softsign:
        return (struct bound){2, 0};
    case UNARY_elu:
    case UNARY_selu:
    case UNARY_celu:
    case UNARY_swish:
    case UNARY_mish:
        return (struct bound){10, 1};
    case UNARY_gelu:
    case UNARY_gelu_tanh:
        return (struct bound){8, 4};
    case UNARY_hard_swish:
    case UNARY_hard_sigmoid:
    case UNARY_affine:
    case UNARY_leaky_relu:
        return (struct bound){2, 2};
    default:
        return (struct bound){0, 0};
    }
}

static const float specials[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1.0f, -1.0f, 0.5f, -0.5f, 1.5f, 2.5f, -2.5f,
                                 3.0f, -3.0f, 1e-45f, -1e-45f, 1e-40f, -1e-40f, 1.17549435e-38f, 3.40282347e38f,
                                 -3.40282347e38f, 8388608.0f, 8388607.5f, -8388607.5f, 2147483648.0f, 88.7f, 88.73f,
                                 89.5f, -87.0f, -88.0f, -100.0f, -103.9f, -104.5f, -200.0f, 0.625f, 0.62499f, 4.0f,
                                 16.7f, -16.7f, 0.34f, -0.3475f, 1e-4f, -1e-4f, 0.99999994f, 1.0000001f};
enum { SPECIALS = sizeof specials / sizeof specials[0] };

/* Special values, then numbers of ordinary size, then any bit pattern. */
static float *arguments(size_t n)
{
    float *x = guard_floats(n);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)random_below(1u << 31) ^ (uint32_t)(random_below(2) << 31);
        if (i < SPECIALS) {
            x[i] = specials[i];
        } else if (i % 4 != 0) {
            x[i] = random_number(REALS) * (i % 4 == 1 ? 1.0f : i % 4 == 2 ? 8.0f : 40.0f);
        } else {
            memcpy(&x[i], &bits, sizeof bits);
        }
    }
    return x;
}

/* The reference rounds to float, too, by up to half a unit: bounds are rounded up to whole units. */
static void check_unary_values(const struct kernel_table *table, enum unary function, float alpha, float beta)
{
    struct bound bound = bound_of(function);
    float *x = arguments(SAMPLES), *y = guard_floats(SAMPLES), *want = guard_floats(SAMPLES);
    table->unary[function](SAMPLES, x, y, alpha, beta);
    reference_table()->unary[function](SAMPLES, x, want, alpha, beta);
    for (size_t i = 0; i < SAMPLES; i++) {
        double slack = bound.absolute * 0x1p-24 * fmax(1.0, fabs((double)x[i]));
        bool near = fabs((double)y[i] - want[i]) <= slack;
        if (!near && !(ulps(y[i], want[i]) <= ceil(bound.ulp)) &&
            !(fabsf(want[i]) < 1.2e-38f && fabsf(y[i] - want[i]) <= 3e-45f)) {
            fail_msg("%s(%.9g; %g, %g) is %.9g, should be %.9g", unary_name(function), (double)x[i], (double)alpha,
                     (double)beta, (double)y[i], (double)want[i]);
        }
    }
}

static void check_unary_tails(const struct kernel_table *table, enum unary function, float alpha, float beta)
{
    /* every length up to more than four of the widest vectors, then two longer ones */
    for (size_t n = 0; n <= 1200; n += n < 70 ? 1 : 563) {
        float *x = guard_random(n, REALS), *y = guard_floats(n), *all = guard_floats(n);
        float *dy = guard_random(n, REALS);
        table->unary[function](n, x, all, alpha, beta);
        for (size_t i = 0; i < n; i++) { /* an element's result does not depend on its position */
            table->unary[function](1, x + i, y + i, alpha, beta);
        }
        check_equal(unary_name(function), y, all, n);
        float *dx = guard_floats(n), *in_place = guard_copy(dy, n);
        enum unary_reads reads = unary_gradient_reads(function);
        const float *only_x = reads == READS_X ? x : NULL, *only_y = reads == READS_Y ? all : NULL;
        table->unary_gradient[function](n, only_x, only_y, dy, dx, alpha, beta);
        table->unary_gradient[function](n, only_x, only_y, in_place, in_place, alpha, beta);
        check_equal("gradient in place", in_place, dx, n);
        table->unary[function](n, x, x, alpha, beta);
        check_equal("in place", x, all, n);
        guard_release_all();
    }
}

static void check_unary_gradient(const struct kernel_table *table, enum unary function, float alpha, float beta)
{
    size_t n = 5000;
    float *x = guard_random(n, REALS), *y = guard_floats(n), *dy = guard_random(n, REALS);
    for (size_t i = 0; i < n; i++) {
        x[i] = function == UNARY_log || function == UNARY_sqrt ? fabsf(x[i]) + 0.01f : x[i] * (i % 2 ? 1.0f : 6.0f);
    }
    reference_table()->unary[function](n, x, y, alpha, beta);
    float *dx = guard_floats(n), *want = guard_floats(n), *bound = guard_floats(n);
    table->unary_gradient[function](n, x, y, dy, dx, alpha, beta);
    reference_table()->unary_gradient[function](n, x, y, dy, want, alpha, beta);
    for (size_t i = 0; i < n; i++) {
        bound[i] = 16 * 0x1p-24f * fabsf(dy[i]) * (1.0f + fabsf(x[i]));
    }
    check_near(unary_name(function), dx, want, bound, 8 * 0x1p-24f, n);

    /* The derivative's formula against a central difference of the reference. Steps and corners are left out. */
    for (size_t i = 0; i < 200; i++) {
        float h = 1.0f / 256, points[2] = {x[i] - h, x[i] + h}, values[2], slope[3], ones[3] = {1, 1, 1};
        float three[3] = {x[i] - h, x[i], x[i] + h}, at[3];
        reference_table()->unary[function](2, points, values, alpha, beta);
        reference_table()->unary[function](3, three, at, alpha, beta);
        reference_table()->unary_gradient[function](3, three, at, ones, slope, alpha, beta);
        double difference = ((double)values[1] - values[0]) / ((double)points[1] - points[0]);
        bool smooth = fabs((double)slope[2] - slope[0]) < 0.05 * fmax(1.0, fabs((double)slope[1])) &&
                      function != UNARY_step && function != UNARY_sign && function != UNARY_floor &&
                      function != UNARY_ceil && function != UNARY_round && function != UNARY_thresholded_relu;
        if (smooth && !(fabs(difference - slope[1]) <= 0.02 * fmax(1.0, fabs((double)slope[1])))) {
            fail_msg("%s'(%g) is %g by its formula, %g by differences", unary_name(function), (double)x[i],
                     (double)slope[1], difference);
        }
    }
}

void case_unary(const struct kernel_table *table, enum unary function)
{
    float alpha = function == UNARY_selu ? 1.67326319f : function == UNARY_swish ? 1.0f : 0.25f;
    float beta = function == UNARY_selu ? 1.05070102f : 0.5f;
    alpha = function == UNARY_clip ? -0.5f : alpha;
    check_unary_values(table, function, alpha, beta);
    check_unary_tails(table, function, alpha, beta);
    check_unary_gradient(table, function, alpha, beta);
}

void case_binary(const struct kernel_table *table, enum binary function)
{
    double allowed = function == BINARY_pow ? 1.0 : 0.0;
    for (size_t i = 0; i < 300; i++) {
        size_t rows = RANDOM_OF(0, 1, 2, 5), columns = RANDOM_OF(0, 1, 3, 8, 16, 17, 35, 64),
               y_stride = columns + i % 3;
        size_t a_column = random_below(2), b_column = random_below(2);
        size_t a_row = RANDOM_OF(0, columns + 1), b_row = RANDOM_OF(0, columns, 1);
        size_t last_row = rows ? rows - 1 : 0, last_column = columns ? columns - 1 : 0;
        float *a = guard_random(last_row * a_row + last_column * a_column + 1, i % 3 ? REALS : INTEGERS);
        float *b = guard_random(last_row * b_row + last_column * b_column + 1, i % 3 ? REALS : INTEGERS);
        size_t n = rows && columns ? last_row * y_stride + columns : 0;
        float *y = guard_floats(n), *want = guard_floats(n);
        table->binary[function](rows, columns, (struct kernel_operand){a, a_row, a_column},
                                (struct kernel_operand){b, b_row, b_column}, y, y_stride);
        reference_table()->binary[function](rows, columns, (struct kernel_operand){a, a_row, a_column},
                                            (struct kernel_operand){b, b_row, b_column}, want, y_stride);
        for (size_t k = 0; k < n; k++) {
            if (!(ulps(y[k], want[k]) <= allowed)) {
                fail_msg("%s: element %zu is %.9g, should be %.9g", binary_name(function), k, (double)y[k],
                         (double)want[k]);
            }
        }
        guard_release_all();
    }
    /* Every special value with every other. */
    for (size_t i = 0; i < SPECIALS; i++) {
        float y[SPECIALS], want[SPECIALS];
        struct kernel_operand a = {&specials[i], 0, 0}, b = {specials, 0, 1};
        table->binary[function](1, SPECIALS, a, b, y, SPECIALS);
        reference_table()->binary[function](1, SPECIALS, a, b, want, SPECIALS);
        for (size_t k = 0; k < SPECIALS; k++) {
            bool denormal = fabsf(want[k]) < 1.2e-38f && fabsf(y[k] - want[k]) <= 3e-45f;
            if (!(ulps(y[k], want[k]) <= allowed) && !denormal) {
                fail_msg("%s(%.9g, %.9g) is %.9g, should be %.9g", binary_name(function), (double)specials[i],
                         (double)specials[k], (double)y[k], (double)want[k]);
            }
        }
    }
}

/* ---- measuring --------------------------------------------------------------------------------------------------- */

/* Each element is a chain of its own, so a wide register equals several of the reference's, one after the other. */
void case_peak(const struct kernel_table *table)
{
    const struct kernel_table *reference = reference_table();
    size_t n = KERNEL_PEAK_CHAINS * table->vector_floats, part = KERNEL_PEAK_CHAINS * reference->vector_floats;
    assert_int_equal(n % part, 0);
    for (size_t turns = 0; turns < 40; turns++) {
        /* Integers stay integers, and below 2^24: exact, fused or not. */
        float addend = random_number(INTEGERS), factor = turns % 2 ? -1.0f : 1.0f;
        float *x = guard_random(n, INTEGERS), *want = guard_copy(x, n);
        table->peak(turns, factor, addend, x);
        for (size_t i = 0; i < n; i += part) {
            reference->peak(turns, factor, addend, want + i);
        }
        check_equal("peak", x, want, n);
        guard_release_all();
    }
}
