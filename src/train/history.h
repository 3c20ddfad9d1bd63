/* SPDX-License-Identifier: MIT */
/* The history of a run: a row for each epoch with a number for each named column. It is kept in memory and written
 * whole to history.csv each time, so that a resumed run leaves the same file as an uninterrupted one. The checkpoint
 * holds the same rows with exact bits. The caller chooses the columns, the task's figures among them. Read next:
 * plot_curves.c. */
#ifndef TRAIN_HISTORY_H
#define TRAIN_HISTORY_H

#include "base/memory.h"
#include "base/text.h"

enum { HISTORY_MOST_COLUMNS = 64, HISTORY_NAME_SIZE = 64 };

/** Initialise with zeros and .memory. The first column is "epoch", from 1. A number that was not measured is NaN in
 *  memory and an empty cell in the file. */
struct history {
    struct memory *memory;
    char    names[HISTORY_MOST_COLUMNS][HISTORY_NAME_SIZE];
    int     columns;
    double *cells; /**< [count][columns] */
    size_t  count, capacity;
};

/** Adds a column; call it before the first row is added. E_INTERNAL: too many columns, or too long a name. */
int history_column(struct history *history, const char *name, struct error *error);
/** Adds a row of NaN for the next epoch; fill it with history_set. */
int  history_add(struct history *history, struct error *error);
void history_set(struct history *history, const char *name, double value); /**< in the last row */
void history_free(struct history *history);

/** Index of the column with that name; -1: none. */
int history_find(const struct history *history, const char *name);
/** Row and column from 0. */
double history_at(const struct history *history, size_t row, int column);

/** Appends the content of history.csv. */
void history_write(const struct history *history, struct text *csv);
/** Replaces columns and rows by those of a CSV text. E_INPUT: it has no column "epoch", or a cell is no number. `file`
 *  names it in errors. */
int history_read(struct history *history, const char *csv, const char *file, struct error *error);

/** For checkpoints: the exact bits of all numbers but the epochs, as one word of hexadecimal digits. Unpacking replaces
 *  the rows of a history that has the same columns. */
void history_pack(const struct history *history, struct text *packed);
int  history_unpack(struct history *history, const char *packed, struct error *error);

/** A number as text with 9 digits and a decimal point, whatever the locale: "0.0123"; "" if it is not finite. */
enum { NUMBER_TEXT_SIZE = 40 };
const char *number_text(char out[NUMBER_TEXT_SIZE], double value);
/** The 64 bits of a double as 16 hexadecimal digits, and back. */
const char *number_bits(char out[NUMBER_TEXT_SIZE], double value);
bool number_from_bits(const char *text, double *value);

#endif
