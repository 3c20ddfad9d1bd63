/* SPDX-License-Identifier: MIT */
/* Appending to a text buffer of fixed size; all of cli/ uses this function. */
#ifndef CLI_APPEND_H
#define CLI_APPEND_H

#include <stddef.h>

#if defined(__GNUC__)
#define CLI_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define CLI_PRINTF(at, first)
#endif

/** Appends to a text of `used` bytes (without the terminating 0) in a buffer of `size` bytes; what does not fit is cut
 *  off. Returns the new length, always below `size`. (The results of snprintf must not be added up instead: they count
 *  what did not fit, too.) */
size_t append_text(char *out, size_t size, size_t used, const char *format, ...) CLI_PRINTF(4, 5);

#endif
