/* SPDX-License-Identifier: MIT */
/* Rows are kept until all widths are known, then printed. Where the terminal is too narrow, columns of text are cut
 * first, then whole columns are left out; a last column of text is continued on further lines. */
#include "table.h"
#include "columns.h"
#include "output.h"
#include <stdlib.h>
#include <string.h>

enum { GAP = 2, LEAST_TEXT = 8, LEAST_LAST = 24 /* columns of the screen */ };

struct table {
    char columns[32];
    char drops[32]; /* columns ('a' is the first) in the order in which they are left out */
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

void table_drops(struct table *table, const char *order)
{
    snprintf(table->drops, sizeof table->drops, "%s", order);
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
    return text_columns(text, strlen(text));
}

/* Prints a cell in at most `width` columns; a cut text ends with a mark. */
static void print_cell(const struct cli *cli, FILE *out, const char *text, int width, char side, bool last)
{
    size_t bytes = strlen(text);
    const char *mark = "";
    if (text_columns(text, bytes) > width) {
        mark = !cli->unicode ? "~" : "…";
        bytes = text_fit(text, width > 1 ? width - 1 : width);
    }
    int blanks = width - text_columns(text, bytes) - (*mark != '\0');
    fprintf(out, "%*s", side == 'r' && blanks > 0 ? blanks : 0, "");
    fwrite(text, 1, bytes, out);
    fputs(mark, out);
    fprintf(out, "%*s", side != 'r' && !last && blanks > 0 ? blanks : 0, "");
}

void table_print_fitted(const struct cli *cli, FILE *out, const char *text, int width)
{
    size_t size = strlen(text) + 1;
    char *clean = take_memory(size, 1);
    print_cell(cli, out, show_clean(clean, size, text), width, 'l', false);
    free(clean);
}

/* The least width of a column: a last column of text is continued below, other texts are cut, the rest keeps its
 * width. */
static int least_width(const struct table *table, int column, int wanted)
{
    bool is_last = column == table->column_count - 1;
    int least = is_last ? LEAST_LAST : LEAST_TEXT;
    return table->columns[column] != 'L' || wanted < least ? wanted : least;
}

/* Total width of the columns that are shown; a width of -1 marks one that is left out. */
static int total_of(const struct table *table, const int *width)
{
    int total = 0;
    for (int c = 0; c < table->column_count; c++) {
        total += width[c] >= 0 ? GAP + width[c] : 0;
    }
    return total;
}

/* Leaves out columns until the rest can fit: first those of table_drops, then from the right, never the first. */
static void drop_columns(const struct table *table, int room, int *width)
{
    for (size_t i = 0;; i++) {
        int least[32], column = -1;
        for (int c = 0; c < table->column_count; c++) {
            least[c] = width[c] >= 0 ? least_width(table, c, width[c]) : -1;
        }
        if (total_of(table, least) <= room) {
            return;
        }
        if (i < strlen(table->drops)) {
            column = table->drops[i] - 'a';
        }
        for (int c = 1; i >= strlen(table->drops) && c < table->column_count; c++) {
            column = width[c] >= 0 ? c : column;
        }
        if (column < 0) {
            return; /* only the first column is left and too wide: it is cut */
        }
        width[column] = -1;
    }
}

/* The widths that the cells need, reduced where there is no room, the widest text first; returns the total. */
static int find_widths(const struct table *table, const struct cli *cli, int *width)
{
    for (int c = 0; c < table->column_count; c++) {
        width[c] = 0;
        for (int r = 0; r < table->row_count; r++) {
            const char *text = table->cells[r * table->column_count + c];
            int length = text != NULL ? table_text_width(text) : 0;
            width[c] = length > width[c] ? length : width[c];
        }
    }
    if (!cli->has_width) {
        return total_of(table, width);
    }
    drop_columns(table, cli->width, width);
    while (total_of(table, width) > cli->width) {
        int widest = -1;
        for (int c = 0; c < table->column_count; c++) {
            bool can_give = width[c] > least_width(table, c, width[c]);
            if (can_give && (widest < 0 || width[c] > width[widest])) {
                widest = c;
            }
        }
        if (widest < 0) {
            break;
        }
        width[widest]--;
    }
    return total_of(table, width);
}

/* How many bytes of `text` go into a line of `width` columns: up to the last possible line break that fits, else as
 * many characters as fit, at least one. */
static size_t line_bytes(const char *text, int width)
{
    size_t end = 0;
    for (size_t at = 0; text[at] != '\0'; at += strspn(text + at, " ")) {
        at += text_piece(text + at);
        if (text_columns(text, at) > width) {
            size_t most = text_fit(text, width > 2 ? width : 2);
            return end > 0 ? end : most;
        }
        end = at;
    }
    return end;
}

/* Prints a text in as many lines as it needs; the cursor is at `column`, where the further lines begin, too. */
static void print_lines(FILE *out, const char *text, int width, int column)
{
    for (bool first = true; first || *text != '\0'; first = false) {
        size_t bytes = line_bytes(text, width);
        fprintf(out, "%s%*s%.*s", first ? "" : "\n", first ? 0 : column, "", (int)bytes, text);
        text += bytes;
        text += strspn(text, " ");
    }
}

static void print_row(const struct table *table, const struct cli *cli, int row, const int *width)
{
    int column = 0, last = 0;
    for (int c = 0; c < table->column_count; c++) {
        last = width[c] >= 0 ? c : last;
    }
    for (int c = 0; c <= last; c++) {
        const char *text = table->cells[row * table->column_count + c];
        if (width[c] < 0) {
            continue;
        }
        fprintf(cli->out, "%*s", GAP, "");
        column += GAP;
        if (c == last && table->columns[c] == 'L') {
            print_lines(cli->out, text, width[c] > 0 ? width[c] : 1, column);
        } else {
            print_cell(cli, cli->out, text, width[c], table->columns[c], c == last);
        }
        column += width[c];
    }
}

static void say_what_is_missing(const struct table *table, const struct cli *cli, const int *width)
{
    const char *mark = "  left out for want of room: ";
    for (int c = 0; c < table->column_count; c++) {
        if (width[c] < 0 && table->row_count > 0 && table->cells[c] != NULL && *table->cells[c] != '\0') {
            fprintf(cli->out, "%s%s%s", mark[0] == ' ' ? style_faint(cli) : "", mark, table->cells[c]);
            mark = ", ";
        }
    }
    fprintf(cli->out, "%s", *mark == ',' ? style_off(cli) : "");
    fputs(*mark == ',' ? "\n" : "", cli->out);
}

void table_print(const struct table *table, struct cli *cli)
{
    int width[32], total = find_widths(table, cli, width);
    for (int r = 0; r < table->row_count; r++) {
        if (table->rule[r]) {
            fprintf(cli->out, "%*s%s", GAP, "", style_faint(cli));
            for (int i = GAP; i < total; i++) {
                fputs(cli->unicode ? "─" : "-", cli->out);
            }
            fprintf(cli->out, "%s\n", style_off(cli));
            continue;
        }
        fputs(r == 0 ? style_bold(cli) : "", cli->out);
        print_row(table, cli, r, width);
        fprintf(cli->out, "%s\n", r == 0 ? style_off(cli) : "");
    }
    say_what_is_missing(table, cli, width);
}
