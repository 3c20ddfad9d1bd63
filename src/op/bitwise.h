/* SPDX-License-Identifier: MIT */
/* The family of operators on the bits of integers: and, or, xor, not, shifts. Negative numbers are in two's complement.
 * Read op/bitwise_and/bitwise_and.c. */
#ifndef OP_BITWISE_H
#define OP_BITWISE_H

#include "op/binary.h"

enum bitwise { BITWISE_AND, BITWISE_OR, BITWISE_XOR, BITWISE_LEFT, BITWISE_RIGHT };

extern const struct op_case bitwise_cases[];

/** E_USAGE unless input 0 has an integer dtype. */
int bitwise_check(const struct op_infer *infer);
/** Two integer operands of one dtype that broadcast. */
int  bitwise_infer(const struct op_infer *infer);
/** And, or, xor; the shifts have a definition of their own. */
void bitwise_textbook(const struct op_textbook *textbook, enum bitwise function);
/** Works on the elements in memory, so that all 64 bits are exact; the textbook twin, in double, has only 53. */
void bitwise_run(const struct op_run *run, enum bitwise function);
int  bitwise_compile(struct op_compile *compile, op_function *run);
/** Supports any dtype: infer refuses all but integers. */
#define BITWISE_CPU(function)                                                                                          \
    {.layout = OP_FOLLOWS, .layout_for = op_layout_for_broadcast, .supports = op_any_dtype,                            \
     .compile = (function), .in_place = 1u << 0 | 1u << 1}

/** Converts an integer to its two's complement bits, sign-extended to 64; and such bits to a number of the dtype. */
uint64_t bitwise_bits(double value);
double   bitwise_value(fov_dtype dtype, uint64_t bits);

#endif
