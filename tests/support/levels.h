/* SPDX-License-Identifier: MIT */
/* The ISA levels on which a test can run here: those that this machine and this build have. */
#ifndef TESTS_SUPPORT_LEVELS_H
#define TESTS_SUPPORT_LEVELS_H

#include "base/cpu.h"
#include "kernel/kernel.h"

static inline bool level_is_here(enum cpu_level level)
{
    return kernel_table_for(level) != NULL && cpu_has(level);
}

/** Their names, reference first; returns how many there are. */
static inline int levels_here(const char *names[CPU_LEVEL_COUNT])
{
    int count = 0;
    for (int level = CPU_REFERENCE; level < CPU_LEVEL_COUNT; level++) {
        if (level_is_here((enum cpu_level)level)) {
            names[count++] = cpu_level_name((enum cpu_level)level);
        }
    }
    return count;
}

#endif
