/* SPDX-License-Identifier: MIT */
/* Splits the text of a table into rows and fields. */
#include "data/csv.h"
#include <string.h>

void csv_begin(struct csv *csv, char *text)
{
    *csv = (struct csv){.at = text, .separator = ',', .lines = 0};
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) {
        csv->at += 3;
    }
    size_t most = 0, length = strcspn(csv->at, "\r\n");
    for (const char *separator = ",;\t"; *separator; separator++) {
        size_t count = 0;
        bool quoted = false;
        for (size_t i = 0; i < length; i++) {
            quoted ^= csv->at[i] == '"';
            count += csv->at[i] == *separator && !quoted;
        }
        csv->separator = count > most ? *separator : csv->separator;
        most = count > most ? count : most;
    }
}

/* Removes a field's quotes in place; *end is then the end of its text, csv->at the character after the closing
 * quote. */
static int unquote(struct csv *csv, char **end, struct error *error)
{
    char *to = csv->at, *from = csv->at + 1;
    for (;; from++) {
        if (*from == '\0') {
            return error_set(error, FOV_E_INPUT, "line %zu: a quote is not closed", csv->line);
        }
        csv->lines += *from == '\n';
        if (*from == '"' && from[1] != '"') {
            break;
        }
        from += *from == '"'; // a doubled quote stands for one
        *to++ = *from;
    }
    csv->at = from + 1;
    *end = to;
    return strchr("\r\n", *csv->at) || *csv->at == csv->separator
               ? FOV_OK
               : error_set(error, FOV_E_INPUT, "line %zu: text behind a closing quote", csv->line);
}

/* Reads one row; an empty line gives one empty field. */
static int read_row(struct csv *csv, struct error *error)
{
    csv->count = 0;
    csv->line = csv->lines + 1;
    for (;;) {
        if (csv->count == CSV_FIELDS) {
            return error_set(error, FOV_E_INPUT, "line %zu: more than %d fields", csv->line, CSV_FIELDS);
        }
        char *field = csv->at, *end = field;
        if (*csv->at == '"') {
            int status = unquote(csv, &end, error);
            if (status) {
                return status;
            }
        } else {
            while (*csv->at != '\0' && *csv->at != '\r' && *csv->at != '\n' && *csv->at != csv->separator) {
                csv->at++;
            }
            end = csv->at;
        }
        char last = *csv->at;
        csv->field[csv->count++] = field;
        csv->at += last != '\0';
        csv->at += last == '\r' && *csv->at == '\n';
        *end = '\0';
        if (last != csv->separator) {
            csv->lines++;
            return FOV_OK;
        }
    }
}

int csv_next(struct csv *csv, bool *there, struct error *error)
{
    *there = false;
    while (*csv->at != '\0') {
        int status = read_row(csv, error);
        if (status) {
            return status;
        }
        if (csv->count > 1 || csv->field[0][0] != '\0') {
            *there = true;
            return FOV_OK;
        }
    }
    return FOV_OK;
}
