/* SPDX-License-Identifier: MIT */
/* Run folders of finished and running trainings: their names, the rows of history.csv, their settings and reports. Only
 * folders directly below the given one count. The run of a training in this process is listed before it has its first
 * row. */
#include "cli/output.h"
#include "cli/serve/serve.h"
#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_ROOM = 4096, MOST_RUNS = 500, MOST_COLUMNS = 64, MOST_FILE = 32 << 20, LINE = 4096 };

static const char *path_of(const struct server *server, const char *run, const char *file, char out[PATH_ROOM])
{
    snprintf(out, PATH_ROOM, "%.3000s/%.255s/%.100s", server->runs, run, file);
    return out;
}

static bool is_watched(const struct server *server, const char *name)
{
    return server->watched != NULL && strcmp(server->watched->name, name) == 0;
}

static bool is_file(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode) && about.st_size < MOST_FILE;
}

/* The cells of one CSV line; those that are numbers become JSON numbers. Modifies the line. */
static json_t *cells_of(char *line)
{
    json_t *row = json_array();
    for (char *cell = line; cell != NULL;) {
        char *comma = strchr(cell, ','), *end = NULL;
        if (comma != NULL) {
            *comma++ = '\0';
        }
        while (isspace((unsigned char)*cell)) {
            cell++;
        }
        cell[strcspn(cell, " \t\r\n")] = '\0';
        double number = strtod(cell, &end);
        if (*cell == '\0') {
            json_add(row, json_null());
        } else {
            json_add(row, *end == '\0' ? json_from_number(number) : json_from_text(cell));
        }
        cell = comma;
    }
    return row;
}

json_t *runs_read(const struct server *server, const char *name, size_t from)
{
    char path[PATH_ROOM], line[LINE], problem[512];
    int code;
    bool is_run = (guard_is_name(name) || is_watched(server, name)) &&
                  is_file(path_of(server, name, "history.csv", path));
    FILE *file = is_run ? fopen(path, "r") : NULL;
    if (file == NULL && !is_watched(server, name)) {
        return NULL;
    }
    json_t *object = json_object(), *rows = json_array();
    json_set_text(object, "name", name);
    json_set(object, "columns", json_array());
    for (size_t at = 0; file != NULL && fgets(line, sizeof line, file) != NULL; at++) {
        if (at == 0) {
            json_set(object, "columns", cells_of(line));
        } else if (at > from && strchr(line, '\n') != NULL) { /* a line without '\n' is still being written */
            json_add(rows, cells_of(line));
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    json_set(object, "rows", rows);
    if (from == 0) {
        json_t *config = is_file(path_of(server, name, "config.json", path))
                             ? json_read(path, 0, NULL, &code, problem, sizeof problem)
                             : NULL;
        json_set(object, "settings", config != NULL ? config : json_null());
        json_set_flag(object, "report", is_file(path_of(server, name, "report.html", path)));
    }
    return object;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

json_t *runs_list(const struct server *server)
{
    char path[PATH_ROOM], *names[MOST_RUNS];
    int count = 0;
    DIR *folder = opendir(server->runs);
    json_t *list = json_array(), *object = json_object();
    for (struct dirent *entry; folder != NULL && count < MOST_RUNS && (entry = readdir(folder)) != NULL;) {
        bool watched = is_watched(server, entry->d_name);
        if (watched || (guard_is_name(entry->d_name) && is_file(path_of(server, entry->d_name, "history.csv", path)))) {
            size_t length = strlen(entry->d_name) + 1;
            names[count] = take_memory(length, 1);
            memcpy(names[count++], entry->d_name, length);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    qsort(names, (size_t)count, sizeof *names, by_name);
    for (int i = 0; i < count; i++) {
        json_add(list, json_from_text(names[i]));
        free(names[i]);
    }
    json_set_text(object, "folder", server->runs);
    json_set(object, "runs", list);
    return object;
}

char *runs_report(const struct server *server, const char *name, size_t *size)
{
    char path[PATH_ROOM];
    struct stat about;
    if (!guard_is_name(name) || !is_file(path_of(server, name, "report.html", path)) || stat(path, &about) != 0) {
        return NULL;
    }
    FILE *file = fopen(path, "rb");
    char *text = file != NULL ? take_memory((size_t)about.st_size + 1, 1) : NULL;
    *size = text != NULL ? fread(text, 1, (size_t)about.st_size, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    return text;
}
