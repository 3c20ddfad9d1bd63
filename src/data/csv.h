/* SPDX-License-Identifier: MIT */
/* Tables in text: commas, semicolons or tabs between fields, quotes as in RFC 4180, any end of line, a byte order mark
 * or none. Fields are cut out where the text lies. Next: csv.c, then table.c, which makes samples of one. */
#ifndef DATA_CSV_H
#define DATA_CSV_H

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

enum { CSV_FIELDS = 1024 };

struct csv {
    char *at; /**< what is left */
    char separator;
    size_t line;  /**< of the row that was read last, from 1 */
    size_t lines; /**< internal: read so far */
    char *field[CSV_FIELDS];
    size_t count;
};

/** Begins to read a text ended by 0, which is changed; the separator is the one of ',', ';' and tab of which its first
 *  line has most. */
void csv_begin(struct csv *csv, char *text);
/** The next row that is not empty; *there: false at the end. E_INPUT: a quote that is not closed, or misplaced, or more
 *  than CSV_FIELDS fields. */
int csv_next(struct csv *csv, bool *there, struct error *error);

#endif
