/* SPDX-License-Identifier: MIT */
/* The run's curve: a row per epoch, kept in memory, written whole to history.csv each time, so that the file of a
 * resumed run is that of an uninterrupted one. The checkpoint carries the same rows with exact bits. Read next:
 * plot_curves.c. */
#ifndef TRAIN_HISTORY_H
#define TRAIN_HISTORY_H

#include "base/memory.h"
#include "base/text.h"

/** NaN: not measured; an empty cell in the file. */
struct history_row {
    int epoch;                                                               /**< from 1 */
    double time;                                                             /**< s of training in this epoch */
    double train_loss, val_loss, val_accuracy, val_top5, lr, train_accuracy; /**< accuracies are fractions */
};

struct history {
    struct memory *memory;
    struct history_row *rows;
    size_t count, capacity;
};

int history_add(struct history *history, const struct history_row *row, struct error *error);
void history_free(struct history *history);

/** As history.csv. */
void history_write(const struct history *history, struct text *csv);
int history_read(struct history *history, const char *csv, const char *file, struct error *error);

/** As one word of text with the exact bits of every number, for checkpoints; unpack replaces the rows. */
void history_pack(const struct history *history, struct text *packed);
int history_unpack(struct history *history, const char *packed, struct error *error);

/** A number as text that every reader takes whatever the locale is: "0.0123". */
enum { NUMBER_TEXT_SIZE = 40 };
const char *number_text(char out[NUMBER_TEXT_SIZE], double value);
/** The 64 bits of a double as 16 hexadecimal digits, and back. */
const char *number_bits(char out[NUMBER_TEXT_SIZE], double value);
bool number_from_bits(const char *text, double *value);

#endif
