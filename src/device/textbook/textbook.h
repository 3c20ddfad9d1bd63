/* SPDX-License-Identifier: MIT */
/* The textbook device: runs one operator by its definition, in double. It is the oracle of the tests, the engine of the
 * gradient check, and what runs in place of an operator that has no fast form for a type. */
#ifndef DEVICE_TEXTBOOK_TEXTBOOK_H
#define DEVICE_TEXTBOOK_TEXTBOOK_H

#include "op/op.h"

/** Asks a plan for what the definition needs to run as a step: scratch for every tensor as doubles. All tensors must be
 *  in plain order. */
int textbook_compile(const struct op *op, struct op_compile *compile);

#endif
