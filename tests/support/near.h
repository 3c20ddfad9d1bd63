/* SPDX-License-Identifier: MIT */
/* When a number is near enough to the right one: the comparison of all tests that compare within a tolerance. A
 * tolerance that grows with the right value must not become infinite where that value is, or any number would pass. */
#ifndef TESTS_SUPPORT_NEAR_H
#define TESTS_SUPPORT_NEAR_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/** Whether `got` may stand for `wanted`: NaN for NaN, an infinity only for the same infinity, and a finite number for
 *  one at most `allowed` away. */
static inline bool is_near(double got, double wanted, double allowed)
{
    if (isnan(wanted)) {
        return isnan(got);
    }
    return got == wanted || (isfinite(got) && isfinite(wanted) && fabs(got - wanted) <= allowed);
}

/** The greatest magnitude among the finite numbers; 0 if there are none. */
static inline double greatest_finite(const double *x, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        most = isfinite(x[i]) ? fmax(most, fabs(x[i])) : most;
    }
    return most;
}

/** What a whole tensor's elements are allowed: the sum of three parts. */
struct near_bound {
    double relative; /**< of the element */
    double share;    /**< of the tensor's greatest finite element */
    double absolute;
};

/** The first element that is not near the right one; `count`: there is none. */
static inline size_t first_not_near(const double *got, const double *wanted, size_t count, struct near_bound bound)
{
    double fixed = bound.share * greatest_finite(wanted, count) + bound.absolute;
    size_t i = 0;
    while (i < count && is_near(got[i], wanted[i], bound.relative * fabs(wanted[i]) + fixed)) {
        i++;
    }
    return i;
}

#endif
