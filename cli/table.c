/* SPDX-License-Identifier: MIT */
/* Rows are kept until all widths are known, then printed. */
#include "table.h"
#include "output.h"
#include <stdlib.h>
#include <string.h>

enum { GAP = 2 };

struct table {
    char columns[32];
    int column_count, row_count, capacity;
    char **cells; /* [row][column]; a row of NULLs is a rule */
    bool *rule;   /* [row] */
};

struct table *table_create(const char *columns)
{
    struct table *table = take_memory(1, sizeof *table);
    snprintf(table->columns, sizeof table->columns, "%s", columns);
    table->column_count = (int)strlen(table->columns);
    return table;
}

void table_free(struct table *table)
{
    for (int i = 0; i < table->row_count * table->column_count; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    free(table->rule);
    free(table);
}

static void table_grow(struct table *table)
{
    if (table->row_count < table->capacity) {
        return;
    }
    int capacity = table->capacity > 0 ? 2 * table->capacity : 32;
    size_t columns = (size_t)table->column_count;
    char **cells = take_memory((size_t)capacity * columns, sizeof *cells);
    bool *rule = take_memory((size_t)capacity, sizeof *rule);
    if (table->row_count > 0) {
        memcpy(cells, table->cells, (size_t)table->row_count * columns * sizeof *cells);
        memcpy(rule, table->rule, (size_t)table->row_count * sizeof *rule);
    }
    free(table->cells);
    free(table->rule);
    table->cells = cells;
    table->rule = rule;
    table->capacity = capacity;
}

void table_row(struct table *table, const char *const *cells)
{
    table_grow(table);
    for (int c = 0; c < table->column_count; c++) {
        const char *text = cells[c] != NULL ? cells[c] : "";
        size_t size = strlen(text) + 1;
        char *copy = take_memory(size, 1);
        show_clean(copy, size, text);
        table->cells[table->row_count * table->column_count + c] = copy;
    }
    table->row_count++;
}

void table_rule(struct table *table)
{
    table_grow(table);
    table->rule[table->row_count++] = true;
}

int table_text_width(const char *text)
{
    int width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

/* At most `width` characters; what was cut is marked. */
static void print_cell(const struct cli *cli, FILE *out, const char *text, int width, char side, bool last)
{
    int length = table_text_width(text), shown = length;
    const char *mark = "";
    if (length > width) {
        mark = cli->unicode ? "…" : "~";
        shown = width > 1 ? width - 1 : width;
    }
    if (side == 'r') {
        fprintf(out, "%*s", width - (length > width ? width : length), "");
    }
    for (const char *at = text; *at != '\0'; at++) {
        bool starts = ((unsigned char)*at & 0xc0) != 0x80;
        if (starts && shown-- == 0) {
            break;
        }
        fputc(*at, out);
    }
    fputs(mark, out);
    if (side != 'r' && !last) {
        fprintf(out, "%*s", width - (length > width ? width : length), "");
    }
}

/* The widths that the cells want; on a terminal the 'L' columns give way, the widest first, down to 8 characters. */
static int find_widths(const struct table *table, const struct cli *cli, int *width)
{
    int total = GAP * table->column_count;
    for (int c = 0; c < table->column_count; c++) {
        width[c] = 0;
        for (int r = 0; r < table->row_count; r++) {
            const char *text = table->cells[r * table->column_count + c];
            int length = text != NULL ? table_text_width(text) : 0;
            width[c] = length > width[c] ? length : width[c];
        }
        total += width[c];
    }
    while (cli->terminal && total > cli->width) {
        int widest = -1;
        for (int c = 0; c < table->column_count; c++) {
            if (table->columns[c] == 'L' && width[c] > 8 && (widest < 0 || width[c] > width[widest])) {
                widest = c;
            }
        }
        if (widest < 0) {
            break;
        }
        width[widest]--;
        total--;
    }
    return total;
}

void table_print(const struct table *table, struct cli *cli)
{
    int width[32], total = find_widths(table, cli, width);
    for (int r = 0; r < table->row_count; r++) {
        fprintf(cli->out, "%*s", GAP, "");
        if (table->rule[r]) {
            fputs(style_faint(cli), cli->out);
            for (int i = GAP; i < total; i++) {
                fputs(cli->unicode ? "─" : "-", cli->out);
            }
            fprintf(cli->out, "%s\n", style_off(cli));
            continue;
        }
        fputs(r == 0 ? style_bold(cli) : "", cli->out);
        for (int c = 0; c < table->column_count; c++) {
            bool last = c == table->column_count - 1;
            print_cell(cli, cli->out, table->cells[r * table->column_count + c], width[c], table->columns[c], last);
            fprintf(cli->out, "%*s", last ? 0 : GAP, "");
        }
        fprintf(cli->out, "%s\n", r == 0 ? style_off(cli) : "");
    }
}
