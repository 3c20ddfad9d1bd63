/* SPDX-License-Identifier: MIT */
/* The two large numbers that stand for an unknown batch size while graph/constant_fold.c, to be read next, evaluates a
 * node, to see what depends on it. What is then known is marked by OP_OPEN_BATCH (op.h). */
#ifndef OP_OPEN_BATCH_H
#define OP_OPEN_BATCH_H

#include "op/op.h"

/** Two primes of 24 bits times a power of two: exact in float32, more than any size or limit of an integer type of 32
 *  bits, and none that a file would hold. Their quotients by a number differ, and so do their remainders. */
#define OP_LARGE_BATCH (8388617.0 * 0x1p27)
#define OP_OTHER_BATCH (8388623.0 * 0x1p22)

/** Whether a value is one of these, so stays as it is in every type of integers. */
static inline bool op_is_open_batch(double value)
{
    return value == OP_LARGE_BATCH || value == OP_OTHER_BATCH;
}

#endif
