/* SPDX-License-Identifier: MIT */
/* The check that gradients share: the gradient that comes in has the shape and type of the forward operator's result,
 * which the forward operator's own shape rule says. */
#ifndef OP_FORWARD_H
#define OP_FORWARD_H

#include "op/op.h"

/** Runs the shape rule `forward`, with the options of `infer`, on inputs ports[0 .. count - 1] of `infer` (-1: absent).
 *  Returns its error, or E_SHAPE or E_USAGE unless input `dy` has shape and type of output 0. */
int op_check_result(const struct op_infer *infer, int dy, int (*forward)(const struct op_infer *infer),
                    const int *ports, int count);

#endif
