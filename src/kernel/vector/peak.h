/* SPDX-License-Identifier: MIT */
/* Multiply-adds that touch no memory: an upper bound for the speed of all other kernels. `fovea bench` divides by it.
   */
#ifndef KERNEL_VECTOR_PEAK_H
#define KERNEL_VECTOR_PEAK_H

#include "kernel/vector/repeat.h"
#include "kernel/vector/vector.h"

#define PEAK_LOAD(c) vf chain##c = load(x + c * VECTOR);
#define PEAK_STEP(c) chain##c = plus_product(a, chain##c, m);
#define PEAK_STORE(c) store(x + c * VECTOR, chain##c);

/* Chains are named variables: an array of them ends up in memory with some compilers (repeat.h). */
static void vector_peak(size_t turns, float factor, float addend, float *x)
{
    vf m = splat(factor), a = splat(addend);
    _Static_assert(KERNEL_PEAK_CHAINS == 12, "as many as are repeated here");
    ROWS_12(PEAK_LOAD)
    for (size_t i = 0; i < turns; i++) {
        ROWS_12(PEAK_STEP)
    }
    ROWS_12(PEAK_STORE)
}

#undef PEAK_LOAD
#undef PEAK_STEP
#undef PEAK_STORE

#endif
