/* SPDX-License-Identifier: MIT */
/* What a machine of each instruction set does per second, for those who have not measured theirs. */
#ifndef DEVICE_RATES_H
#define DEVICE_RATES_H

#include "base/cpu.h"
#include <fovea/context.h>

/** Figures of a typical machine of that level; never NULL. */
const fov_rates *rates_default(enum cpu_level level);

#endif
