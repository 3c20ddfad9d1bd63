/* SPDX-License-Identifier: MIT */
/* Default rates for one thread, in the units of `fovea bench --tune`. Measured on Sapphire Rapids: products of AVX-512
 * and on tiles (AMX), and memory; transforms of AVX-512 and AVX2 follow from timings of the kernels there. AVX2's
 * products and memory are those of a Zen 3. The other levels are estimates. A choice depends only on ratios of the
 * rates. */
#include "device/rates.h"

static const fov_rates of_level[CPU_LEVEL_COUNT] = {
    [CPU_REFERENCE] = {.products = 1e9, .transform = 4e9, .memory = 10e9, .wake = 1e-6},
    [CPU_SSE2]      = {.products = 16e9, .transform = 30e9, .memory = 12e9, .wake = 1e-6},
    [CPU_AVX2]      = {.products = 48e9, .transform = 55e9, .memory = 15e9, .wake = 1e-6},
    [CPU_AVX512]    = {.products = 88e9, .transform = 65e9, .memory = 13e9, .wake = 1e-6},
    [CPU_AMX]       = {.products = 136e9, .transform = 65e9, .memory = 13e9, .wake = 1e-6},
    [CPU_NEON]      = {.products = 16e9, .transform = 30e9, .memory = 12e9, .wake = 1e-6},
};

const fov_rates *rates_default(enum cpu_level level)
{
    return &of_level[level];
}
