/* SPDX-License-Identifier: MIT */
/* The family of operators that give the same elements another shape: flatten, reshape, squeeze, unsqueeze. Each has only
 * its rule for that shape; a plan computes nothing for them where the input is in plain order. Read op/flatten/. */
#ifndef OP_VIEW_H
#define OP_VIEW_H

#include "op/op.h"

extern const struct op_cpu view_cpu;

void view_textbook(const struct op_textbook *textbook);
/** The output's gradient in the input's shape. */
void view_gradient(struct op_gradient *gradient);

#endif
