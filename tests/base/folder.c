/* SPDX-License-Identifier: MIT */
/* A temporary folder for one test, below $TMPDIR or /tmp. */
#include "folder.h"
#include "tests.h"
#include <ftw.h>
#include <unistd.h>

int folder_make(void **state)
{
    const char *top = getenv("TMPDIR");
    char       *path = malloc(512);
    if (path == NULL) {
        return 1;
    }
    snprintf(path, 512, "%s/fovea-test-XXXXXX", top != NULL ? top : "/tmp");
    *state = path;
    return mkdtemp(path) == NULL;
}

static int folder_remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

int folder_remove(void **state)
{
    int result = nftw(*state, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return result;
}

const char *folder_path(void **state, const char *name)
{
    static char paths[8][1024];
    static int  next;
    char       *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", (const char *)*state, name);
    return path;
}
