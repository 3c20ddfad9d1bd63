/* SPDX-License-Identifier: MIT */
/* UTF-8, a character at a time. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Returns the length of the sequence at `s` and stores its code point; 0 if it is not valid (RFC 3629: no overlong
 *  forms, no surrogates, nothing above U+10FFFF). Never reads beyond the terminator, which is no continuation byte. */
size_t utf8_decode(const char *s, uint32_t *point);
/** Writes the sequence of a code point, which must be valid, without a terminator; returns its length. */
size_t utf8_encode(uint32_t point, char out[4]);
bool   utf8_is_valid(const char *string);
/** Writes as many whole characters of `string` as fit in `size` bytes with the terminator, each byte that belongs to
 *  none as U+FFFD. A last character that `string` itself has only in part is left out. Returns out. */
char  *utf8_cut(char *out, size_t size, const char *string);

#endif
