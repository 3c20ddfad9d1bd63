/* SPDX-License-Identifier: MIT */
/* Finds out what the columns of a table hold. */
#include "base/text.h"
#include "data/table.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- names ------------------------------------------------------------------------------------------------------- */

enum { WORD = 64 };

static bool is_word(const char *name, const char *const *words)
{
    char word[WORD];
    size_t length = 0;
    for (; *name && length + 1 < sizeof word; name++) {
        if (strchr("_- ", *name) == NULL) {
            word[length++] = (char)(*name >= 'A' && *name <= 'Z' ? *name + 32 : *name);
        }
    }
    word[length] = '\0';
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

static const char *const path_words[] = {"path", "file",    "filename", "filepath", "image", "imagepath", "imagefile",
                                         "img",  "imgpath", "picture",  "imageid",  "id",    NULL};
static const char *const split_words[] = {"split", "set", "subset", "partition", NULL};
static const char *const label_words[] = {"label",  "class",   "category", "classname",  "labelname",
                                          "labels", "classes", "tags",     "categories", NULL};
static const char *const missing_words[] = {"", "nan", "na", "n/a", "null", "none", "inf", "?", NULL}; /* of a number */
static const char *const many_words[] = {"labels", "classes", "tags", "categories", NULL};

/* ---- which column is what ---------------------------------------------------------------------------------------- */

void table_read_header(struct columns *columns, const struct csv *csv, bool has_header)
{
    *columns = (struct columns){.count = csv->count, .path = SIZE_MAX, .split = SIZE_MAX, .label = SIZE_MAX};
    columns->has_header = has_header;
    for (size_t i = 0; i < csv->count && columns->has_header; i++) {
        const char *name = csv->field[i];
        if (columns->path == SIZE_MAX && is_word(name, path_words)) {
            columns->path = i;
        } else if (columns->split == SIZE_MAX && is_word(name, split_words)) {
            columns->split = i;
        } else if (columns->label == SIZE_MAX && is_word(name, label_words)) {
            columns->label = i;
        }
    }
    columns->path = columns->path == SIZE_MAX ? 0 : columns->path;
}

void table_note_cell(struct facts *facts, const char *cell)
{
    double number;
    bool is_number = text_to_number(cell, &number) && isfinite(number);
    facts->has_text |= !is_number;
    facts->has_word |= !is_number && !is_word(cell, missing_words);
    facts->has_fraction |= is_number && number != floor(number);
    facts->has_bar |= strchr(cell, '|') != NULL;
    facts->has_semicolon |= strchr(cell, ';') != NULL;
}

int table_choose_target(struct table *table, struct columns *columns, const struct facts *facts, char *const *names,
                        struct error *error)
{
    struct list *list = table->list;
    size_t others = 0, numbers = 0, only = SIZE_MAX, text = SIZE_MAX;
    for (size_t i = 0; i < columns->count; i++) {
        if (i != columns->path && i != columns->split && !columns->is_input[i]) {
            others++;
            only = i;
            numbers += !facts[i].has_text;
            text = facts[i].has_text && text == SIZE_MAX ? i : text;
        }
    }
    if (others == 0) {
        list->target = FOV_TARGET_NONE;
        return FOV_OK;
    }
    size_t label = columns->label != SIZE_MAX            ? columns->label
                   : others == 1 && facts[only].has_text ? only
                   : others > 1 && numbers == 0          ? text
                                                         : SIZE_MAX;
    if (label != SIZE_MAX && columns->label == SIZE_MAX && facts[label].has_fraction && !facts[label].has_word) {
        return error_set(error, FOV_E_INPUT,
                         "%s: column \"%.100s\" holds numbers with a fraction, and cells without a number: fill them "
                         "in, or leave out their rows",
                         table->file, columns->has_header ? names[label] : "");
    }
    if (columns->label == SIZE_MAX && numbers == 1 && others == 1 && !columns->has_header &&
        !facts[only].has_fraction) {
        label = only; // "cat.png,3" without a header
    }
    if (label != SIZE_MAX && columns->label == label && others == 1 && facts[label].has_fraction) {
        label = SIZE_MAX; // fractions under the name "label" are values
    }
    if (label != SIZE_MAX) {
        const char *name = columns->has_header ? names[label] : "";
        bool many = columns->has_header && is_word(name, many_words);
        columns->label = label;
        columns->separators = facts[label].has_bar ? "|" : facts[label].has_semicolon ? ";" : many ? " ," : NULL;
        list->target = columns->separators ? FOV_TARGET_CLASSES : FOV_TARGET_CLASS;
        return FOV_OK;
    }
    columns->label = SIZE_MAX;
    list->target = FOV_TARGET_VALUES;
    int status = FOV_OK;
    for (size_t i = 0; i < columns->count && status == FOV_OK; i++) {
        if (i == columns->path || i == columns->split || columns->is_input[i]) {
            continue;
        }
        columns->is_value[i] = !facts[i].has_text;
        if (columns->is_value[i]) {
            char number[24];
            snprintf(number, sizeof number, "%zu", list->value_count);
            status = list->value_count < CSV_FIELDS && columns->has_header ? list_add_value_name(list, names[i], error)
                                                                           : list_add_value_name(list, number, error);
        } else {
            status = findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "column of text", table->file,
                                  "not used", error, "column \"%.100s\" holds text among columns of numbers",
                                  columns->has_header ? names[i] : "");
        }
    }
    return status;
}

/* ---- columns for inputs ------------------------------------------------------------------------------------------ */

/* Lists the columns of a header: "path", "x", "y". */
static const char *list_columns(const struct csv *header, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < header->count; i++) {
        used = text_append(out, size, used, "%s\"%.40s\"", i > 0 ? ", " : "", header->field[i]);
    }
    return out;
}

static int find_column(const struct table *table, const struct columns *columns, const struct csv *header,
                       const char *name, size_t *found, struct error *error)
{
    char list[400];
    *found = SIZE_MAX;
    for (int any_case = 0; any_case < 2 && columns->has_header; any_case++) {
        for (size_t i = 0; i < header->count && *found == SIZE_MAX; i++) {
            bool is_same =
                any_case ? folder_compare_names(header->field[i], name) == 0 : strcmp(header->field[i], name) == 0;
            *found = is_same ? i : *found;
        }
    }
    return *found != SIZE_MAX ? FOV_OK
                              : error_set(error, FOV_E_USAGE, "%s has no column \"%.100s\"%s%s", table->file, name,
                                          columns->has_header ? ", only " : ": it has no header",
                                          columns->has_header ? list_columns(header, list, sizeof list) : "");
}

/* Finds the columns of one entry of list->asked. */
static int find_entry(struct table *table, struct columns *columns, const struct csv *header, struct input_entry *entry,
                      struct error *error)
{
    char *from = entry->from, *word;
    size_t count = 0, column;
    int status = FOV_OK;
    while (status == FOV_OK && (word = input_entry_word(&from)) != NULL) {
        status = find_column(table, columns, header, word, &column, error);
        if (status == FOV_OK && (column == columns->path || column == columns->split || columns->is_input[column])) {
            status = error_set(error, FOV_E_USAGE, "column \"%.100s\" of %s %s, and cannot go into input \"%.100s\"",
                               word, table->file,
                               column == columns->path     ? "holds the pictures' paths"
                               : columns->is_input[column] ? "goes into an input already"
                                                           : "says which split a row belongs to",
                               entry->name);
        }
        if (status == FOV_OK) {
            columns->is_input[column] = true;
            columns->label = columns->label == column ? SIZE_MAX : columns->label;
            columns->input[columns->input_count++] = column;
            count++;
        }
    }
    return status == FOV_OK ? list_add_input(table->list, entry->name, count, error) : status;
}

int table_find_inputs(struct table *table, struct columns *columns, const struct csv *header, struct error *error)
{
    const char *text = table->list->asked;
    struct input_entry entry;
    int status = FOV_OK;
    while (text != NULL && status == FOV_OK) {
        status = input_entry_read(&text, &entry, error);
        status = status == FOV_OK && entry.kind == INPUT_COLUMNS ? find_entry(table, columns, header, &entry, error)
                                                                 : status;
    }
    return status;
}

/* ---- several tables ---------------------------------------------------------------------------------------------- */

/* How column k of the first table is found in another: by its exact name; by what it is (the path, the split, the
 * label); by its name in any case of letters. Each way is tried for all columns before the next. */
enum match { MATCH_EXACT, MATCH_ROLE, MATCH_ANY_CASE, MATCHES };

static bool matches(enum match way, const struct csv *first, const struct columns *wanted, size_t k,
                    const struct csv *other, const struct columns *given, size_t i)
{
    return way == MATCH_EXACT  ? strcmp(first->field[k], other->field[i]) == 0
           : way == MATCH_ROLE ? (k == wanted->path && i == given->path) || (k == wanted->split && i == given->split) ||
                                     (k == wanted->label && i == given->label)
                               : folder_compare_names(first->field[k], other->field[i]) == 0;
}

int table_match_headers(struct table *table, const struct columns *columns, const struct csv *other,
                        const struct table *first_table, const struct columns *first_columns, const struct csv *first,
                        struct error *error)
{
    bool is_found[CSV_FIELDS] = {false}, is_used[CSV_FIELDS] = {false};
    size_t found = 0;
    for (enum match way = MATCH_EXACT; way < MATCHES; way++) {
        for (size_t k = 0; k < first->count; k++) {
            for (size_t i = 0; i < other->count && !is_found[k]; i++) {
                if (!is_used[i] && matches(way, first, first_columns, k, other, columns, i)) {
                    is_found[k] = is_used[i] = true;
                    table->order[k] = i;
                    table->is_ordered = table->is_ordered || k != i;
                    found++;
                }
            }
        }
    }
    char lists[2][400];
    return found == first->count && found == other->count
               ? FOV_OK
               : error_set(error, FOV_E_INPUT, "%s has other columns (%s) than %s (%s)", table->file,
                           list_columns(other, lists[0], sizeof lists[0]), first_table->file,
                           list_columns(first, lists[1], sizeof lists[1]));
}
