/* SPDX-License-Identifier: MIT */
/* Services for sources on a tree of files: all pictures below a folder, an archive's wrapper folder, small text files,
 * names of classes. */
#include "data/list.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TREE_DEPTH = 8, TREE_TEXT = 16 << 20 /* bytes */ };

int list_paths_add(struct list_paths *paths, const char *path, struct error *error)
{
    void *block = paths->path;
    int status =
        memory_grow(paths->memory, &block, &paths->capacity, paths->count, sizeof *paths->path, "paths", error);
    paths->path = block;
    char *copy = status ? NULL : memory_copy_text(paths->memory, path, error);
    if (copy == NULL) {
        return FOV_E_MEMORY;
    }
    paths->path[paths->count++] = copy;
    return FOV_OK;
}

static int collect(struct list *list, const char *folder, int depth, struct list_paths *paths, struct error *error)
{
    const struct store *store = list->store;
    char **names, path[DATA_PATH_SIZE];
    size_t count;
    int status = store_list(store, folder, paths->memory, &names, &count, error);
    for (size_t i = 0; i < count && status == FOV_OK; i++) {
        if (folder_is_system(names[i])) {
            continue;
        }
        status = file_join(path, sizeof path, folder, names[i], error);
        if (status == FOV_OK && probe_name(names[i]) != NULL) {
            status = list_paths_add(paths, path, error);
        } else if (status == FOV_OK && store_look(store, path) == STORE_FOLDER) {
            status = depth < TREE_DEPTH
                         ? collect(list, path, depth + 1, paths, error)
                         : findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "folders too deep", path,
                                        "error", error, "folders are nested more than %d deep (a link that loops?)",
                                        TREE_DEPTH);
        }
    }
    memory_free(paths->memory, names);
    return status;
}

static int compare_paths(const void *a, const void *b)
{
    const char *const *first = a, *const *second = b;
    return list_compare_naturally(*first, *second);
}

int list_pictures(struct list *list, const char *folder, struct list_paths *paths, struct error *error)
{
    int status = collect(list, folder, 0, paths, error);
    if (paths->count > 1) {
        qsort(paths->path, paths->count, sizeof *paths->path, compare_paths);
    }
    return status;
}

void list_paths_free(struct list_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++) {
        memory_free(paths->memory, paths->path[i]);
    }
    memory_free(paths->memory, paths->path);
    *paths = (struct list_paths){.memory = paths->memory};
}

bool list_descend(const struct store *store, char path[DATA_PATH_SIZE])
{
    struct memory *memory = memory_create(NULL, 0);
    char **names = NULL, inner[DATA_PATH_SIZE], only[DATA_PATH_SIZE];
    size_t count = 0, folders = 0, pictures = 0;
    if (memory && store_list(store, path, memory, &names, &count, NULL) == FOV_OK) {
        for (size_t i = 0; i < count; i++) {
            if (folder_is_system(names[i]) || file_join(inner, sizeof inner, path, names[i], NULL) != FOV_OK) {
                continue;
            }
            if (probe_name(names[i]) != NULL) {
                pictures++;
            } else if (store_look(store, inner) == STORE_FOLDER && folders++ == 0) {
                snprintf(only, sizeof only, "%s", inner);
            }
        }
        memory_free(memory, names);
    }
    memory_destroy(memory);
    if (folders == 1 && pictures == 0) {
        snprintf(path, DATA_PATH_SIZE, "%s", only);
        return true;
    }
    return false;
}

int list_read_text(const struct store *store, const char *path, struct memory *memory, char **text, struct error *error)
{
    uint8_t *bytes = NULL;
    size_t size;
    int status = store_read(store, path, TREE_TEXT, memory, &bytes, &size, error);
    if (status == FOV_OK && memchr(bytes, 0, size) != NULL) {
        status = error_set(error, FOV_E_INPUT, "%s: not a text file", path);
        memory_free(memory, bytes);
        bytes = NULL;
    }
    *text = (char *)bytes;
    if (bytes != NULL && list_mark(*text) > 0) {
        memmove(bytes, bytes + list_mark(*text), size + 1 - list_mark(*text));
    }
    return status;
}

size_t list_mark(const char *text)
{
    static const char mark[] = "\xef\xbb\xbf";
    return strncmp(text, mark, sizeof mark - 1) == 0 ? sizeof mark - 1 : 0;
}

int list_read_classes(struct list *list, const char *folder, struct error *error)
{
    static const char *const files[] = {"classes.txt", "names.txt", "labels.txt"};
    const char *const places[] = {folder, store_path(list->store)};
    char path[DATA_PATH_SIZE];
    for (size_t i = 0; i < 6; i++) {
        if (file_join(path, sizeof path, places[i / 3], files[i % 3], NULL) != FOV_OK ||
            store_look(list->store, path) != STORE_FILE) {
            continue;
        }
        char *text, *line;
        int status = list_read_text(list->store, path, list->memory, &text, error);
        line = text;
        while (status == FOV_OK && *line) {
            size_t length = strcspn(line, "\r\n"), name = length;
            char end = line[length];
            while (name > 0 && (line[name - 1] == ' ' || line[name - 1] == '\t')) {
                name--;
            }
            line[name] = '\0';
            status = name > 0 ? list_add_class(list, line, error) : FOV_OK;
            line += length + (end != '\0');
        }
        memory_free(list->memory, text);
        return status;
    }
    return FOV_OK;
}
