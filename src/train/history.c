/* SPDX-License-Identifier: MIT */
/* Rows to CSV and back, and to exact bits and back. */
#include "train/history.h"
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

const char *number_text(char out[NUMBER_TEXT_SIZE], double value)
{
    if (!isfinite(value)) {
        out[0] = '\0';
        return out;
    }
    snprintf(out, NUMBER_TEXT_SIZE, "%.9g", value);
    /* A host program may have set a decimal comma; it must not get into a comma-separated file. */
    const char *point = localeconv()->decimal_point;
    char *at = strcmp(point, ".") != 0 ? strstr(out, point) : NULL;
    if (at != NULL) {
        size_t length = strlen(point);
        *at = '.';
        memmove(at + 1, at + length, strlen(at + length) + 1);
    }
    return out;
}

const char *number_bits(char out[NUMBER_TEXT_SIZE], double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    snprintf(out, NUMBER_TEXT_SIZE, "%016" PRIx64, bits);
    return out;
}

bool number_from_bits(const char *text, double *value)
{
    uint64_t bits = 0;
    for (int i = 0; i < 16; i++) {
        const char *digits = "0123456789abcdef", *at = text[i] != '\0' ? strchr(digits, text[i]) : NULL;
        if (at == NULL) {
            return false;
        }
        bits = bits << 4 | (uint64_t)(at - digits);
    }
    memcpy(value, &bits, sizeof bits);
    return true;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

int history_add(struct history *history, const struct history_row *row, struct error *error)
{
    if (memory_grow(history->memory, (void **)&history->rows, &history->capacity, history->count, sizeof *row,
                    "the history", error) != 0) {
        return FOV_E_MEMORY;
    }
    history->rows[history->count++] = *row;
    return FOV_OK;
}

void history_free(struct history *history)
{
    memory_free(history->memory, history->rows);
    history->rows = NULL;
    history->count = history->capacity = 0;
}

/* The columns after the epoch: one line here adds one to the file, the checkpoint and the reader. */
static const struct column {
    const char *name;
    size_t offset;
} columns[] = {
    {"time", offsetof(struct history_row, time)},
    {"train/loss", offsetof(struct history_row, train_loss)},
    {"val/loss", offsetof(struct history_row, val_loss)},
    {"metrics/accuracy_top1", offsetof(struct history_row, val_accuracy)},
    {"metrics/accuracy_top5", offsetof(struct history_row, val_top5)},
    {"lr", offsetof(struct history_row, lr)},
    {"train/accuracy", offsetof(struct history_row, train_accuracy)},
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static double *cell(struct history_row *row, size_t column)
{
    return (double *)(void *)((char *)row + columns[column].offset);
}

void history_write(const struct history *history, struct text *csv)
{
    char number[NUMBER_TEXT_SIZE];
    text_add(csv, "epoch");
    for (size_t c = 0; c < COLUMNS; c++) {
        text_add(csv, ",%s", columns[c].name);
    }
    text_add(csv, "\n");
    for (size_t r = 0; r < history->count; r++) {
        text_add(csv, "%d", history->rows[r].epoch);
        for (size_t c = 0; c < COLUMNS; c++) {
            text_add(csv, ",%s", number_text(number, *cell(&history->rows[r], c)));
        }
        text_add(csv, "\n");
    }
}

void history_pack(const struct history *history, struct text *packed)
{
    char number[NUMBER_TEXT_SIZE];
    for (size_t r = 0; r < history->count; r++) {
        for (size_t c = 0; c < COLUMNS; c++) {
            text_add(packed, "%s", number_bits(number, *cell(&history->rows[r], c)));
        }
    }
}

int history_unpack(struct history *history, const char *packed, struct error *error)
{
    size_t length = strlen(packed);
    history->count = 0;
    if (length % (16 * COLUMNS) != 0) {
        return error_set(error, FOV_E_INPUT, "the history's length, %zu, is not a number of rows", length);
    }
    for (size_t r = 0; r < length / (16 * COLUMNS); r++) {
        struct history_row row = {.epoch = (int)r + 1};
        for (size_t c = 0; c < COLUMNS; c++) {
            if (!number_from_bits(packed + 16 * (r * COLUMNS + c), cell(&row, c))) {
                return error_set(error, FOV_E_INPUT, "row %zu of the history is damaged", r + 1);
            }
        }
        if (history_add(history, &row, error) != FOV_OK) {
            return FOV_E_MEMORY;
        }
    }
    return FOV_OK;
}

/* ---- reading CSV ------------------------------------------------------------------------------------------------- */

enum { MAX_CELLS = 64, CELL_SIZE = 64 };

/* Copies the next cell of a line into `out`; false at the line's end. `*at` moves behind it. */
static bool next_cell(const char **at, char out[CELL_SIZE])
{
    if (**at == '\0' || **at == '\n' || **at == '\r') {
        return false;
    }
    size_t length = strcspn(*at, ",\r\n"), take = length < CELL_SIZE - 1 ? length : CELL_SIZE - 1;
    while (take > 0 && **at == ' ') { /* other tools pad their cells */
        (*at)++, length--, take = length < CELL_SIZE - 1 ? length : CELL_SIZE - 1;
    }
    memcpy(out, *at, take);
    out[take] = '\0';
    *at += length;
    *at += **at == ',';
    return true;
}

static const char *next_line(const char *at)
{
    at += strcspn(at, "\n");
    return *at == '\n' ? at + 1 : at;
}

int history_read(struct history *history, const char *csv, const char *file, struct error *error)
{
    int place[MAX_CELLS]; /* which column a cell belongs to; -1 the epoch, -2 none of ours */
    int cells = 0, line = 1;
    bool epochs = false;
    char text[CELL_SIZE];
    for (const char *at = csv; cells < MAX_CELLS && next_cell(&at, text); cells++) {
        place[cells] = -2;
        if (strcmp(text, "epoch") == 0) {
            place[cells] = -1;
            epochs = true;
        }
        for (int c = 0; c < (int)COLUMNS; c++) {
            if (strcmp(text, columns[c].name) == 0) {
                place[cells] = c;
            }
        }
    }
    if (!epochs) {
        return error_set(error, FOV_E_INPUT, "%s: its first line names no column \"epoch\"", file);
    }
    history->count = 0;
    for (const char *at = next_line(csv); *at != '\0'; at = next_line(at)) {
        struct history_row row = {0};
        const char *cursor = at;
        line++;
        for (size_t c = 0; c < COLUMNS; c++) {
            *cell(&row, c) = (double)NAN;
        }
        for (int i = 0; i < cells && next_cell(&cursor, text); i++) {
            double value = (double)NAN;
            if (place[i] == -2 || text[0] == '\0') {
                continue;
            }
            if (!text_to_number(text, &value)) {
                char shown[2 * CELL_SIZE];
                return error_set(error, FOV_E_INPUT, "%s: line %d: \"%s\" is no number", file, line,
                                 text_escape(shown, sizeof shown, text));
            }
            if (place[i] == -1) {
                row.epoch = value >= 0.0 && value <= 1e9 ? (int)value : 0;
            } else {
                *cell(&row, (size_t)place[i]) = value;
            }
        }
        if (cursor != at && history_add(history, &row, error) != FOV_OK) {
            return FOV_E_MEMORY;
        }
    }
    return FOV_OK;
}
