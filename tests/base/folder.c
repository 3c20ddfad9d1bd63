/* SPDX-License-Identifier: MIT */
/* A temporary folder for one test, below $TMPDIR or /tmp. */
#include "folder.h"
#include "support/temporary.h"
#include "tests.h"

int folder_make(void **state)
{
    char *path = malloc(TEMPORARY_PATH);
    if (path == NULL) {
        return 1;
    }
    *state = path;
    temporary_folder(path);
    return 0;
}

int folder_remove(void **state)
{
    temporary_remove(*state);
    free(*state);
    return 0;
}

const char *folder_path(void **state, const char *name)
{
    static char paths[8][1024];
    static int  next;
    char       *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", (const char *)*state, name);
    return path;
}
