/* SPDX-License-Identifier: MIT */
/* The textbook device: runs one operator by its definition, in double. It is the reference of the tests, the engine of
 * the gradient check, and the fallback for types for which an operator has no fast implementation. */
#ifndef DEVICE_TEXTBOOK_TEXTBOOK_H
#define DEVICE_TEXTBOOK_TEXTBOOK_H

#include "op/op.h"

/** Compiles the definition as a step, with scratch for every tensor as doubles. All tensors must be in plain order. */
int textbook_compile(const struct op *op, struct op_compile *compile);

#endif
