/* SPDX-License-Identifier: MIT */
/* The family of operators on the bits of whole numbers: and, or, xor, not. Negative numbers are what two's complement
 * makes of them. Read op/bitwise_and/bitwise_and.c. */
#ifndef OP_BITWISE_H
#define OP_BITWISE_H

#include "op/binary.h"

enum bitwise { BITWISE_AND, BITWISE_OR, BITWISE_XOR };

extern const struct op_case bitwise_cases[];

/** E_USAGE unless input 0 is of whole numbers. */
int bitwise_check(const struct op_infer *infer);
/** Two operands that broadcast, of one dtype. */
int  bitwise_infer(const struct op_infer *infer);
void bitwise_textbook(const struct op_textbook *textbook, enum bitwise function);
/** Exact for all 64 bits, which doubles are not: works on the elements as they lie in memory. */
void bitwise_run(const struct op_run *run, enum bitwise function);
int  bitwise_compile(struct op_compile *compile, op_function *run);
bool bitwise_supports(const void *options, const struct op_tensor *in, int in_count);
#define BITWISE_CPU(function)                                                                                          \
    {.layout = OP_FOLLOWS, .layout_for = op_layout_for_broadcast, .supports = bitwise_supports,                        \
     .compile = (function), .in_place = 1u << 0 | 1u << 1}

/** A whole number's bits, with the sign in front as far as 64 bits go; and the number of a dtype that bits mean. */
uint64_t bitwise_bits(double value);
double   bitwise_value(fov_dtype dtype, uint64_t bits);

#endif
