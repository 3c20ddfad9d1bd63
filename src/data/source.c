/* SPDX-License-Identifier: MIT */
/* The order in which data sources are asked, and where data is looked for. */
#include "base/file.h"
#include "base/text.h"
#include "data/dataset.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct data_source *data_source_behind(const struct data_source *last)
{
    const struct data_source *next = NULL;
    bool passed = last == NULL; /* whether the loop has passed `last` in the table */
    for (size_t i = 0; i < data_source_table_count; i++) {
        const struct data_source *source = data_source_table[i];
        bool is_behind = last == NULL || source->turn > last->turn || (source->turn == last->turn && passed);
        passed = passed || source == last;
        if (is_behind && (next == NULL || source->turn < next->turn)) {
            next = source;
        }
    }
    return next;
}

/* Relative to the working directory, and only if FOVEA_DATA is not set: a folder named data, and the place beside the
   checkout where fovea's developers keep their data. */
static const char *const data_nearby[] = {"data", "../shared/data"};

/* The value of an environment variable; NULL if it is unset or empty. */
static const char *data_environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* $XDG_DATA_HOME/fovea or ~/.local/share/fovea (XDG base directory specification: relative paths are ignored). */
static int data_xdg_directory(char *out, size_t size, struct error *error)
{
    const char *home = data_environment("XDG_DATA_HOME");
    if (home && *home == '/') {
        return file_join(out, size, home, "fovea", error);
    }
    home = data_environment("HOME");
    if (home == NULL) {
        return error_set(error, FOV_E_USAGE, "no data directory: neither FOVEA_DATA nor HOME is set");
    }
    return file_join(out, size, home, ".local/share/fovea", error);
}

int data_directory(char *out, size_t size, struct error *error)
{
    const char *directory = data_environment("FOVEA_DATA");
    if (directory == NULL) {
        return data_xdg_directory(out, size, error);
    }
    int fits = snprintf(out, size, "%s", directory);
    if (fits < 0 || (size_t)fits >= size) {
        return (int)error_set(error, FOV_E_USAGE, "FOVEA_DATA is too long for a path");
    }
    return FOV_OK;
}

/* Tries `base` and base/FOLDER for each of `folders`; appends the directories that were tried to `looked`. */
static bool data_try(char *out, size_t size, const char *base, const char *const *folders,
                     bool (*recognises)(const char *directory), char *looked, size_t looked_size)
{
    for (int i = -1; i < 0 || folders[i]; i++) {
        int fits = i < 0 ? snprintf(out, size, "%s", base) : snprintf(out, size, "%s/%s", base, folders[i]);
        if (fits < 0 || (size_t)fits >= size) {
            continue;
        }
        if (recognises(out)) {
            return true;
        }
        text_append(looked, looked_size, strlen(looked), "%s%s", *looked ? ", " : "", out);
    }
    return false;
}

int data_find(char *out, size_t size, const char *name, const char *argument, const char *const *folders,
              bool (*recognises)(const char *directory), const char *advice, struct error *error)
{
    char looked[600] = "", base[DATA_PATH_SIZE];
    if (argument) {
        if (data_try(out, size, argument, folders, recognises, looked, sizeof looked)) {
            return FOV_OK;
        }
        return error_set(error, FOV_E_INPUT, "no %s files in %s; looked in %s", name, argument, looked);
    }
    const char *directory = data_environment("FOVEA_DATA");
    if (directory && data_try(out, size, directory, folders, recognises, looked, sizeof looked)) {
        return FOV_OK;
    }
    if (data_xdg_directory(base, sizeof base, NULL) == FOV_OK &&
        data_try(out, size, base, folders, recognises, looked, sizeof looked)) {
        return FOV_OK;
    }
    for (size_t i = 0; !directory && i < sizeof data_nearby / sizeof *data_nearby; i++) {
        if (file_is_directory(data_nearby[i]) &&
            data_try(out, size, data_nearby[i], folders, recognises, looked, sizeof looked)) {
            return FOV_OK;
        }
    }
    return error_set(error, FOV_E_IO, "%s was not found (looked in %s); %s", name,
                     *looked ? looked : "no directory: neither FOVEA_DATA nor HOME is set", advice);
}
