/* SPDX-License-Identifier: MIT */
/* Samples from a table: a column of paths, and columns with their targets (table.h). A column of names is a class, one
 * with several names per cell a set of classes, columns of numbers are values; a column "split" gives the split of each
 * row. */
#include "base/text.h"
#include "data/table.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_CLASSES = 100000, STEM = 64 };

/* ---- where a file lies ------------------------------------------------------------------------------------------- */

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
        table_note_cell(&facts[i], row->field[i]);
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
            char path[DATA_PATH_SIZE];
            bool has_header = !find_file(table, list->store, csv->field[0], path); /* its first cell names no file */
            table_read_header(&tables->columns[tables->count - 1], csv, has_header);
        }
    } else {
        status = status ? status : FOV_E_MEMORY;
    }
    memory_free(memory, first);
    memory_free(memory, csv);
    return status;
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
                    : table_match_headers(&tables->table[i], columns, header, &tables->table[0], wanted, first, error);
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
    status = status ? status : table_find_inputs(&tables->table[0], columns, header, error);
    status = status ? status : table_choose_target(&tables->table[0], columns, facts, header->field, error);
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
            char stem[STEM];
            snprintf(stem, sizeof stem, "%.*s", (int)(strlen(names[i]) > 4 ? strlen(names[i]) - 4 : 0), names[i]);
            found += is_table(names[i]) && *names[i] != '.';
            splits += is_table(names[i]) && folder_role(stem) != FOLDER_ROLES;
        }
        for (size_t i = 0; i < count && status == FOV_OK; i++) {
            char stem[STEM];
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
