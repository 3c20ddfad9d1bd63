/* SPDX-License-Identifier: MIT */
/* Sums over all axes but one: private to the folder. */
#ifndef OP_SUM_CHANNELS_SUM_CHANNELS_H
#define OP_SUM_CHANNELS_SUM_CHANNELS_H

#include "op/common.h"

int sum_columns_compile(struct op_compile *compile);

#endif
