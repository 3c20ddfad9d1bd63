/* SPDX-License-Identifier: MIT */
/* Tables in text: commas, semicolons or tabs between fields, quotes as in RFC 4180, any end of line, a byte order
 * mark or none. Fields are terminated in place, within the text. Next: csv.c, then table.c, which makes samples of a
 * table. */
#ifndef DATA_CSV_H
#define DATA_CSV_H

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

enum { CSV_FIELDS = 1024 };

struct csv {
    char *at; /**< start of the text not yet read */
    char separator;
    size_t line;  /**< number of the line on which the last row began, from 1 */
    size_t lines; /**< internal: lines read so far */
    char *field[CSV_FIELDS];
    size_t count;
};

/** Begins to read a zero-terminated text, which reading modifies. The separator is whichever of ',', ';' and tab is
 *  most frequent in the first line. */
void csv_begin(struct csv *csv, char *text);
/** Reads the next row that is not empty; *there is false at the end of the text. E_INPUT: a quote that is not closed or
 *  is misplaced, or more than CSV_FIELDS fields. */
int csv_next(struct csv *csv, bool *there, struct error *error);

#endif
