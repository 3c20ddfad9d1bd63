/* SPDX-License-Identifier: MIT */
/* Converts the history to CSV and back, and to exact bits and back. */
#include "train/history.h"
#include <inttypes.h>
#include <locale.h>
#include <math.h>
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
    /* The program's locale may have a decimal comma, which must not get into a comma-separated file. */
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

int history_column(struct history *history, const char *name, struct error *error)
{
    if (history->columns == HISTORY_MOST_COLUMNS || strlen(name) >= HISTORY_NAME_SIZE) {
        return error_set(error, FOV_E_INTERNAL, "a history has at most %d columns, with names of %d letters",
                         HISTORY_MOST_COLUMNS, HISTORY_NAME_SIZE - 1);
    }
    snprintf(history->names[history->columns++], HISTORY_NAME_SIZE, "%s", name);
    return FOV_OK;
}

static double *row_at(const struct history *history, size_t row)
{
    return history->cells + row * (size_t)history->columns;
}

int history_add(struct history *history, struct error *error)
{
    size_t size = (size_t)history->columns * sizeof(double);
    if (memory_grow(history->memory, (void **)&history->cells, &history->capacity, history->count, size, "the history",
                    error) != 0) {
        return FOV_E_MEMORY;
    }
    double *row = row_at(history, history->count++);
    for (int c = 0; c < history->columns; c++) {
        row[c] = (double)NAN;
    }
    history_set(history, "epoch", (double)history->count);
    return FOV_OK;
}

void history_set(struct history *history, const char *name, double value)
{
    int column = history_find(history, name);
    if (column >= 0 && history->count > 0) {
        row_at(history, history->count - 1)[column] = value;
    }
}

void history_free(struct history *history)
{
    memory_free(history->memory, history->cells);
    history->cells = NULL;
    history->count = history->capacity = 0;
    history->columns = 0;
}

int history_find(const struct history *history, const char *name)
{
    for (int c = 0; c < history->columns; c++) {
        if (strcmp(history->names[c], name) == 0) {
            return c;
        }
    }
    return -1;
}

double history_at(const struct history *history, size_t row, int column)
{
    return column >= 0 ? row_at(history, row)[column] : (double)NAN;
}

void history_write(const struct history *history, struct text *csv)
{
    char number[NUMBER_TEXT_SIZE];
    for (int c = 0; c < history->columns; c++) {
        text_add(csv, "%s%s", c > 0 ? "," : "", history->names[c]);
    }
    text_add(csv, "\n");
    for (size_t r = 0; r < history->count; r++) {
        for (int c = 0; c < history->columns; c++) {
            text_add(csv, "%s%s", c > 0 ? "," : "", number_text(number, row_at(history, r)[c]));
        }
        text_add(csv, "\n");
    }
}

/* The first column, "epoch", is left out: it is the row's number. */
void history_pack(const struct history *history, struct text *packed)
{
    char number[NUMBER_TEXT_SIZE];
    for (size_t r = 0; r < history->count; r++) {
        for (int c = 1; c < history->columns; c++) {
            text_add(packed, "%s", number_bits(number, row_at(history, r)[c]));
        }
    }
}

int history_unpack(struct history *history, const char *packed, struct error *error)
{
    size_t length = strlen(packed), row_length = 16 * (size_t)(history->columns - 1);
    history->count = 0;
    if (row_length == 0 || length % row_length != 0) {
        return error_set(error, FOV_E_INPUT, "the history's length, %zu, is not a number of rows", length);
    }
    for (size_t r = 0; r < length / row_length; r++) {
        if (history_add(history, error) != FOV_OK) {
            return FOV_E_MEMORY;
        }
        for (int c = 1; c < history->columns; c++) {
            if (!number_from_bits(packed + r * row_length + 16 * (size_t)(c - 1), &row_at(history, r)[c])) {
                return error_set(error, FOV_E_INPUT, "row %zu of the history is damaged", r + 1);
            }
        }
    }
    return FOV_OK;
}

/* ---- reading CSV ------------------------------------------------------------------------------------------------- */

/* Copies the next cell of a line into `out` and moves *at after it; false at the line's end. */
static bool next_cell(const char **at, char out[HISTORY_NAME_SIZE])
{
    if (**at == '\0' || **at == '\n' || **at == '\r') {
        return false;
    }
    while (**at == ' ') { /* other tools pad their cells */
        (*at)++;
    }
    size_t length = strcspn(*at, ",\r\n"), take = length < HISTORY_NAME_SIZE - 1 ? length : HISTORY_NAME_SIZE - 1;
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

static int read_row(struct history *history, const char *cursor, const char *file, int line, struct error *error)
{
    char text[HISTORY_NAME_SIZE];
    if (history_add(history, error) != FOV_OK) {
        return FOV_E_MEMORY;
    }
    double *row = row_at(history, history->count - 1);
    for (int c = 0; c < history->columns && next_cell(&cursor, text); c++) {
        row[c] = (double)NAN;
        if (text[0] != '\0' && !text_to_number(text, &row[c])) {
            char shown[2 * HISTORY_NAME_SIZE];
            return error_set(error, FOV_E_INPUT, "%s: line %d: \"%s\" is no number", file, line,
                             text_escape(shown, sizeof shown, text));
        }
    }
    return FOV_OK;
}

int history_read(struct history *history, const char *csv, const char *file, struct error *error)
{
    int status = FOV_OK, line = 1;
    char name[HISTORY_NAME_SIZE];
    history->count = 0;
    history->columns = 0;
    for (const char *at = csv; history->columns < HISTORY_MOST_COLUMNS && next_cell(&at, name);) {
        status = history_column(history, name, error);
    }
    if (history_find(history, "epoch") < 0) {
        return error_set(error, FOV_E_INPUT, "%s: its first line names no column \"epoch\"", file);
    }
    for (const char *at = next_line(csv); status == FOV_OK && *at != '\0'; at = next_line(at)) {
        line++;
        if (*at != '\n' && *at != '\r') {
            status = read_row(history, at, file, line, error);
        }
    }
    return status;
}
