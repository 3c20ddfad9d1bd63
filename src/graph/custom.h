/* SPDX-License-Identifier: MIT */
/* Operators by name: the library's own, and those that a program has registered with its context (fovea/extend.h).
 * Whoever looks for an operator that a file or a program names asks here. */
#ifndef GRAPH_CUSTOM_H
#define GRAPH_CUSTOM_H

#include "device/context.h"
#include "op/op.h"

const struct op *operator_find(const struct fov_context *context, const char *name); /**< NULL: there is none */
/** A registered one by its ONNX type and domain; NULL: there is none. */
const struct op *operator_registered(const struct fov_context *context, const char *type, const char *domain);
/** Is it one that a program has registered? */
bool operator_is_own(const struct op *op);

#endif
