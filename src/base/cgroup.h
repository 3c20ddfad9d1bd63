/* SPDX-License-Identifier: MIT */
/* What a container allows: processor time and memory, from control groups version 2 and 1. The paths are arguments so
 * that a test can show made-up ones; cpu.c passes the real ones. */
#ifndef BASE_CGROUP_H
#define BASE_CGROUP_H

#include <stddef.h>

#define CGROUP_SELF "/proc/self/cgroup"
#define CGROUP_MOUNT "/sys/fs/cgroup"

/** Processors' worth of time (1.5 = one and a half), the least of this group and those above it; 0 = no limit. */
double cgroup_processors(const char *self, const char *mount);
/** Bytes, in the same way; 0 = no limit. */
size_t cgroup_memory(const char *self, const char *mount);

#endif
