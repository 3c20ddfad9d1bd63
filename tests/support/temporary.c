/* SPDX-License-Identifier: MIT */
/* See temporary.h. */
#include "support/temporary.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void name_it(char out[TEMPORARY_PATH], const char *suffix)
{
    const char *base = getenv("TMPDIR");
    snprintf(out, TEMPORARY_PATH, "%.200s/fovea-test-XXXXXX%.30s", base != NULL ? base : "/tmp", suffix);
}

const char *temporary_folder(char out[TEMPORARY_PATH])
{
    name_it(out, "");
    if (mkdtemp(out) == NULL) {
        fail_msg("%s: %s", out, strerror(errno));
    }
    return out;
}

const char *temporary_file(char out[TEMPORARY_PATH], const char *suffix)
{
    name_it(out, suffix);
    int file = mkstemps(out, (int)strlen(suffix));
    if (file < 0) {
        fail_msg("%s: %s", out, strerror(errno));
    }
    close(file);
    return out;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

void temporary_remove(const char *folder)
{
    if (nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0) {
        fail_msg("%s: %s", folder, strerror(errno));
    }
}
