/* SPDX-License-Identifier: MIT */
/* Tables of aligned columns. Cells are copied; widths are columns of the screen, not bytes. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli.h"

struct table;

/** `columns`: a letter per column: 'l' left, 'r' right, 'L' left and cut where the line is too long for a terminal. */
struct table *table_create(const char *columns);
/** Columns to leave out first on a narrow terminal, in this order, 'a' being the first column: "ge". Then columns are
 *  left out from the right. */
void table_drops(struct table *table, const char *order);
void table_free(struct table *table);
/** A row of as many cells as there are columns; NULL is empty. */
void table_row(struct table *table, const char *const *cells);
void table_rule(struct table *table); /**< a line across */
/** The first row is the heading. */
void table_print(const struct table *table, struct cli *cli);

/** Prints text from outside, made safe, in exactly `width` columns: cut with a mark, or padded with blanks. */
void table_print_fitted(const struct cli *cli, FILE *out, const char *text, int width);
/** Columns of UTF-8 text. */
int table_text_width(const char *text);

#endif
