/* SPDX-License-Identifier: MIT */
/* Operators by name: the library's own, and those that a program has registered with its context (fovea/extend.h). All
 * code that looks up an operator named by a file or a program calls these functions. */
#ifndef GRAPH_CUSTOM_H
#define GRAPH_CUSTOM_H

#include "device/context.h"
#include "op/op.h"

const struct op *operator_find(const struct fov_context *context, const char *name); /**< NULL: there is none */
/** A registered one by its ONNX type and domain; NULL: there is none. */
const struct op *operator_registered(const struct fov_context *context, const char *type, const char *domain);
/** Whether a program has registered it, in contrast to the library's operators. */
bool operator_is_own(const struct op *op);

#endif
