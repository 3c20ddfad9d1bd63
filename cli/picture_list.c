/* SPDX-License-Identifier: MIT */
/* Lists of pictures. Folders are walked in order of names, so that a folder gives the same list on every system. */
#include "picture_list.h"
#include "options.h"
#include "output.h"
#include "source.h"
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEEPEST = 32, LINE_SIZE = PATH_MAX + 2 };

static void add(struct picture_list *list, const char *path)
{
    if (list->count == list->capacity) {
        int capacity = list->capacity > 0 ? 2 * list->capacity : 64;
        char **larger = take_memory((size_t)capacity, sizeof *larger);
        if (list->count > 0) {
            memcpy(larger, list->path, (size_t)list->count * sizeof *larger);
        }
        free(list->path);
        list->path = larger;
        list->capacity = capacity;
    }
    size_t size = strlen(path) + 1;
    char *copy = take_memory(size, 1);
    memcpy(copy, path, size);
    list->path[list->count++] = copy;
}

/* Adds a file, or, of an array of several pictures, each as "FILE.npy[3]". What cannot be read has one entry, whose
 * error comes when it is opened. */
static void add_file(struct cli *cli, struct picture_list *list, const char *path)
{
    bool is_array = source_has_suffix(path, ".npy") && cli_context(cli) != NULL;
    int64_t count = is_array ? fov_image_count(cli->context, path) : 1;
    char *one = take_memory(strlen(path) + 32, 1);
    for (int64_t i = 0; i < count && count > 1; i++) {
        snprintf(one, strlen(path) + 32, "%s[%lld]", path, (long long)i);
        add(list, one);
    }
    if (count < 1) {
        fov_error_clear(cli->context);
    }
    if (count <= 1) {
        add(list, path);
    }
    free(one);
}

/* Takes the number off "FILE.npy[3]", unless a file has that very name; -1 where there is none. */
static int64_t split_number(char *path)
{
    static const char end[] = ".npy[";
    const char *open = strrchr(path, '[');
    size_t length = strlen(path);
    int64_t number = -1;
    if (open == NULL || path[length - 1] != ']' || open - path < (long)(sizeof end - 2) ||
        strncasecmp(open - (sizeof end - 2), end, sizeof end - 1) != 0 || access(path, F_OK) == 0) {
        return -1;
    }
    path[length - 1] = '\0';
    bool is_number = options_numbers(open + 1, ',', 0, INT64_MAX, &number, 1) == 1;
    path[is_number ? (size_t)(open - path) : length - 1] = is_number ? '\0' : ']';
    return is_number ? number : -1;
}

void picture_list_free(struct picture_list *list)
{
    for (int i = 0; i < list->count; i++) {
        free(list->path[i]);
    }
    free(list->path);
    free(list->files);
    *list = (struct picture_list){.count = 0};
}

/* ---- identity of files ------------------------------------------------------------------------------------------ */

struct picture_file {
    dev_t device;
    ino_t inode;
};

static int by_file(const void *a, const void *b)
{
    const struct picture_file *first = a, *second = b;
    int order = (first->device > second->device) - (first->device < second->device);
    return order != 0 ? order : (first->inode > second->inode) - (first->inode < second->inode);
}

bool picture_list_has(struct picture_list *list, const char *path)
{
    struct stat about;
    char file[PATH_MAX];
    if (stat(path, &about) != 0) {
        return false;
    }
    const struct picture_file wanted = {about.st_dev, about.st_ino};
    if (list->files == NULL) {
        list->files = take_memory((size_t)list->count, sizeof *list->files);
        for (int i = 0; i < list->count; i++) {
            bool is_input = strcmp(list->path[i], "-") == 0;
            snprintf(file, sizeof file, "%s", list->path[i]);
            split_number(file);
            if ((is_input ? fstat(STDIN_FILENO, &about) : stat(file, &about)) == 0) {
                list->files[list->file_count++] = (struct picture_file){about.st_dev, about.st_ino};
            }
        }
        qsort(list->files, (size_t)list->file_count, sizeof *list->files, by_file);
    }
    return bsearch(&wanted, list->files, (size_t)list->file_count, sizeof wanted, by_file) != NULL;
}

/* ---- words to files ----------------------------------------------------------------------------------------------- */

static bool is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static bool is_picture_name(const char *name)
{
    static const char *const suffixes[] = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"};
    bool is_one = false;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        is_one |= source_has_suffix(name, suffixes[i]);
    }
    return is_one && name[0] != '.';
}

static int keep_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_folder(struct picture_list *list, const char *folder, int depth)
{
    struct dirent **entry = NULL;
    int count = scandir(folder, &entry, keep_visible, by_bytes);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        size_t length = strlen(folder);
        const char *slash = length > 0 && folder[length - 1] == '/' ? "" : "/";
        int written = snprintf(path, sizeof path, "%s%s%s", folder, slash, entry[i]->d_name);
        if (written > 0 && written < PATH_MAX && is_folder(path)) {
            if (depth < DEEPEST) {
                add_folder(list, path, depth + 1);
            }
        } else if (written > 0 && written < PATH_MAX && is_picture_name(entry[i]->d_name)) {
            add(list, path);
        }
        free(entry[i]);
    }
    free(entry);
}

/* Adds the paths of a list file, one per line; empty lines, lines that begin with # and a byte order mark are
 * skipped. */
static int add_lines(struct cli *cli, struct picture_list *list, const char *name)
{
    char line[LINE_SIZE];
    int code = EXIT_OK;
    bool is_first = true;
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");
    if (file == NULL) {
        return fail(cli, EXIT_IO, "%s: cannot read the list: %s", name, strerror(errno));
    }
    while (code == EXIT_OK && fgets(line, sizeof line, file) != NULL) {
        size_t length = strlen(line);
        if (length == sizeof line - 1 && line[length - 1] != '\n') {
            code = fail(cli, EXIT_INPUT, "%s: a line is longer than a path can be", name);
        }
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) {
            line[--length] = '\0';
        }
        const char *path = line + (is_first && strncmp(line, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
        is_first = false;
        if (*path != '\0' && *path != '#') {
            add_file(cli, list, path);
        }
    }
    if (code == EXIT_OK && ferror(file)) {
        code = fail(cli, EXIT_IO, "%s: cannot read the list: %s", name, strerror(errno));
    }
    if (file != stdin) {
        fclose(file);
    }
    return code;
}

int picture_list_add(struct cli *cli, struct picture_list *list, const char *word)
{
    int before = list->count, code = EXIT_OK;
    char clean[SHOWN_SIZE];
    if (strcmp(word, "-") == 0 || access(word, F_OK) == 0) {
        if (is_folder(word)) {
            add_folder(list, word, 0);
            code = list->count > before ? EXIT_OK
                                        : fail(cli, EXIT_INPUT, "%s: no pictures in this folder",
                                               show_clean(clean, sizeof clean, word));
        } else {
            add_file(cli, list, word);
        }
        return code;
    }
    if (word[0] == '@') {
        code = add_lines(cli, list, word + 1);
        return code != EXIT_OK || list->count > before
                   ? code
                   : fail(cli, EXIT_INPUT, "%s: no paths in this list", show_clean(clean, sizeof clean, word + 1));
    }
    char file[PATH_MAX];
    snprintf(file, sizeof file, "%s", word);
    if (split_number(file) >= 0 && access(file, F_OK) == 0) {
        add(list, word);
        return code;
    }
    if (strpbrk(word, "*?[") != NULL) {
        glob_t found = {.gl_pathc = 0};
        if (glob(word, 0, NULL, &found) == 0) {
            for (size_t i = 0; i < found.gl_pathc; i++) {
                add_file(cli, list, found.gl_pathv[i]);
            }
        }
        globfree(&found);
        return list->count > before ? EXIT_OK
                                    : fail(cli, EXIT_IO, "%s: no file fits this pattern",
                                           show_clean(clean, sizeof clean, word));
    }
    add(list, word); /* a missing file: the error comes when it is opened, and the others are still predicted */
    return EXIT_OK;
}

/* Copies standard input to a temporary file, since decoders read a file more than once. */
static int load_input(struct cli *cli, fov_image *image)
{
    char path[64], block[1 << 14];
    FILE *file = tmpfile();
    size_t got = file != NULL ? fread(block, 1, sizeof block, stdin) : 0, all = 0;
    bool fine = file != NULL;
    while (fine && got > 0) {
        all += got;
        fine = fwrite(block, 1, got, file) == got;
        got = fine ? fread(block, 1, sizeof block, stdin) : 0;
    }
    fine = fine && fflush(file) == 0 && !ferror(stdin);
    int code = EXIT_OK;
    if (!fine) {
        code = fail(cli, EXIT_IO, "standard input: %s", strerror(errno));
    } else if (all == 0) {
        code = fail(cli, EXIT_INPUT, "standard input is empty; \"-\" is a picture that is piped in");
    } else if (snprintf(path, sizeof path, "/dev/fd/%d", fileno(file)) > 0 &&
               fov_image_count(cli->context, path) > 1) {
        code = fail(cli, EXIT_USAGE, "standard input holds %lld pictures, where one is read",
                    (long long)fov_image_count(cli->context, path));
    } else {
        int status = fov_image_load_input(cli->context, path, 0, image);
        const char *sentence = fov_error(cli->context); /* begins with the temporary path, which is removed */
        size_t known = strncmp(sentence, path, strlen(path)) == 0 ? strlen(path) : 0;
        code = status == FOV_OK ? EXIT_OK
                                : fail(cli, exit_code((fov_status)status), "standard input%s%s",
                                       known > 0 ? "" : ": ", sentence + known);
    }
    if (file != NULL) {
        fclose(file);
    }
    return code;
}

int picture_list_load(struct cli *cli, const char *path, fov_image *image)
{
    if (strcmp(path, "-") == 0) {
        return load_input(cli, image);
    }
    char file[PATH_MAX];
    if (snprintf(file, sizeof file, "%s", path) >= (int)sizeof file) {
        return fail_path(cli, path, ENAMETOOLONG);
    }
    int64_t number = split_number(file);
    int64_t count = number < 0 && source_has_suffix(file, ".npy") ? fov_image_count(cli->context, file) : 1;
    if (count > 1) {
        return fail(cli, EXIT_USAGE, "%s holds %lld pictures: name one, %s[0]", file, (long long)count, file);
    }
    int status = count == 1 ? fov_image_load_input(cli->context, file, number < 0 ? 0 : number, image) : FOV_E_INPUT;
    return status == FOV_OK ? EXIT_OK : fail_library(cli);
}
