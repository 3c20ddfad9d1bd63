/* SPDX-License-Identifier: MIT */
/* Lines "NUMBER STATE HINTS DIRECTORY", and "last NUMBER". */
#include "learn/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void find_path(char *out, size_t size)
{
    const char *own = getenv("FOVEA_LEARN_PROGRESS"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    *out = '\0';
    if (own != NULL && *own != '\0') {
        snprintf(out, size, "%s", own);
    } else if (state != NULL && *state == '/') {
        snprintf(out, size, "%s/fovea/learn.txt", state);
    } else if (home != NULL && *home == '/') {
        snprintf(out, size, "%s/.local/state/fovea/learn.txt", home);
    }
}

static void read_line(struct progress_file *p, const char *line)
{
    char state[16], directory[PROGRESS_PATH] = "";
    int number, hints;
    if (sscanf(line, "last %d", &number) == 1) {
        p->last = number > 0 && number < PROGRESS_LESSONS ? number : 0;
    } else if (sscanf(line, "%d %15s %d %1023[^\n]", &number, state, &hints, directory) >= 3 && number > 0 &&
               number < PROGRESS_LESSONS) {
        struct lesson_progress *lesson = &p->lesson[number];
        lesson->passed = strcmp(state, "passed") == 0;
        lesson->started = lesson->passed || strcmp(state, "started") == 0;
        lesson->hints = hints >= 0 && hints <= 3 ? hints : 0;
        snprintf(lesson->directory, sizeof lesson->directory, "%s", directory);
    }
}

struct progress_file *progress_read(void)
{
    struct progress_file *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    find_path(p->path, sizeof p->path);
    int file = *p->path != '\0' ? open(p->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    struct stat status;
    FILE *in = file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode) ? fdopen(file, "r") : NULL;
    if (in == NULL) {
        if (file >= 0) {
            close(file);
        }
        return p;
    }
    char line[PROGRESS_PATH + 64];
    while (fgets(line, sizeof line, in) != NULL) {
        read_line(p, line);
    }
    fclose(in);
    return p;
}

/* Makes the folders above a file. */
static bool make_parents(const char *path)
{
    char part[PROGRESS_PATH];
    snprintf(part, sizeof part, "%s", path);
    for (char *at = part + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            return false;
        }
        *at = '/';
    }
    return true;
}

bool progress_write(const struct progress_file *p)
{
    char temporary[PROGRESS_PATH + 32];
    if (*p->path == '\0') {
        errno = ENOENT;
        return false;
    }
    snprintf(temporary, sizeof temporary, "%s.tmp.%ld", p->path, (long)getpid());
    FILE *out = make_parents(p->path) ? fopen(temporary, "w") : NULL;
    if (out == NULL) {
        return false;
    }
    fputs("# fovea learn: lesson, state, hints shown, folder. `fovea learn check --all` makes it again.\n", out);
    for (int i = 1; i < PROGRESS_LESSONS; i++) {
        const struct lesson_progress *lesson = &p->lesson[i];
        if (lesson->started || lesson->passed || lesson->hints > 0) {
            fprintf(out, "%d %s %d %s\n", i,
                    lesson->passed    ? "passed"
                    : lesson->started ? "started"
                                      : "open",
                    lesson->hints, lesson->directory);
        }
    }
    fprintf(out, "last %d\n", p->last);
    bool written = fflush(out) == 0 && fsync(fileno(out)) == 0;
    written = fclose(out) == 0 && written;
    if (!written || rename(temporary, p->path) != 0) {
        int reason = errno;
        unlink(temporary);
        errno = reason;
        return false;
    }
    return true;
}
