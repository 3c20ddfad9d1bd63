/* SPDX-License-Identifier: MIT */
/* One case per kernel of list.inc: a function that compares a table's kernel with the reference version. The
   declarations come from the list, so a kernel without a case does not link. */
#ifndef TESTS_KERNEL_CASES_H
#define TESTS_KERNEL_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guard.h"
#include "kernel/kernel.h"

#define KERNEL(result, name, parameters) void case_##name(const struct kernel_table *table);
#include "kernel/list.inc"

/* All unary functions share one case, and so do all binary ones: special arguments, every length of tail. */
void case_unary(const struct kernel_table *table, enum unary function);
void case_binary(const struct kernel_table *table, enum binary function);

/* The table that cases compare with. */
static inline const struct kernel_table *reference_table(void)
{
    return kernel_table_for(CPU_REFERENCE);
}

#endif
