/* SPDX-License-Identifier: MIT */
/* The one way to add to a text in a room of fixed size. */
#ifndef CLI_APPEND_H
#define CLI_APPEND_H

#include <stddef.h>

#if defined(__GNUC__)
#define CLI_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define CLI_PRINTF(at, first)
#endif

/** Adds to a text in a room of fixed size, `used` bytes of which are taken (without the terminating 0); what does not
 *  fit is cut off. Answers how many are taken now: always below `size`. Never by adding up what snprintf answers: that
 *  is what it would have written. */
size_t append_text(char *out, size_t size, size_t used, const char *format, ...) CLI_PRINTF(4, 5);

#endif
