/* SPDX-License-Identifier: MIT */
/* The two numbers that stand for an unknown batch size among known values: OP_OPEN_BATCH (op.h), and the one with which
 * graph/known.c evaluates a node again, to see what depends on it. Next: graph/known.c. */
#ifndef OP_OPEN_BATCH_H
#define OP_OPEN_BATCH_H

#include "op/op.h"

/** Exact in float32, more than any size or limit of an integer type of 32 bits, and of the factors that it and its
 *  distance to OP_OPEN_BATCH have only the powers of two are small: quotients differ, and so do remainders by odd
 *  numbers. */
#define OP_OTHER_BATCH (8388623.0 * 0x1p22)

/** Whether a value is a batch size that is not known yet. */
static inline bool op_is_open_batch(double value)
{
    return value == OP_OPEN_BATCH || value == OP_OTHER_BATCH;
}

#endif
