/* SPDX-License-Identifier: MIT */
/* The number of columns that UTF-8 text takes on a terminal, and where lines may break. Chinese, Japanese and Korean
 * characters take two columns; lines may break between any two of them, except before closing and after opening
 * punctuation. It does not depend on the locale, so output into a pipe has the same lines. Tables and sentences
 * (table.h, output.h) use it. */
#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include <stddef.h>

/** Columns of the first `bytes` bytes of a text. */
int text_columns(const char *text, size_t bytes);
/** Number of bytes at the text's start, in whole characters, that fit into `width` columns. */
size_t text_fit(const char *text, int width);
/** Number of bytes up to the first place where a line may break: a blank, the end of a line or of the text, or between
 *  two characters of which one is wide. 0 where the text begins with such a blank or end. */
size_t text_piece(const char *text);

#endif
