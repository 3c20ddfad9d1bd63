/* SPDX-License-Identifier: MIT */
/* CIFAR-10's records as bytes, apart from files, so that they can be tested and fuzzed. Next: cifar.c. */
#ifndef DATA_CIFAR_H
#define DATA_CIFAR_H

#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

enum { CIFAR_SIDE = 32, CIFAR_PIXELS = CIFAR_SIDE * CIFAR_SIDE, CIFAR_RECORD = 1 + 3 * CIFAR_PIXELS };

/** Whether a file of `size` bytes can be CIFAR-10. */
int cifar_check(size_t size, struct error *error);
/** Checked bytes to pixels [count, 32, 32, 3] and labels [count]; E_INPUT names the first label beyond the classes. */
int cifar_unpack(const uint8_t *bytes, size_t size, uint8_t *pixels, int32_t *labels, struct error *error);

#endif
