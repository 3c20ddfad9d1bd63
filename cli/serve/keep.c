/* SPDX-License-Identifier: MIT */
/* Folders and files of Teach. Every picture is written under a temporary name and renamed, so that a kill leaves only
 * complete files. */
#include "cli/serve/keep.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file name suffix for the format, recognised by content as everywhere in the library. */
static const char *suffix_of(const unsigned char *bytes, size_t size)
{
    return size > 2 && bytes[0] == 0xff && bytes[1] == 0xd8 ? "jpg"
           : size > 4 && memcmp(bytes, "\x89PNG", 4) == 0   ? "png"
           : size > 4 && memcmp(bytes, "GIF8", 4) == 0      ? "gif"
           : size > 2 && memcmp(bytes, "BM", 2) == 0        ? "bmp"
                                                            : "webp";
}

int keep_picture(const char *folder, const char *class, int number, const void *bytes, size_t size)
{
    char path[KEEP_PATH], fresh[KEEP_PATH];
    snprintf(path, sizeof path, "%.3000s/%.200s", folder, class);
    if ((mkdir(folder, 0777) != 0 && errno != EEXIST) || (mkdir(path, 0777) != 0 && errno != EEXIST)) {
        return -1;
    }
    snprintf(path, sizeof path, "%.3000s/%.200s/%05d.%s", folder, class, number, suffix_of(bytes, size));
    snprintf(fresh, sizeof fresh, "%.3000s/%.200s/.new", folder, class);
    FILE *file = fopen(fresh, "wb");
    if (file == NULL) {
        return -1;
    }
    bool well = fwrite(bytes, 1, size, file) == size;
    well = fclose(file) == 0 && well;
    if (!well || rename(fresh, path) != 0) {
        int problem = errno;
        unlink(fresh);
        errno = problem;
        return -1;
    }
    return 0;
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* A picture found on disk. */
struct kept {
    char class[256], file[256];
};

/* Orders by number, which counts over all classes: the order in which the pictures came. */
static int by_number(const void *a, const void *b)
{
    const struct kept *one = a, *other = b;
    int order = strcmp(one->file, other->file);
    return order != 0 ? order : strcmp(one->class, other->class);
}

/* Appends the files of a class to the list. */
static struct kept *add_class(const char *folder, const char *class, struct kept *list, size_t *count)
{
    char path[KEEP_PATH];
    struct dirent **files = NULL;
    snprintf(path, sizeof path, "%.3000s/%.200s", folder, class);
    int found = scandir(path, &files, is_shown, alphasort);
    struct kept *grown = found > 0 ? realloc(list, (*count + (size_t)found) * sizeof *list) : NULL;
    for (int i = 0; i < found; i++) {
        if (grown != NULL) {
            struct kept *at = &grown[(*count)++];
            snprintf(at->class, sizeof at->class, "%.255s", class);
            snprintf(at->file, sizeof at->file, "%.255s", files[i]->d_name);
        }
        free(files[i]);
    }
    free(files);
    return grown != NULL ? grown : list;
}

/* The number of a file "00012.png"; 0: its name is no such number. */
static int number_of(const char *file)
{
    enum { MOST_DIGITS = 9 };
    int number = 0, digits = 0;
    for (; digits < MOST_DIGITS && file[digits] >= '0' && file[digits] <= '9'; digits++) {
        number = 10 * number + (file[digits] - '0');
    }
    return digits > 0 && file[digits] == '.' ? number : 0;
}

int keep_each(const char *folder, bool (*take)(void *user, const char *class, const char *path), void *user)
{
    char path[KEEP_PATH];
    struct dirent **classes = NULL;
    struct kept *list = NULL;
    size_t count = 0;
    bool goes_on = true;
    int last = 0;
    int found = scandir(folder, &classes, is_shown, alphasort);
    for (int i = 0; i < found; i++) {
        list = add_class(folder, classes[i]->d_name, list, &count);
        free(classes[i]);
    }
    free(classes);
    if (count > 0) {
        qsort(list, count, sizeof *list, by_number);
    }
    for (size_t i = 0; i < count; i++) {
        int number = number_of(list[i].file);
        last = number > last ? number : last;
        snprintf(path, sizeof path, "%.3000s/%.255s/%.255s", folder, list[i].class, list[i].file);
        goes_on = goes_on && take(user, list[i].class, path);
    }
    free(list);
    return last;
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

const char *keep_run(const char *folder, char out[KEEP_PATH])
{
    snprintf(out, KEEP_PATH, "%.3000s/.run", folder);
    return out;
}

static const char *mark_of(const char *folder, char out[KEEP_PATH])
{
    snprintf(out, KEEP_PATH, "%.3000s/.unfinished", folder);
    return out;
}

bool keep_is_unfinished(const char *folder)
{
    char path[KEEP_PATH];
    return access(mark_of(folder, path), F_OK) == 0;
}

void keep_mark(const char *folder, bool unfinished)
{
    char path[KEEP_PATH];
    FILE *file = unfinished ? fopen(mark_of(folder, path), "w") : NULL;
    if (file != NULL) {
        fclose(file);
    } else if (!unfinished) {
        unlink(mark_of(folder, path));
    }
}
