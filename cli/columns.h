/* SPDX-License-Identifier: MIT */
/* Columns that UTF-8 text takes on a terminal, and where its lines may break. Chinese, Japanese and Korean characters take
 * two columns and part anywhere between them, but before closing and behind opening punctuation. The locale is not asked:
 * what is printed into a pipe has the same lines. Tables and sentences (table.h, output.h) are laid out by this. */
#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include <stddef.h>

/** Columns of the first `bytes` of a text. */
int text_columns(const char *text, size_t bytes);
/** Bytes of the whole characters at its start that fit into `width` columns. */
size_t text_fit(const char *text, int width);
/** Bytes up to the first place where a line may break: a blank, the end of a line or of the text, or between two
 *  characters of which one is wide. 0 where the text begins with such a blank or end. */
size_t text_piece(const char *text);

#endif
