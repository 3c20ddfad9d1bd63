/* SPDX-License-Identifier: MIT */
/* Which column of a table is what: the picture's path, the split, the target, numbers for inputs of a network. Columns
 * are identified by their names and content. Next: table_columns.c; table.c, which makes samples of the rows. */
#ifndef DATA_TABLE_H
#define DATA_TABLE_H

#include "data/csv.h"
#include "data/list.h"

/** The roles of a table's columns. */
struct columns {
    size_t count, path, split, label; /**< number of columns; indices of these columns, SIZE_MAX: none */
    bool has_header;
    const char *separators;                /**< between several classes in a cell; NULL: a cell is one class */
    bool is_input[CSV_FIELDS];             /**< it goes into an input of a network, and is no target */
    size_t input[CSV_FIELDS], input_count; /**< these columns, in the inputs' order */
    bool is_value[CSV_FIELDS];
};

/** A table and the folder that its paths are relative to. */
struct table {
    struct list *list;
    const char *file;
    char folder[DATA_PATH_SIZE], stem[DATA_PATH_SIZE];
    int role;                 /**< the split that its name gives, "train.csv"; LIST_WITHOUT_SPLIT */
    bool is_ordered;          /**< its columns stand in another order than those of the folder's first table */
    size_t order[CSV_FIELDS]; /**< if so: the column of this table that is each column of the first one */
};

/** Facts about a column's cells. */
struct facts {
    bool has_text; /**< a cell that is no number */
    bool has_word; /**< and does not stand for a missing one */
    bool has_fraction, has_bar, has_semicolon;
};

/** Finds the columns by the first row, which is a header if `has_header`. */
void table_read_header(struct columns *columns, const struct csv *csv, bool has_header);
void table_note_cell(struct facts *facts, const char *cell);
/** Decides from the facts of all columns what the target is, and which columns hold it. */
int table_choose_target(struct table *table, struct columns *columns, const struct facts *facts, char *const *names,
                        struct error *error);
/** Finds the columns that go into inputs of a network (list->asked). */
int table_find_inputs(struct table *table, struct columns *columns, const struct csv *header, struct error *error);
/** Finds the columns of the first table in another table, by the headers of both. */
int table_match_headers(struct table *table, const struct columns *columns, const struct csv *other,
                        const struct table *first_table, const struct columns *first_columns, const struct csv *first,
                        struct error *error);

#endif
