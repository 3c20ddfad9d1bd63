/* SPDX-License-Identifier: MIT */
/* Arithmetic on sizes and counts that are never negative: the smaller and larger of two, division into whole parts, and
 * products and sums that are checked for overflow. */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>

static inline size_t size_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t size_larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/** The number of parts of at most `part` that n is divided into: n / part, rounded up. n + part must not overflow. */
static inline size_t size_divide_up(size_t n, size_t part)
{
    return (n + part - 1) / part;
}

/** The least multiple of `unit` that is not less than n. n + unit must not overflow. */
static inline size_t size_round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/** For sizes that come from outside: false when the result does not fit. */
bool size_multiply(size_t a, size_t b, size_t *result);
bool size_add(size_t a, size_t b, size_t *result);

#endif
