/* SPDX-License-Identifier: MIT */
/* Libraries that few programs need are opened by the first call that needs them: a program that draws nothing does not
 * load cairo and need not be linked with it (cairo, curl and archive bring fifty other libraries: 20 ms before main).
 * Their headers are needed to build fovea; CMake reads the name of the file to open from the library
 * (cmake/dependencies.cmake). Read next: report/plot.c, data/download.c and data/tar.c, which have a table of such
 * functions each. */
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
/** An entry of a table of functions: `member` of `table` will point to `function`. The compiler refuses a member of
 *  another type; sizeof does not evaluate its operand, so that the program is not linked with the library. */
#define LIBRARY_FUNCTION(table, member, function)                                                                      \
    {#function, offsetof(table, member) + 0 * sizeof(1 ? &function : ((table *)0)->member)}
// clang-format on

/** Opens the library `file` ("libcairo.so.2") and fills `table` with its `functions`; an entry without name ends the
 *  list. The library stays open until the process ends: libraries of this size leak memory when they are closed. A
 *  later call costs some microseconds. E_UNSUPPORTED, naming the package to install, if the library or a function is
 *  missing. */
int library_open(const char *file, const char *package, const struct library_function *functions, void *table,
                 struct error *error);

#endif
