/* SPDX-License-Identifier: MIT */
/* Aligned columns. Cells are copied; widths are columns of the screen, not bytes. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli.h"

struct table;

/** `columns`: a letter each, 'l' left, 'r' right, 'L' left and cut where the line is too long for a terminal. */
struct table *table_create(const char *columns);
/** Columns that are left out first where there is no room for all, 'a' is the first: "ge". Then from the right. */
void table_drops(struct table *table, const char *order);
void table_free(struct table *table);
/** A row of as many cells as there are columns; NULL is empty. */
void table_row(struct table *table, const char *const *cells);
void table_rule(struct table *table); /**< a line across */
/** The first row is the heading. */
void table_print(const struct table *table, struct cli *cli);

/** Text that did not come from us, in `width` columns: what is cut off is marked, what is short is filled up. */
void table_print_fitted(const struct cli *cli, FILE *out, const char *text, int width);
/** Columns of UTF-8 text. */
int table_text_width(const char *text);

#endif
