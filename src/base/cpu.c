/* SPDX-License-Identifier: MIT */
/* Asks the processor and the system which resources this process has. This file is compiled for the baseline
 * instruction set, so that it runs before the processor's is known. FOVEA_ISA is not read here: forcing a level is the
 * context's choice. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "base/cpu.h"
#include "base/cgroup.h"
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/syscall.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#include <xmmintrin.h>
#endif

static const char *const level_names[CPU_LEVEL_COUNT] = {"reference", "sse2", "avx2", "avx512", "amx", "neon"};

const char *cpu_level_name(enum cpu_level level)
{
    return (unsigned)level < CPU_LEVEL_COUNT ? level_names[level] : "unknown";
}

bool cpu_level_from_name(const char *name, enum cpu_level *level)
{
    for (int i = 0; i < CPU_LEVEL_COUNT; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum cpu_level)i;
            return true;
        }
    }
    return false;
}

/* ---- instruction sets ------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)

/* Which register files the system saves when it switches threads (XCR0). A processor may have AVX-512 that the system
 * or a virtual machine does not offer; using it would fault. */
static uint64_t cpu_saved_registers(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) { /* OSXSAVE */
        return 0;
    }
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Tiles are eight kilobytes of registers, which Linux saves only for processes that ask for them (5.16 and later). */
static bool cpu_lends_tiles(void)
{
#if defined(__linux__) && defined(SYS_arch_prctl)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return false;
#endif
}

bool cpu_has(enum cpu_level level)
{
    unsigned a, b, c, d, b7 = 0, c7 = 0, d7 = 0, a71 = 0;
    if (level == CPU_REFERENCE || level == CPU_SSE2) {
        return true; /* SSE2 is part of x86-64 */
    }
    if ((level != CPU_AVX2 && level != CPU_AVX512 && level != CPU_AMX) || !__get_cpuid(1, &a, &b, &c, &d) ||
        !__get_cpuid_count(7, 0, &a, &b7, &c7, &d7)) {
        return false;
    }
    uint64_t saved = cpu_saved_registers();
    bool     avx2 = (saved & 0x6) == 0x6 && (c >> 28 & 1) && (c >> 12 & 1) && (b7 >> 5 & 1); /* AVX, FMA, AVX2 */
    if (level == CPU_AVX2) {
        return avx2;
    }
    /* F, DQ, BW, VL; the system saves masks and the upper halves of all 32 registers. */
    bool avx512 = avx2 && (saved & 0xe6) == 0xe6 && (b7 >> 16 & 1) && (b7 >> 17 & 1) && (b7 >> 30 & 1) &&
                  (b7 >> 31 & 1);
    if (level == CPU_AVX512) {
        return avx512;
    }
    /* Tiles, and products of bfloat16 on tiles and on registers; the system saves the tiles and their shapes. */
    return avx512 && (saved & 0x60000) == 0x60000 && (d7 >> 24 & 1) && (d7 >> 22 & 1) &&
           __get_cpuid_count(7, 1, &a71, &b, &c, &d) && (a71 >> 5 & 1) && cpu_lends_tiles();
}

#else

bool cpu_has(enum cpu_level level)
{
#if defined(__aarch64__)
    return level == CPU_REFERENCE || level == CPU_NEON; /* NEON is part of AArch64 */
#else
    return level == CPU_REFERENCE;
#endif
}

#endif

enum cpu_level cpu_best_level(void)
{
    for (int level = CPU_LEVEL_COUNT - 1; level > CPU_REFERENCE; level--) {
        if (cpu_has((enum cpu_level)level)) {
            return (enum cpu_level)level;
        }
    }
    return CPU_REFERENCE;
}

/* ---- processors and memory of this process ---------------------------------------------------------------------- */

int cpu_thread_count(void)
{
    int count = 0;
#if defined(__linux__)
    cpu_set_t sets[16]; /* 16384 processors: one set of 1024 is too small for the largest machines */
    if (sched_getaffinity(0, sizeof sets, sets) == 0) {
        count = CPU_COUNT_S(sizeof sets, sets);
    }
#endif
    if (count < 1) {
        count = (int)sysconf(_SC_NPROCESSORS_ONLN);
    }
    double quota = cgroup_processors(CGROUP_SELF, CGROUP_MOUNT);
    if (quota > 0 && ceil(quota) < count) {
        count = (int)ceil(quota);
    }
    return count < 1 ? 1 : count;
}

size_t cpu_memory_size(void)
{
    long   pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t bytes = pages > 0 && page > 0 ? (size_t)pages * (size_t)page : 0;
    size_t limit = cgroup_memory(CGROUP_SELF, CGROUP_MOUNT);
    return limit > 0 && (bytes == 0 || limit < bytes) ? limit : bytes;
}

/* ---- its name --------------------------------------------------------------------------------------------------- */

/* The brand string of CPUID leaves 0x80000002 to 4, 16 characters each. */
static bool cpu_brand(char brand[49])
{
#if defined(__x86_64__)
    for (unsigned part = 0; part < 3; part++) {
        unsigned words[4];
        if (!__get_cpuid(0x80000002U + part, &words[0], &words[1], &words[2], &words[3])) {
            return false;
        }
        memcpy(brand + sizeof words * part, words, sizeof words);
    }
    brand[48] = '\0';
    return brand[strspn(brand, " ")] != '\0';
#else
    (void)brand;
    return false;
#endif
}

void cpu_name(char *out, size_t size)
{
    char        brand[256] = "";
    const char *name = brand;
    if (!cpu_brand(brand)) {
        FILE *file = fopen("/proc/cpuinfo", "re");
        name = "";
        while (file != NULL && *name == '\0' && fgets(brand, sizeof brand, file) != NULL) {
            const char *colon = strchr(brand, ':');
            if (colon != NULL && (strncmp(brand, "model name", 10) == 0 || strncmp(brand, "Model", 5) == 0)) {
                name = colon + 1;
            }
        }
        if (file != NULL) {
            fclose(file);
        }
    }
    /* Runs of blanks become one: vendors pad their names. */
    size_t length = 0;
    for (; *name != '\0' && length + 1 < size; name++) {
        bool blank = *name == ' ' || *name == '\t' || *name == '\n';
        if (!blank || (length > 0 && out[length - 1] != ' ')) {
            out[length++] = blank ? ' ' : *name;
        }
    }
    while (length > 0 && out[length - 1] == ' ') {
        length--;
    }
    if (size > 0) {
        out[length] = '\0';
        if (length == 0) {
            snprintf(out, size, "unknown");
        }
    }
}
