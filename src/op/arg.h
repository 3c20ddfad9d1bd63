/* SPDX-License-Identifier: MIT */
/* What arg_max and arg_min share: options, shape rule, search. They differ in one sign. */
#ifndef OP_ARG_H
#define OP_ARG_H

#include "op/common.h"

struct arg_options {
    int64_t axis;
    bool    keep_dims, select_last_index;
};

extern const struct op_port      arg_in[];
extern const struct op_port      arg_out[];
extern const struct op_attribute arg_attributes[];
extern const struct op_case      arg_cases[];

int arg_infer(const struct op_infer *infer);
/** Index of the largest sign * x along the axis, the first or last of equal ones; a NaN counts as largest. */
void arg_textbook(const struct op_textbook *textbook, double sign);

#endif
