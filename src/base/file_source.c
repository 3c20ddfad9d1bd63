/* SPDX-License-Identifier: MIT */
/* A file that stays open to be read again. Weights packed straight from it are in memory only once, packed; their plain
 * form is read from here when it is needed later, unless the file has changed since it was opened. */
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file_source {
    struct memory  *memory;
    int             file;
    atomic_int      owners;
    off_t           size;
    struct timespec written;
};

int file_source_open(struct file_source **source, const struct file_map *map, struct memory *memory,
                     struct error *error)
{
    struct stat info;
    *source = NULL;
    if (map->opened == 0) {
        return FOV_OK;
    }
    int status = file_check(map, error); /* the file must still be the one that the map was made from */
    if (status != FOV_OK) {
        return status;
    }
    int file = fcntl(map->opened - 1, F_DUPFD_CLOEXEC, 0);
    if (file < 0 || fstat(file, &info) != 0) {
        int why = errno;
        if (file >= 0) {
            close(file);
        }
        return error_set(error, FOV_E_IO, "a file cannot be kept open: %s", strerror(why));
    }
    struct file_source *made = memory_allocate(memory, 1, sizeof *made, "an open file", error);
    if (made == NULL) {
        close(file);
        return FOV_E_MEMORY;
    }
    made->memory = memory;
    made->file = file;
    made->size = info.st_size;
    made->written = info.st_mtim;
    atomic_init(&made->owners, 1);
    *source = made;
    return FOV_OK;
}

struct file_source *file_source_share(struct file_source *source)
{
    if (source != NULL) {
        atomic_fetch_add(&source->owners, 1);
    }
    return source;
}

void file_source_close(struct file_source *source)
{
    if (source != NULL && atomic_fetch_sub(&source->owners, 1) == 1) {
        close(source->file);
        memory_free(source->memory, source);
    }
}

static bool file_source_is_unchanged(const struct file_source *source)
{
    struct stat info;
    return fstat(source->file, &info) == 0 && info.st_size == source->size &&
           info.st_mtim.tv_sec == source->written.tv_sec && info.st_mtim.tv_nsec == source->written.tv_nsec;
}

int file_source_read(const struct file_source *source, size_t offset, void *bytes, size_t count, struct error *error)
{
    for (size_t done = 0; done < count;) {
        ssize_t got = pread(source->file, (uint8_t *)bytes + done, count - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return error_set(error, FOV_E_IO, "cannot read byte %zu: %s", offset + done, strerror(errno));
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
        if (done == count && file_source_is_unchanged(source)) { /* checked after the read, which so saw the old file */
            return FOV_OK;
        }
    }
    return count == 0 ? FOV_OK : error_set(error, FOV_E_IO, "the file has changed since it was loaded: load it again");
}
