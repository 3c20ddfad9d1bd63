/* SPDX-License-Identifier: MIT */
/* CIFAR's records, parsed from bytes rather than files, so that the parser can be tested and fuzzed: one or two label
 * bytes, then 3 planes of 32 x 32. Next: cifar.c. */
#ifndef DATA_CIFAR_H
#define DATA_CIFAR_H

#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

enum {
    CIFAR_SIDE = 32,
    CIFAR_PIXELS = CIFAR_SIDE * CIFAR_SIDE,
    CIFAR_RECORD = 1 + 3 * CIFAR_PIXELS /**< bytes, of CIFAR-10 */
};

/** How a variant's records are labelled. */
struct cifar_variant {
    int label_bytes; /**< 1: CIFAR-10; 2: CIFAR-100, coarse then fine */
    int label_at;    /**< index of the label byte that is used */
    int classes;
};
extern const struct cifar_variant cifar_10, cifar_100, cifar_100_coarse;

size_t cifar_record(const struct cifar_variant *variant); /**< bytes */
/** Whether a file of `size` bytes can be of this variant. */
int cifar_check(const struct cifar_variant *variant, size_t size, struct error *error);
/** Unpacks bytes that passed cifar_check into pixels [count, 32, 32, 3] and labels [count]; E_INPUT names the first
 *  label beyond the classes. */
int cifar_unpack(const struct cifar_variant *variant, const uint8_t *bytes, size_t size, uint8_t *pixels,
                 int32_t *labels, struct error *error);

#endif
