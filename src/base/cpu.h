/* SPDX-License-Identifier: MIT */
/* The processor: which instruction sets it has and how many threads this process may use. */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#include <stdbool.h>
#include <stddef.h>

/** Instruction-set levels that kernels are compiled for, narrowest first. `reference` is the plain C version. */
enum cpu_level {
    CPU_REFERENCE,
    CPU_SSE2,
    CPU_AVX2,   /**< AVX2 and FMA */
    CPU_AVX512, /**< F, VL, DQ, BW */
    CPU_AMX,    /**< AVX-512 with BF16, and tiles of bfloat16 */
    CPU_NEON,
    CPU_LEVEL_COUNT
};

const char    *cpu_level_name(enum cpu_level level); /**< "avx2" */
bool           cpu_level_from_name(const char *name, enum cpu_level *level);
bool           cpu_has(enum cpu_level level); /**< usable: the processor has it, the system allows it */
enum cpu_level cpu_best_level(void);          /**< widest that this machine has */

/** Threads this process may use: affinity mask, and cgroup (v1 and v2) quota rounded up. At least 1. */
int cpu_thread_count(void);
/** Writes the processor's name into out ("AMD EPYC 7763 64-Core Processor"), "unknown" if the system does not say. */
void cpu_name(char *out, size_t size);
/** Physical memory this process may use: the smaller of RAM and cgroup limit, bytes. */
size_t cpu_memory_size(void);

#endif
