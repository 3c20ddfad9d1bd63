/* SPDX-License-Identifier: MIT */
/* Libraries that few programs need, opened by the first call that does: whoever draws nothing waits for no cairo and need
 * not be linked with it (cairo, curl and archive bring fifty other libraries: 20 ms before main). Their headers are there
 * when fovea is built; which file is opened, CMake has read from the library (cmake/dependencies.cmake).
 * Read next: report/plot.c, data/download.c and data/tar.c, which have a table of such functions each. */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include "base/error.h"
#include <stddef.h>

/** A function of a library, and where its address goes in a table of pointers. */
struct library_function {
    const char *name;
    size_t offset; /**< of its pointer in the table, bytes */
};

// clang-format off
/** A line of a table of functions: `member` of `struct` table is to point to `function`. The compiler refuses a member of
 *  another type; sizeof computes nothing, so that nothing is linked with the library. */
#define LIBRARY_FUNCTION(table, member, function)                                                                      \
    {#function, offsetof(table, member) + 0 * sizeof(1 ? &function : ((table *)0)->member)}
// clang-format on

/** Opens the library `file` ("libcairo.so.2") and fills `table` with its `functions`, of which the last has no name. It
 *  stays open while the process lives: libraries of this size leave memory behind when they are closed. A later call costs
 *  some microseconds. E_UNSUPPORTED, with the package that brings it, where it is not on this machine. */
int library_open(const char *file, const char *package, const struct library_function *functions, void *table,
                 struct error *error);

#endif
