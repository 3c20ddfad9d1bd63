/* SPDX-License-Identifier: MIT */
/* Archives in a program's memory, file by file: the public functions (fovea/memory.h) on a store without a path.
 * Archives as datasets are opened by dataset.c. */
#include "data/store.h"
#include "device/context.h"
#include <fovea/memory.h>
#include <string.h>

enum { TAR_MAGIC = 257 /* offset of "ustar" */ };

/* One walk through an archive. */
struct walk {
    const struct store *store;
    struct memory *memory;
    size_t most; /* largest file that is read, bytes */
    int (*take)(void *user, const fov_archived *file);
    void *user;
    bool ends;
};

bool fov_archive_is(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    if (at == NULL || size < 4) {
        return false;
    }
    return memcmp(at, "PK\3\4", 4) == 0 || memcmp(at, "PK\5\6", 4) == 0 ||
           (size >= TAR_MAGIC + 5 && memcmp(at + TAR_MAGIC, "ustar", 5) == 0);
}

/* Reads one file and passes it to the program's callback. Paths in the store, also in its errors, are "archive/NAME";
 * the program sees NAME. */
static int show_file(void *user, const char *path, struct error *error)
{
    struct walk *walk = user;
    size_t root = strlen(store_path(walk->store)) + 1;
    struct error why = {.status = FOV_OK};
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (walk->ends) {
        return FOV_OK;
    }
    int status = store_read(walk->store, path, walk->most, walk->memory, &bytes, &size, &why);
    if (status == FOV_E_MEMORY) {
        return (int)error_set(error, FOV_E_MEMORY, "%s", why.text);
    }
    bool named = strncmp(why.text, path, strlen(path)) == 0 && why.text[strlen(path)] == ':';
    const fov_archived file = {.name = path + root,
                               .bytes = bytes,
                               .size = bytes != NULL ? size : 0,
                               .problem = bytes != NULL ? NULL : named ? why.text + strlen(path) + 2 : why.text};
    walk->ends = walk->take(walk->user, &file) != 0;
    memory_free(walk->memory, bytes);
    return FOV_OK;
}

int fov_archive_each(fov_context *context, const void *bytes, size_t size, size_t most,
                     int (*take)(void *user, const fov_archived *file), void *user)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    if (bytes == NULL || take == NULL) {
        return call_refuse(context, "fov_archive_each: bytes and take must be given");
    }
    call_fresh(context); /* not call_begin: `take` makes public calls of its own */
    struct walk walk = {.memory = context->memory, .most = most, .take = take, .user = user};
    struct store *store = NULL;
    struct error error = {.status = FOV_OK};
    int status = store_open_memory(&store, bytes, size, context->memory, &error);
    if (status == FOV_OK) {
        walk.store = store;
        status = store_each(store, show_file, &walk, &error);
        store_close(store);
    }
    if (status != FOV_OK) {
        error_set(&context->error, error.status, "%s", error.text);
    }
    return status;
}
