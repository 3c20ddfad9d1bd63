/* SPDX-License-Identifier: MIT */
/* The tables that this library may have been built with. Only select.c and the files that define the tables include
   this. */
#ifndef KERNEL_SELECT_H
#define KERNEL_SELECT_H

#include "kernel/kernel.h"

extern const struct kernel_table kernel_table_reference;
extern const struct kernel_table kernel_table_sse2;
extern const struct kernel_table kernel_table_avx2;
extern const struct kernel_table kernel_table_avx512;
extern const struct kernel_table kernel_table_amx;
extern const struct kernel_table kernel_table_neon;

#endif
