/* SPDX-License-Identifier: MIT */
/* What `fovea bench --tune` measures with one thread, on the machines fovea was written on: Zen 3 for AVX2, Sapphire Rapids
 * for AVX-512 and for the levels below it. Only their proportions matter to a choice. */
#include "device/rates.h"

static const fov_rates of_level[CPU_LEVEL_COUNT] = {
    [CPU_REFERENCE] = {.products = 1e9, .transform = 4e9, .memory = 10e9, .wake = 1e-6},
    [CPU_SSE2]      = {.products = 16e9, .transform = 30e9, .memory = 12e9, .wake = 1e-6},
    [CPU_AVX2]      = {.products = 48e9, .transform = 55e9, .memory = 15e9, .wake = 1e-6},
    [CPU_AVX512]    = {.products = 88e9, .transform = 65e9, .memory = 13e9, .wake = 1e-6},
    [CPU_NEON]      = {.products = 16e9, .transform = 30e9, .memory = 12e9, .wake = 1e-6},
};

const fov_rates *rates_default(enum cpu_level level)
{
    return &of_level[level];
}
