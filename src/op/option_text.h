/* SPDX-License-Identifier: MIT */
/* Operators and their options by name, as people type them: for programs that build graphs from text. Names, kinds and
 * choices come from the descriptors' attribute tables. */
#ifndef OP_OPTION_TEXT_H
#define OP_OPTION_TEXT_H

#include "op/op.h"

/** Sets and returns E_USAGE for an unknown operator name. The message names the operator that ONNX calls so, or else
 *  the one with the nearest name. */
int op_no_such(const char *name, struct error *error);
/** Sets one option from text. E_USAGE: the operator has no such option, or the text is no value of its kind. Limits are
 *  not checked (op_options_check). */
int op_option_read(const struct op *op, void *options, const char *name, const char *text, struct error *error);

#endif
