/* SPDX-License-Identifier: MIT */
/* The choice between instruction sets, and nothing else: compiled without the flags of any set, so that this code runs
   on every machine. CMakeLists.txt defines KERNEL_HAS_*. base/cpu.h tells what the machine supports. */
#include "kernel/select.h"

const struct kernel_table *kernel_table_for(enum cpu_level level)
{
    switch (level) {
    case CPU_REFERENCE:
        return &kernel_table_reference;
#ifdef KERNEL_HAS_sse2
    case CPU_SSE2:
        return &kernel_table_sse2;
#endif
#ifdef KERNEL_HAS_avx2
    case CPU_AVX2:
        return &kernel_table_avx2;
#endif
#ifdef KERNEL_HAS_avx512
    case CPU_AVX512:
        return &kernel_table_avx512;
#endif
#ifdef KERNEL_HAS_amx
    case CPU_AMX:
        return &kernel_table_amx;
#endif
#ifdef KERNEL_HAS_neon
    case CPU_NEON:
        return &kernel_table_neon;
#endif
    default:
        return NULL;
    }
}

const struct kernel_table *kernel_table_best(void)
{
    /* enum cpu_level lists the narrowest set first; a machine supports only sets of its own family (x86 or ARM). */
    for (int level = CPU_LEVEL_COUNT - 1; level > CPU_REFERENCE; level--) {
        const struct kernel_table *table = kernel_table_for((enum cpu_level)level);
        if (table && cpu_has((enum cpu_level)level)) {
            return table;
        }
    }
    return &kernel_table_reference;
}

const char *unary_name(enum unary function)
{
    static const char *const names[UNARY_COUNT] = {
#define UNARY(name, reads, formula, derivative) #name,
#include "kernel/list.inc"
    };
    return (size_t)function < UNARY_COUNT ? names[function] : "unknown";
}

const char *binary_name(enum binary function)
{
    static const char *const names[BINARY_COUNT] = {
#define BINARY(name, formula) #name,
#include "kernel/list.inc"
    };
    return (size_t)function < BINARY_COUNT ? names[function] : "unknown";
}

enum unary_reads unary_gradient_reads(enum unary function)
{
    static const enum unary_reads reads_of[UNARY_COUNT] = {
#define UNARY(name, reads, formula, derivative) reads,
#include "kernel/list.inc"
    };
    return (size_t)function < UNARY_COUNT ? reads_of[function] : READS_X;
}

struct winograd_sizes winograd_sizes(enum winograd_form form)
{
    static const struct winograd_sizes sizes[WINOGRAD_COUNT] = {
#define WINOGRAD(name, outputs_y, taps_y, outputs_x, taps_x) \
    {{outputs_y, outputs_x}, {taps_y, taps_x}, {(outputs_y) + (taps_y) - 1, (outputs_x) + (taps_x) - 1}},
#include "kernel/list.inc"
    };
    return sizes[form];
}
