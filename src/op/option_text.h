/* SPDX-License-Identifier: MIT */
/* Operators and their options by name, as people type them: for programs that build graphs by name. The tables in the
 * descriptors say all there is to know. */
#ifndef OP_OPTION_TEXT_H
#define OP_OPTION_TEXT_H

#include "op/op.h"

/** E_USAGE where there is no operator of that name: the nearest is named, or the one that ONNX calls so. */
int op_no_such(const char *name, struct error *error);
/** Sets one option from text. E_USAGE: the operator has none of that name, or it cannot have that value. */
int op_option_read(const struct op *op, void *options, const char *name, const char *text, struct error *error);
/** The option as a text that op_option_read takes to the same value; its length, as snprintf answers it. */
int op_option_write(const struct op_attribute *attribute, const void *options, char *text, size_t size);

#endif
