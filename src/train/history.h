/* SPDX-License-Identifier: MIT */
/* The run's curve: a row per epoch with a number for each named column, kept in memory, written whole to history.csv
 * each time, so that the file of a resumed run is that of an uninterrupted one. The checkpoint carries the same rows
 * with exact bits. Which columns there are is said by who trains: the task's figures are among them. Read next:
 * plot_curves.c. */
#ifndef TRAIN_HISTORY_H
#define TRAIN_HISTORY_H

#include "base/memory.h"
#include "base/text.h"

enum { HISTORY_MOST_COLUMNS = 64, HISTORY_NAME_SIZE = 64 };

/** Zero it and set memory. The first column is "epoch", from 1. A number that was not measured is NaN, in the file an
 *  empty cell. */
struct history {
    struct memory *memory;
    char    names[HISTORY_MOST_COLUMNS][HISTORY_NAME_SIZE];
    int     columns;
    double *cells; /**< [count][columns] */
    size_t  count, capacity;
};

/** Adds a column; to be called before the first row. E_INTERNAL beyond the limit. */
int history_column(struct history *history, const char *name, struct error *error);
/** Adds a row of NaN whose epoch is the next one; fill it with history_set. */
int  history_add(struct history *history, struct error *error);
void history_set(struct history *history, const char *name, double value); /**< of the last row */
void history_free(struct history *history);

/** Which column has that name; -1: none. */
int history_find(const struct history *history, const char *name);
/** Row and column from 0. */
double history_at(const struct history *history, size_t row, int column);

/** As history.csv. */
void history_write(const struct history *history, struct text *csv);
/** Takes over columns and rows of a CSV file that has a column "epoch"; E_INPUT. */
int history_read(struct history *history, const char *csv, const char *file, struct error *error);

/** As one word of text with the exact bits of every number but the epochs, for checkpoints; unpack replaces the rows
 *  of a history with the same columns. */
void history_pack(const struct history *history, struct text *packed);
int  history_unpack(struct history *history, const char *packed, struct error *error);

/** A number as text that every reader takes whatever the locale is: "0.0123". */
enum { NUMBER_TEXT_SIZE = 40 };
const char *number_text(char out[NUMBER_TEXT_SIZE], double value);
/** The 64 bits of a double as 16 hexadecimal digits, and back. */
const char *number_bits(char out[NUMBER_TEXT_SIZE], double value);
bool number_from_bits(const char *text, double *value);

#endif
