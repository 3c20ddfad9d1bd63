/* SPDX-License-Identifier: MIT */
/* The sizes of a product of stacks of matrices. Private to the folder. */
#ifndef OP_MATMUL_MATMUL_H
#define OP_MATMUL_MATMUL_H

#include "op/index.h"

struct matmul_options {
    bool transpose_a, transpose_b; /**< the last two dimensions, before multiplying; not of vectors */
};

/** y [batch, rows, columns] = a' [rows, depth] b' [depth, columns] for each matrix of the stack; ': transposed if
 *  turned. */
struct matmul_size {
    fov_shape a_batch, b_batch, batch; /**< leading dimensions; batch: both, broadcast */
    int64_t   rows, depth, columns;
    bool      turn_a, turn_b;
};
/** Fills `size` for any two shapes; E_SHAPE when they cannot be multiplied. */
int matmul_size(const struct matmul_options *options, const fov_shape *a, const fov_shape *b, struct matmul_size *size,
                struct error *error);

int matmul_compile(struct op_compile *compile);

#endif
