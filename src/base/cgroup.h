/* SPDX-License-Identifier: MIT */
/* A container's limits of processor time and memory, from control groups version 2 and 1. The paths are arguments so
 * that a test can pass files of its own; cpu.c passes the real ones. */
#ifndef BASE_CGROUP_H
#define BASE_CGROUP_H

#include <stddef.h>

#define CGROUP_SELF "/proc/self/cgroup"
#define CGROUP_MOUNT "/sys/fs/cgroup"

/** Limit of processor time, in processors (1.5 = one and a half): the least of this group and those above; 0 = none. */
double cgroup_processors(const char *self, const char *mount);
/** Limit of memory in bytes, in the same way; 0 = none. */
size_t cgroup_memory(const char *self, const char *mount);

#endif
