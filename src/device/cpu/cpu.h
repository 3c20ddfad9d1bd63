/* SPDX-License-Identifier: MIT */
/* The CPU as a device: compiles a node with concrete shapes into a step. */
#ifndef DEVICE_CPU_CPU_H
#define DEVICE_CPU_CPU_H

#include "op/op.h"

/** The storage order (layout) that the node's implementation wants for its ports that are not `plain`. */
enum op_layout_rule cpu_layout(const struct op *op, const void *options, const struct op_tensor *in, int in_count);

/** Fills `compile` with the operator's fast implementation, or with its textbook definition if there is none for these
 *  types. */
int cpu_compile(const struct op *op, struct op_compile *compile);

/** Whether the operator has a fast implementation for these types. */
bool cpu_supports(const struct op *op, const void *options, const struct op_tensor *in, int in_count);

#endif
