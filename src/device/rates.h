/* SPDX-License-Identifier: MIT */
/* Default rates of a machine per instruction set, for contexts without measured ones (fov_context_set_rates). */
#ifndef DEVICE_RATES_H
#define DEVICE_RATES_H

#include "base/cpu.h"
#include <fovea/context.h>

/** The rates of a typical machine of that level; never NULL. */
const fov_rates *rates_default(enum cpu_level level);

#endif
