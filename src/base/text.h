/* SPDX-License-Identifier: MIT */
/* Strings: a growing buffer, suggestions for misspelt names, escaping of untrusted text. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/error.h"
#include "base/memory.h"
#include <stdbool.h>
#include <stddef.h>

/** A growing, always terminated string. Zero the struct, set .memory, use it, call text_free. After a failed growth it
 *  keeps its content, `failed` is set and later additions do nothing, so that `failed` need only be checked once, at
 *  the end. */
struct text {
    struct memory *memory;
    char          *data; /**< NULL while empty */
    size_t         length, capacity;
    bool           failed;
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_bytes(struct text *text, const char *bytes, size_t count);
const char *text_string(const struct text *text); /**< never NULL */
void        text_free(struct text *text);

/** Adds `string` as a JSON string with its quotes; bytes that are not valid UTF-8 become U+FFFD. */
void text_add_json(struct text *text, const char *string);

/** Appends to a text in a buffer of fixed size, `used` bytes of which are taken (without the terminating 0); what does
 *  not fit is cut off. Returns the bytes taken now, always less than `size`, so that calls can follow one another
 *  unchecked. Use it instead of snprintf, which returns the length that it would have written. */
size_t text_append(char *out, size_t size, size_t used, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Writes `source` into `out` with control characters, invalid UTF-8, quotes and backslashes escaped (\n, \x1b, \"),
 *  so that it can stand between quotes; cuts with "..." where it does not fit. Returns out. */
char *text_escape(char *out, size_t size, const char *source);
/** The same but leaves quotes and backslashes alone: for whole sentences. Doing it twice changes nothing more. */
char *text_clean(char *out, size_t size, const char *source);

/** The nearest of `count` names by edit distance, for "did you mean"; NULL if none is near enough.
 *  `name_at(list, i)` returns the i-th name, or NULL to skip it. */
const char *text_nearest(const char *wanted, const void *list, size_t count,
                         const char *(*name_at)(const void *list, size_t index));

/** Shell-like pattern with * and ?: for parameter names (--freeze "features.*"). */
bool text_matches(const char *pattern, const char *name);

/** Writes "1,234,567" into out; returns out. */
char *text_thousands(char *out, size_t size, long long value);
/** Writes "1.5 MiB" into out; returns out. */
char *text_bytes(char *out, size_t size, size_t bytes);

/** Reads a decimal integer; false if `text` holds anything else, or it is out of range. Locale-independent. */
bool text_to_integer(const char *text, long long minimum, long long maximum, long long *value);
/** The same for a finite decimal number, with an optional fraction and exponent. */
bool text_to_number(const char *text, double *value);

#endif
