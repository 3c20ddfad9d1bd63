/* SPDX-License-Identifier: MIT */
/* Samples from a table: a column of paths, and columns with their targets. A column of names is a class, one with
 * several names per cell a set of classes, columns of numbers are values. Columns are identified by their names and
 * content; a column "split" gives the split of each row. */
#include "base/text.h"
#include "data/csv.h"
#include "data/list.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_CLASSES = 100000, WORD = 64 };

/* The roles of a table's columns. */
struct columns {
    size_t count, path, split, label; /* number of columns; indices of these columns, SIZE_MAX: there is none */
    bool has_header;
    const char *separators; /* between several classes in a cell; NULL: a cell is one class */
    bool is_input[CSV_FIELDS];             /* it goes into an input of a network, and is no target */
    size_t input[CSV_FIELDS], input_count; /* these columns, in the inputs' order */
    bool is_value[CSV_FIELDS];
};

/* ---- names ------------------------------------------------------------------------------------------------------- */

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

/* ---- where a file lies ------------------------------------------------------------------------------------------- */

/* A table and the folder that its paths are relative to. */
struct table {
    struct list *list;
    const char *file;
    char folder[DATA_PATH_SIZE], stem[DATA_PATH_SIZE];
    int role; /* the split that its name gives, "train.csv"; LIST_WITHOUT_SPLIT */
    bool is_ordered;         /* its columns stand in another order than those of the folder's first table */
    size_t order[CSV_FIELDS]; /* if so: the column of this table that is each column of the first one */
};

static int table_begin(struct table *table, struct list *list, const char *file)
{
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file, *dot = strrchr(name, '.');
    *table = (struct table){.list = list, .file = file};
    snprintf(table->folder, sizeof table->folder, "%.*s", slash ? (int)(slash - file) : 1, slash ? file : ".");
    snprintf(table->stem, sizeof table->stem, "%.*s", dot ? (int)(dot - name) : (int)strlen(name), name);
    table->role = (int)folder_role(table->stem);
    return table->role;
}

/* Finds the file that a cell names: as written, or in a folder with a usual name beside the table; a missing suffix is
 * tried as well. */
static bool find_file(const struct table *table, const struct store *store, const char *cell, char path[DATA_PATH_SIZE])
{
    const char *const folders[] = {"", "images", "img", "train", "pictures", table->stem};
    static const char *const suffixes[] = {"", ".jpg", ".png", ".jpeg"};
    if (*cell == '/' && store_is_folder(store)) {
        snprintf(path, DATA_PATH_SIZE, "%s", cell);
        return store_look(store, path) == STORE_FILE;
    }
    while (strncmp(cell, "./", 2) == 0) {
        cell += 2;
    }
    for (size_t i = 0; *cell && i < sizeof folders / sizeof *folders; i++) {
        for (size_t k = 0; k < sizeof suffixes / sizeof *suffixes; k++) {
            int fits = snprintf(path, DATA_PATH_SIZE, "%s/%s%s%s%s", table->folder, folders[i], *folders[i] ? "/" : "",
                                cell, suffixes[k]);
            if (fits > 0 && fits < DATA_PATH_SIZE && store_look(store, path) == STORE_FILE) {
                return true;
            }
        }
    }
    return false;
}

/* ---- which column is what ---------------------------------------------------------------------------------------- */

/* Finds the columns by the first row, which is a header unless its first cell names a file. */
static void read_header(struct columns *columns, const struct csv *csv, const struct table *table,
                        const struct store *store)
{
    char path[DATA_PATH_SIZE];
    *columns = (struct columns){.count = csv->count, .path = SIZE_MAX, .split = SIZE_MAX, .label = SIZE_MAX};
    columns->has_header = !find_file(table, store, csv->field[0], path);
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

/* Facts about a column's cells. */
struct facts {
    bool has_text; /* a cell that is no number */
    bool has_word; /* and does not stand for a missing one */
    bool has_fraction, has_bar, has_semicolon;
};

static void note_cell(struct facts *facts, const char *cell)
{
    double number;
    bool is_number = text_to_number(cell, &number) && isfinite(number);
    facts->has_text |= !is_number;
    facts->has_word |= !is_number && !is_word(cell, missing_words);
    facts->has_fraction |= is_number && number != floor(number);
    facts->has_bar |= strchr(cell, '|') != NULL;
    facts->has_semicolon |= strchr(cell, ';') != NULL;
}

/* Decides from the facts of all columns what the target is, and which columns hold it. */
static int choose_target(struct table *table, struct columns *columns, const struct facts *facts, char *const *names,
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

/* Finds the columns that go into inputs of a network. */
static int find_inputs(struct table *table, struct columns *columns, const struct csv *header, struct error *error)
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

/* ---- classes ----------------------------------------------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b)
{
    const char *const *first = a, *const *second = b;
    return list_compare_naturally(*first, *second);
}

static int32_t find_class(const struct list *list, const char *name)
{
    size_t low = 0, high = list->class_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = list_compare_naturally(list->classes[middle], name);
        if (order == 0) {
            return (int32_t)middle;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return -1;
}

/* The next class of a cell, terminated in place and trimmed; NULL: no more. */
static char *next_class(char **cell, const char *separators)
{
    if (separators == NULL) {
        char *whole = *cell;
        *cell = NULL;
        return whole != NULL && *whole ? whole : NULL;
    }
    while (*cell != NULL && **cell) {
        char *begin = *cell, *end = begin + strcspn(begin, separators);
        *cell = *end ? end + 1 : end;
        *end = '\0';
        begin += strspn(begin, " \t");
        for (size_t length = strlen(begin); length > 0 && strchr(" \t", begin[length - 1]); length--) {
            begin[length - 1] = '\0';
        }
        if (*begin) {
            return begin;
        }
    }
    return NULL;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* Called for each row. */
typedef int take_row(struct table *table, const struct columns *columns, struct csv *row, void *user,
                     struct error *error);

/* Puts a row's fields into the order of the first table's columns. */
static void order_fields(const struct table *table, struct csv *row, char *fields[CSV_FIELDS])
{
    for (size_t i = 0; i < row->count; i++) {
        fields[i] = row->field[table->order[i]];
    }
    memcpy(row->field, fields, row->count * sizeof *fields);
}

/* Calls `take` for each row but the header, with its fields in the order of the first table's columns; parses a copy,
 * as parsing changes the text. */
static int each_row(struct table *table, const struct columns *columns, const char *text, take_row *take, void *user,
                    struct error *error)
{
    struct memory *memory = table->list->memory;
    char *copy = memory_copy_text(memory, text, error);
    struct csv *csv = memory_allocate_raw(memory, 1, sizeof *csv, "a table", error);
    char **fields = memory_allocate_raw(memory, CSV_FIELDS, sizeof *fields, "a table", error);
    int status = copy && csv && fields ? FOV_OK : FOV_E_MEMORY;
    bool there = true, first = true;
    if (status == FOV_OK) {
        csv_begin(csv, copy);
    }
    while (status == FOV_OK && there) {
        status = csv_next(csv, &there, error);
        if (status) {
            error_prefix(error, "%s", table->file);
        } else if (there && !(first && columns->has_header)) {
            bool is_whole = csv->count == columns->count;
            if (is_whole && table->is_ordered) {
                order_fields(table, csv, fields);
            }
            status = is_whole ? take(table, columns, csv, user, error)
                              : error_set(error, FOV_E_INPUT, "%s, line %zu: %zu fields, but the first line has %zu",
                                          table->file, csv->line, csv->count, columns->count);
        }
        first = false;
    }
    memory_free(memory, fields);
    memory_free(memory, csv);
    memory_free(memory, copy);
    return status;
}

static int take_facts(struct table *table, const struct columns *columns, struct csv *row, void *user,
                      struct error *error)
{
    struct facts *facts = user;
    (void)table;
    (void)error;
    for (size_t i = 0; i < columns->count; i++) {
        note_cell(&facts[i], row->field[i]);
    }
    return FOV_OK;
}

/* The class names of all cells. Duplicates are removed from time to time, so that memory grows with the number of
 * different names, not of rows. */
struct gathering {
    char **names;
    size_t count, capacity, sorted;
};

static void merge_names(struct gathering *gathering, struct memory *memory)
{
    size_t kept = 0;
    if (gathering->count > 1) {
        qsort(gathering->names, gathering->count, sizeof *gathering->names, compare_texts);
    }
    for (size_t i = 0; i < gathering->count; i++) {
        if (kept > 0 && strcmp(gathering->names[kept - 1], gathering->names[i]) == 0) {
            memory_free(memory, gathering->names[i]);
        } else {
            gathering->names[kept++] = gathering->names[i];
        }
    }
    gathering->count = gathering->sorted = kept;
}

static int take_names(struct table *table, const struct columns *columns, struct csv *row, void *user,
                      struct error *error)
{
    struct gathering *gathering = user;
    struct memory *memory = table->list->memory;
    char *cell = row->field[columns->label], *name;
    while ((name = next_class(&cell, columns->separators)) != NULL) {
        void *block = gathering->names;
        int status = memory_grow(memory, &block, &gathering->capacity, gathering->count, sizeof *gathering->names,
                                 "class names", error);
        gathering->names = block;
        char *copy = status ? NULL : memory_copy_text(memory, name, error);
        if (copy == NULL) {
            return FOV_E_MEMORY;
        }
        gathering->names[gathering->count++] = copy;
        if (gathering->count > 2 * gathering->sorted + 4096) {
            merge_names(gathering, memory);
        }
        if (gathering->sorted > TABLE_CLASSES) {
            return error_set(error, FOV_E_INPUT, "%s: more than %d different classes: are these values?", table->file,
                             TABLE_CLASSES);
        }
    }
    return FOV_OK;
}

/* Makes the gathered names the list's classes and frees them. */
static int keep_classes(struct list *list, struct gathering *gathering, struct error *error)
{
    merge_names(gathering, list->memory);
    int status = FOV_OK;
    for (size_t i = 0; i < gathering->count; i++) {
        status = status ? status : list_add_class(list, gathering->names[i], error);
        memory_free(list->memory, gathering->names[i]);
    }
    memory_free(list->memory, gathering->names);
    return status;
}

/* The split of a row. */
static int row_role(const struct table *table, const struct columns *columns, const struct csv *row)
{
    int named = columns->split != SIZE_MAX ? (int)folder_role(row->field[columns->split]) : FOLDER_ROLES;
    return named != FOLDER_ROLES ? named : table->role;
}

static int take_sample(struct table *table, const struct columns *columns, struct csv *row, void *user,
                       struct error *error)
{
    struct list *list = table->list;
    char path[DATA_PATH_SIZE];
    (void)user;
    if (!find_file(table, list->store, row->field[columns->path], path)) {
        return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "missing file", table->file, "error",
                            error, "line %zu: there is no file \"%.200s\"", row->line, row->field[columns->path]);
    }
    int role = row_role(table, columns, row);
    if (columns->split != SIZE_MAX && folder_role(row->field[columns->split]) == FOLDER_ROLES) {
        int said = findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "unknown split", table->file,
                                "error", error, "line %zu: \"%.60s\" is none of train, val and test", row->line,
                                row->field[columns->split]);
        if (said) {
            return said;
        }
    }
    if (list->target == FOV_TARGET_CLASS && *row->field[columns->label] == '\0') {
        return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "no class", table->file, "left out",
                            error, "line %zu: \"%.200s\" has no class", row->line, row->field[columns->path]);
    }
    int32_t label = list->target == FOV_TARGET_CLASS ? find_class(list, row->field[columns->label]) : 0;
    int status = list_add(list, path, NULL, label, role, error);
    list->splits = list->splits || role != LIST_WITHOUT_SPLIT;
    for (size_t i = 0; i < list->class_count && status == FOV_OK && list->target == FOV_TARGET_CLASSES; i++) {
        status = list_add_number(list, 0, error);
    }
    if (status == FOV_OK && list->target == FOV_TARGET_CLASSES) {
        float *numbers = list->numbers + list->samples[list->count - 1].first;
        char *cell = row->field[columns->label], *name;
        while ((name = next_class(&cell, columns->separators)) != NULL) {
            numbers[find_class(list, name)] = 1;
        }
    }
    for (size_t i = 0; i < columns->input_count && status == FOV_OK; i++) {
        const char *cell = row->field[columns->input[i]];
        double number;
        status = text_to_number(cell, &number)
                     ? list_add_extra(list, number, error)
                     : error_set(error, FOV_E_INPUT, "%s, line %zu: \"%.40s\" is no number, and goes into an input",
                                 table->file, row->line, cell);
    }
    for (size_t i = 0; i < columns->count && status == FOV_OK && list->target == FOV_TARGET_VALUES; i++) {
        double number = 0;
        if (columns->is_value[i]) {
            (void)text_to_number(row->field[i], &number);
            status = fabs(number) <= (double)FLT_MAX
                         ? list_add_number(list, (float)number, error)
                         : error_set(error, FOV_E_INPUT, "%s, line %zu: \"%.40s\" is too large for a value, %g at most",
                                     table->file, row->line, row->field[i], (double)FLT_MAX);
        }
    }
    return status;
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* Tables in one folder share classes and target: facts and class names are gathered from all of them before any sample
 * is added. */
enum { MOST_TABLES = 8 };

struct tables {
    struct table table[MOST_TABLES];
    char *text[MOST_TABLES], *file[MOST_TABLES];
    struct columns columns[MOST_TABLES];
    size_t count;
};

static int open_table(struct tables *tables, struct list *list, const char *file, struct error *error)
{
    struct table *table = &tables->table[tables->count];
    struct memory *memory = list->memory;
    char **copy = &tables->file[tables->count], **text = &tables->text[tables->count];
    *copy = memory_copy_text(memory, file, error);
    int status = *copy ? list_read_text(list->store, file, memory, text, error) : FOV_E_MEMORY;
    tables->count++;
    struct csv *csv = status ? NULL : memory_allocate_raw(memory, 1, sizeof *csv, "a table", error);
    char *first = csv ? memory_copy_text(memory, *text, error) : NULL;
    bool there = false;
    if (first != NULL) {
        csv_begin(csv, first);
        table_begin(table, list, *copy);
        status = csv_next(csv, &there, error);
        if (status) {
            error_prefix(error, "%s", file);
        } else if (!there) {
            status = error_set(error, FOV_E_INPUT, "%s: the table is empty", file);
        } else {
            read_header(&tables->columns[tables->count - 1], csv, table, list->store);
        }
    } else {
        status = status ? status : FOV_E_MEMORY;
    }
    memory_free(memory, first);
    memory_free(memory, csv);
    return status;
}

/* How column k of the first table is found in another: by its exact name; by what it is (the path, the split, the
 * label); by its name in any case of letters. Each way is tried for all columns before the next. */
enum match { MATCH_EXACT, MATCH_ROLE, MATCH_ANY_CASE, MATCHES };

static bool matches(enum match way, const struct csv *first, const struct columns *wanted, size_t k,
                    const struct csv *other, const struct columns *given, size_t i)
{
    return way == MATCH_EXACT  ? strcmp(first->field[k], other->field[i]) == 0
           : way == MATCH_ROLE ? (k == wanted->path && i == given->path) ||
                                     (k == wanted->split && i == given->split) ||
                                     (k == wanted->label && i == given->label)
                               : folder_compare_names(first->field[k], other->field[i]) == 0;
}

/* Finds the columns of the first table in another table, by the headers of both. */
static int match_headers(struct table *table, const struct columns *columns, const struct csv *other,
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

/* Matches the columns of table `i` with those of the first: by their names or, where a header is missing, by their
 * places. */
static int match_columns(struct tables *tables, size_t i, const struct csv *first, struct error *error)
{
    struct memory *memory = tables->table[i].list->memory;
    const struct columns *columns = &tables->columns[i], *wanted = &tables->columns[0];
    if (!columns->has_header || !wanted->has_header) {
        return columns->count == wanted->count && columns->path == wanted->path
                   ? FOV_OK
                   : error_set(error, FOV_E_INPUT, "%s has other columns than %s: %zu and %zu", tables->file[i],
                               tables->file[0], columns->count, wanted->count);
    }
    struct csv *header = memory_allocate_raw(memory, 1, sizeof *header, "a table", error);
    char *text = memory_copy_text(memory, tables->text[i], error);
    int status = header && text ? FOV_OK : FOV_E_MEMORY;
    bool there;
    if (status == FOV_OK) {
        csv_begin(header, text);
        status = csv_next(header, &there, error);
    }
    status = status ? status
                    : match_headers(&tables->table[i], columns, header, &tables->table[0], wanted, first, error);
    memory_free(memory, text);
    memory_free(memory, header);
    return status;
}

/* Reads the facts and names of all tables, then their samples. */
static int read_tables(struct tables *tables, struct list *list, struct error *error)
{
    struct memory *memory = list->memory;
    struct facts *facts = memory_allocate(memory, CSV_FIELDS, sizeof *facts, "a table", error);
    struct csv *header = memory_allocate_raw(memory, 1, sizeof *header, "a table", error);
    char *first = memory_copy_text(memory, tables->text[0], error);
    int status = facts && header && first ? FOV_OK : FOV_E_MEMORY;
    bool there;
    if (status == FOV_OK) {
        csv_begin(header, first);
        status = csv_next(header, &there, error);
    }
    for (size_t i = 1; i < tables->count && status == FOV_OK; i++) {
        status = match_columns(tables, i, header, error);
    }
    for (size_t i = 0; i < tables->count && status == FOV_OK; i++) {
        status = each_row(&tables->table[i], &tables->columns[i], tables->text[i], take_facts, facts, error);
    }
    struct columns *columns = &tables->columns[0];
    status = status ? status : find_inputs(&tables->table[0], columns, header, error);
    status = status ? status : choose_target(&tables->table[0], columns, facts, header->field, error);
    for (size_t i = 1; i < tables->count && status == FOV_OK; i++) {
        bool has_header = tables->columns[i].has_header;
        tables->columns[i] = *columns;
        tables->columns[i].has_header = has_header;
    }
    struct gathering gathering = {.names = NULL};
    bool named = list->target == FOV_TARGET_CLASS || list->target == FOV_TARGET_CLASSES;
    for (size_t i = 0; i < tables->count && status == FOV_OK && named; i++) {
        status = each_row(&tables->table[i], &tables->columns[i], tables->text[i], take_names, &gathering, error);
    }
    int kept = keep_classes(list, &gathering, error);
    status = status ? status : kept;
    for (size_t i = 0; i < tables->count && status == FOV_OK; i++) {
        status = each_row(&tables->table[i], &tables->columns[i], tables->text[i], take_sample, NULL, error);
    }
    memory_free(memory, first);
    memory_free(memory, header);
    memory_free(memory, facts);
    return status;
}

/* ---- which tables ------------------------------------------------------------------------------------------------ */

static bool is_table(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && (folder_compare_names(name + length - 4, ".csv") == 0 ||
                          folder_compare_names(name + length - 4, ".tsv") == 0);
}

/* Opens the tables of a store in which the user has named none: those named after splits, or the only one. */
static int find_tables(struct tables *tables, struct list *list, struct error *error)
{
    char **names = NULL, path[DATA_PATH_SIZE], root[DATA_PATH_SIZE];
    size_t count, found = 0, splits = 0;
    snprintf(root, sizeof root, "%s", store_path(list->store));
    for (int depth = 0; depth < 4 && found == 0; depth++) {
        int status = store_list(list->store, root, list->memory, &names, &count, error);
        for (size_t i = 0; i < count && status == FOV_OK; i++) {
            char stem[WORD];
            snprintf(stem, sizeof stem, "%.*s", (int)(strlen(names[i]) > 4 ? strlen(names[i]) - 4 : 0), names[i]);
            found += is_table(names[i]) && *names[i] != '.';
            splits += is_table(names[i]) && folder_role(stem) != FOLDER_ROLES;
        }
        for (size_t i = 0; i < count && status == FOV_OK; i++) {
            char stem[WORD];
            snprintf(stem, sizeof stem, "%.*s", (int)(strlen(names[i]) > 4 ? strlen(names[i]) - 4 : 0), names[i]);
            bool wanted = is_table(names[i]) && *names[i] != '.' &&
                          (found == 1 || (splits > 0 && folder_role(stem) != FOLDER_ROLES));
            if (wanted && tables->count == MOST_TABLES) {
                status = findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "too many tables", root,
                                      "error", error, "more than %d tables are named after splits", MOST_TABLES);
            } else if (wanted) {
                status = file_join(path, sizeof path, root, names[i], error);
                status = status ? status : open_table(tables, list, path, error);
            }
        }
        memory_free(list->memory, names);
        if (status || !list_descend(list->store, root)) {
            return status;
        }
    }
    return FOV_OK;
}

static void close_tables(struct tables *tables, struct memory *memory)
{
    for (size_t i = 0; tables && i < tables->count; i++) {
        memory_free(memory, tables->text[i]);
        memory_free(memory, tables->file[i]);
    }
    memory_free(memory, tables);
}

/* Whether the first row after the header names a file; stops after that row. */
static int names_a_file(struct table *table, const struct columns *columns, struct csv *row, void *user,
                        struct error *error)
{
    char path[DATA_PATH_SIZE];
    bool *found = user;
    (void)error;
    *found = find_file(table, table->list->store, row->field[columns->path], path);
    return FOV_E_INTERRUPTED; // stops: one row is enough
}

static bool suits(const struct store *store, const char *index)
{
    struct memory *memory = memory_create(NULL, 0);
    bool found = index != NULL && is_table(index);
    if (memory != NULL && index == NULL) {
        struct list list = {
            .memory = memory, .store = (struct store *)(uintptr_t)store, .findings = {.memory = memory}};
        struct tables *tables = memory_allocate(memory, 1, sizeof *tables, "tables", NULL);
        if (tables != NULL && find_tables(tables, &list, NULL) == FOV_OK && tables->count > 0) {
            (void)each_row(&tables->table[0], &tables->columns[0], tables->text[0], names_a_file, &found, NULL);
        }
        close_tables(tables, memory);
        list.store = NULL; // not shared
        list_free(&list);
    }
    memory_destroy(memory);
    return found;
}

static int scan(struct list *list, struct error *error)
{
    struct tables *tables = memory_allocate(list->memory, 1, sizeof *tables, "tables", error);
    if (tables == NULL) {
        return FOV_E_MEMORY;
    }
    int status = list->index ? open_table(tables, list, list->index, error) : find_tables(tables, list, error);
    if (status == FOV_OK && tables->count == 0) {
        status = findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "no table", store_path(list->store),
                              "error", error, "no .csv file, or several that are not named after splits");
    } else if (status == FOV_OK) {
        status = read_tables(tables, list, error);
    }
    close_tables(tables, list->memory);
    return status;
}

const struct data_source data_source_csv = {.name = "csv",
                                            .has_columns = true,
                                            .turn = 10,
                                            .suits = suits,
                                            .scan = scan,
                                            .sample = list_sample,
                                            .target = list_target,
                                            .place = list_place,
                                            .close = list_close};
