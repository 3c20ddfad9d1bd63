/* SPDX-License-Identifier: MIT */
/* Buffers that end at a page without access and begin behind a zone that must not change: a kernel that reads or writes
   one element too far crashes the test, one that writes before the buffer fails it. Also the random numbers and the
   comparisons that all kernel cases use. */
#ifndef TESTS_KERNEL_GUARD_H
#define TESTS_KERNEL_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kind of numbers a case runs on. On small integers every sum is exact, so results must be equal to the bit. */
enum numbers { INTEGERS, REALS };

/* A buffer of exactly `bytes` bytes, filled with a marker value. guard_release_all checks its zone and frees it. */
void    *guard_new(size_t bytes);
float   *guard_floats(size_t n);
float   *guard_random(size_t n, enum numbers numbers); /* filled */
float   *guard_copy(const float *x, size_t n);
double  *guard_doubles(size_t n); /* zeros */
void     guard_release_all(void);
/** A hash of the contents of all buffers when they were released, and of all checked results, since the last call.
 *  Builds by other compilers must give the same. All NaNs count as one. */
uint64_t guard_hash(void);

void     random_seed(uint64_t seed);
size_t   random_below(size_t n);                    /* 0 .. n - 1 */
size_t   random_of(const size_t *values, size_t n); /* one of them */
float    random_number(enum numbers numbers);       /* -4 .. 4, or about normal */
/* At most once among the arguments of a call: compilers evaluate arguments in different orders. */
#define RANDOM_OF(...)                                                                                     \
    random_of((const size_t[]){__VA_ARGS__}, sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t))

/* Fail unless got[i] == want[i] (or both are NaN), or within tolerance[i] + relative * |want[i]|; tolerance may be
 * NULL. */
void check_equal(const char *what, const float *got, const float *want, size_t n);
void check_near(const char *what, const float *got, const float *want, const float *tolerance, float relative,
                size_t n);
void check_bytes(const char *what, const void *got, const void *want, size_t bytes);
/* Distance of got from the real number `want` in units of the last place of the float nearest to it; 0 if both are NaN
   or the same infinity. */
double ulps(float got, double want);

#endif
